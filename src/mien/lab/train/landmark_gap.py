"""Measure where a landmark backend puts its points compared with the rig, on photos that may be trained on.

    python -m mien.lab.train.landmark_gap --rig FOLDER --photos FOLDER --out gap.npy

The photos folder holds collages and `boxes.json` (faces with boxes). Frontal faces with closed, calm mouths are
kept; the median of their front views, made symmetric, minus the rig's mean face is the gap: (98, 2) float32, mm,
x to the subject's left, y up. Pupils stay at 0.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from mien.action_units.features import apparent_yaw_pitch, front_view
from mien.core.arrays import Float32, UInt8
from mien.core.measures import Box
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.rigs.ict98 import load_rig98
from mien.lab.train.landmark_solver import mean_face
from mien.pipeline.registry import load, stage_table
from mien.pipeline.stage import Stage

log = logging.getLogger(__name__)

STAGES = ("landmarks/mediapipe", "landmarks/headpose")
_LIPS = (90, 94)
_FACE_PX = 220.0


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


def front_views(folder: Path, reference: Float32) -> tuple[Float32, Float32]:
    """(N, 98, 2) front views of the faces found on the photos, and their (N, 2) yaw and pitch, degrees."""
    stages: list[Stage] = [load(stage_table()[name])() for name in STAGES]
    views, turns = [], []
    for number, (image, box) in enumerate(photo_faces(folder)):
        stamp = Stamp("photo", number, number * 1_000_000_000)
        record = FrameRecord(stamp, (image.shape[1], image.shape[0]), image, (Face(box, track_id=number),))
        for stage in stages:
            record = stage.step(record)
        for face in record.faces:
            if face.landmarks is not None and face.head_pose is not None:
                pose = face.head_pose
                turn = apparent_yaw_pitch(pose.rotation[None], pose.translation_mm[None])
                views.append(front_view(face.landmarks.xy[None], turn, reference)[0])
                turns.append(np.degrees(turn[0]))
    for stage in stages:
        stage.close()
    return np.array(views, dtype=np.float32), np.array(turns, dtype=np.float32)


def calm_faces(views: Float32, yaw_pitch_deg: Float32) -> Float32:
    """The views that are nearly frontal and whose mouth is closed, not wide and not turned up."""
    centred = yaw_pitch_deg - np.median(yaw_pitch_deg, axis=0)
    gap = views[:, _LIPS[0], 1] - views[:, _LIPS[1], 1]
    keep = (np.abs(centred) < 12).all(axis=1) & (gap < 0.012)
    views = views[keep]
    width = views[:, 82, 0] - views[:, 76, 0]
    corners = views[:, [76, 82], 1].mean(axis=1) - views[:, list(_LIPS), 1].mean(axis=1)
    calm = (corners < np.quantile(corners, 0.6)) & (width < np.quantile(width, 0.7))
    return np.asarray(views[calm], dtype=np.float32)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", required=True, help="folder with ict_light.npz")
    parser.add_argument("--photos", required=True, type=Path, help="folder with collages and boxes.json")
    parser.add_argument("--out", required=True, type=Path, help="file to write (.npy)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    reference, unit_mm = mean_face(load_rig98(options.rig), None)
    views, turns = front_views(options.photos, reference)
    calm = calm_faces(views, turns)
    middle = np.median(calm, axis=0)
    middle = (middle + middle[load_schema("wflw98").mirror] * [-1, 1]) / 2
    gap = ((middle - reference[:, :2]) * unit_mm).astype(np.float32)
    gap[list(load_schema("wflw98").groups["pupils"])] = 0
    np.save(options.out, gap)
    log.info(
        "%d faces, %d calm and frontal; root mean square gap %.1f mm", len(views), len(calm), np.sqrt((gap**2).mean())
    )


if __name__ == "__main__":
    main()
