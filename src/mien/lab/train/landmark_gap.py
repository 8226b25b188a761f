"""Measure where a landmark backend puts its points compared with the rig, on photos that may be trained on.

    python -m mien.lab.train.landmark_gap --rig FOLDER --photos FOLDER --preset PRESET --out gap.npz [--calm-by PRESET]

The backend is the landmark stage of a preset, with its options, and the head pose stage behind it.

The photos folder holds collages and `boxes.json` (faces with boxes). Frontal faces with closed, calm mouths are
kept; the median of their front views, made symmetric, minus the rig's mean face is the gap. The backend's zero of
pitch is another than the rig's: the gap is taken at the pitch where it is smallest. What the backend saw of the
photos and of the built-in portrait is written beside it, see `landmark_evidence`. A backend whose lips are imprecise
cannot tell which mouths are closed: another one chooses the calm faces for it (`--calm-by`).
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mien.action_units.features import apparent_yaw_pitch, front_view
from mien.core.arrays import Float32, UInt8
from mien.core.measures import Box
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.rigs.ict98 import load_rig98
from mien.lab.train.landmark_evidence import EVIDENCE_NAME, Evidence, Found, Gap, calm_faces, portrait_faces
from mien.lab.train.landmark_solver import mean_face
from mien.pipeline.compose import build_stage
from mien.pipeline.config import load_config

log = logging.getLogger(__name__)

SLOTS = ("landmarks", "head_pose")
"""Stages of a preset that make a backend."""
_FACE_PX = 220.0
_FEWEST = 5


def photo_faces(folder: Path) -> Iterator[tuple[UInt8, Box]]:
    """Pictures of one face each, with its box: the collages' faces that are neither doubles nor drawings.

    Raises:
        SourceError: the folder has no boxes.json, or a collage cannot be read.
    """
    path = folder / "boxes.json"
    if not path.is_file():
        raise SourceError(f"no {path}: name the folder with the collages and their boxes.json")
    for name, collage in json.loads(path.read_text(encoding="utf-8"))["collages"].items():
        picture = cv2.imread(str(folder / name))
        if picture is None:
            raise SourceError(f"{folder / name} cannot be read")
        for face in collage["faces"] if isinstance(collage, dict) else collage:
            if not any(face.get(key) for key in ("duplicate_of", "drawn_over", "stylised")):
                yield _cut(np.asarray(picture[..., ::-1], dtype=np.uint8), face["box"])


def _cut(picture: UInt8, box_xywh: Sequence[float]) -> tuple[UInt8, Box]:
    x, y, w, h = box_xywh
    margin = 0.5 * max(w, h)
    left, top = max(int(x - margin), 0), max(int(y - margin), 0)
    part = picture[top : int(y + h + margin), left : int(x + w + margin)]
    scale = min(_FACE_PX / max(w, h), 1.0)
    image = cv2.resize(np.ascontiguousarray(part), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    corner = np.array([x - left, y - top, x - left + w, y - top + h], dtype=np.float32) * np.float32(scale)
    return np.asarray(image, dtype=np.uint8), Box(corner, 1.0)


def find_faces(pictures: Iterable[tuple[UInt8, Box]], preset: str) -> tuple[Found, list[int]]:
    """Run a preset's backend on pictures of one face each; the faces, and the number of each one's picture. Faces
    without a pose are left out."""
    config = load_config(preset)
    stages = [build_stage(config[slot], slot) for slot in SLOTS]
    points, turns, numbers = [], [], []
    for number, (image, box) in enumerate(pictures):
        stamp = Stamp("photo", number, number * 1_000_000_000)
        record = FrameRecord(stamp, (image.shape[1], image.shape[0]), image, (Face(box, track_id=number),))
        for stage in stages:
            record = stage.step(record)
        for face in record.faces:
            pose = face.head_pose
            if face.landmarks is not None and pose is not None and np.isfinite(pose.rotation).all():
                points.append(face.landmarks.xy)
                turns.append(apparent_yaw_pitch(pose.rotation[None], pose.translation_mm[None])[0])
                numbers.append(number)
    for stage in stages:
        stage.close()
    return Found(np.array(points, dtype=np.float32), np.array(turns, dtype=np.float64)), numbers


def measure(
    found: Found, reference: Float32, unit_mm: float, backend: str, calm: npt.NDArray[np.bool_] | None = None
) -> tuple[Gap, npt.NDArray[np.bool_]]:
    """The gap, with the pitch at which it is smallest; and (N,) which calm frontal faces it rests on.

    Args:
        found: N faces.
        reference: (98, 3) mean face of the rig, y up.
        unit_mm: what 1 of it is.
        backend: its name.
        calm: (N,) which faces are calm; None = judged by their own points.

    Raises:
        SourceError: too few calm frontal faces.
    """
    best: tuple[float, Gap, npt.NDArray[np.bool_]] | None = None
    inner = [*range(6, 27), *range(33, 96)]  # points that do not slide along the silhouette
    for pitch in np.radians(np.arange(-20.0, 20.5, 1.0)):
        turns = found.yaw_pitch_rad - [0.0, pitch]
        frontal = (np.abs(np.degrees(turns - np.median(turns, axis=0))) < 12).all(axis=1)
        views = front_view(found.xy_px[frontal], turns[frontal], reference)
        chosen = calm_faces(views) if calm is None else calm[frontal]
        if chosen.sum() < _FEWEST:
            continue
        middle = np.median(views[chosen], axis=0)
        middle = (middle + middle[load_schema("wflw98").mirror] * [-1, 1]) / 2
        offset = ((middle - reference[:, :2]) * unit_mm).astype(np.float32)
        offset[list(load_schema("wflw98").groups["pupils"])] = 0
        size = float(np.sqrt((offset[inner] ** 2).mean()))
        if best is None or size < best[0]:
            used = frontal.copy()
            used[frontal] = chosen
            best = size, Gap(offset, float(pitch), backend), used
    if best is None:
        raise SourceError(f"fewer than {_FEWEST} calm frontal faces were found on the photos; give more of them")
    return best[1], best[2]


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", required=True, help="folder with ict_light.npz")
    parser.add_argument("--photos", required=True, type=Path, help="folder with collages and boxes.json")
    parser.add_argument("--preset", default="balanced", help="whose landmark and head pose stages are the backend")
    parser.add_argument("--calm-by", help="the preset whose points choose the calm faces, if not the same")
    parser.add_argument("--out", required=True, type=Path, help="file to write (.npz)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    reference, unit_mm = mean_face(load_rig98(options.rig), None)
    found, numbers = find_faces(photo_faces(options.photos), options.preset)
    calm = None
    if options.calm_by is not None:
        others, theirs = find_faces(photo_faces(options.photos), options.calm_by)
        _, chosen = measure(others, reference, unit_mm, options.calm_by)
        calm = np.isin(numbers, np.array(theirs)[chosen])
    gap, used = measure(found, reference, unit_mm, load_config(options.preset)["landmarks"]["use"], calm)
    gap.save(options.out)
    Evidence(found, find_faces(portrait_faces(), options.preset)[0]).save(options.out.with_name(EVIDENCE_NAME))
    log.info(
        "%s: %d faces, %d calm and frontal; pitch %+.0f degrees, root mean square gap %.1f mm",
        *(
            gap.backend,
            len(found.xy_px),
            int(used.sum()),
            np.degrees(gap.pitch_rad),
            np.sqrt((gap.offset_mm**2).mean()),
        ),
    )


if __name__ == "__main__":
    main()
