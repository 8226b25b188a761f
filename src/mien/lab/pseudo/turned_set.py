"""A dataset of turned portraits (`turned`), made from one of pseudo-labelled faces; the same command goes on.

python -m mien.lab.pseudo.turned_set --of DIR --out DIR --rig ict:FOLDER --backgrounds FOLDER --turns 2
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mien.core.arrays import UInt8
from mien.errors import ConfigError, SinkError, SourceError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.pictures import read_picture
from mien.lab.datasets.pseudo_labelled import LABELS, MANIFEST, PICTURES, read_manifest, write_part
from mien.lab.datasets.sample import Sample
from mien.lab.pseudo.turned import MOST_TURN_DEG, Relief, TurnedFace
from mien.lab.render.surroundings import background_files
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Rig

log = logging.getLogger(__name__)

BLOCK = 32
SIZE = 224
_SPREAD = 0.01
"""Doubt about a turned point, in distances of the portrait's outer eye corners, on top of the portrait's own."""
_YAW_DEG, _PITCH_DEG, _ROLL_DEG = (28.0, 75.0), 8.0, 6.0
_OWN_SIDE_DEG = 4.0
"""A portrait that is turned so far already is turned further only: of its other side it shows too little."""
_COVERED = 0.8


@dataclass(frozen=True, slots=True)
class TurnOrder:
    """What is to be made.

    Attributes:
        turns: pictures per portrait.
        rig: name of the rig that gives the depth.
        seed: of all chances.
    """

    turns: int = 2
    rig: str = "ict"
    seed: int = 0


def random_turn(own_yaw_deg: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """Yaw, pitch, roll to add to a portrait with this yaw: to a yaw of 28–75°, by at most `MOST_TURN_DEG`."""
    side = float(np.sign(own_yaw_deg)) if abs(own_yaw_deg) > _OWN_SIDE_DEG else float(rng.choice([-1.0, 1.0]))
    own = side * own_yaw_deg
    most = min(_YAW_DEG[1] - own, MOST_TURN_DEG)
    yaw = side * float(rng.uniform(max(_YAW_DEG[0] - own, 10.0), max(most, 12.0)))
    return yaw, float(rng.normal(0, _PITCH_DEG)), float(rng.normal(0, _ROLL_DEG))


def turned_portraits(sample: Sample, rig: Rig, photos: Sequence[UInt8], order: TurnOrder) -> list[TurnedFace]:
    """The turned pictures of a portrait, at most `turns`; none where no relief fits."""
    if sample.landmarks_xy is None or sample.truth is None:
        return []
    rng = np.random.default_rng((order.seed, *sample.name.encode()))
    image = sample.image()
    grey = bool((image == image[..., :1]).all())
    try:
        relief = Relief(image, sample.landmarks_xy, rig)
    except SourceError:
        return []
    out = []
    for _ in range(order.turns):
        photo = photos[int(rng.integers(len(photos)))]
        if grey:  # or colour would tell where the face ends
            photo = np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        face = relief.turned(random_turn(float(relief.pose_ypr_deg[0]), rng), SIZE, photo)
        inside = ((face.landmarks_xy > 0) & (face.landmarks_xy < SIZE - 1)).all()
        if face.covered >= _COVERED and inside:
            out.append(face)
    return out


def make_turned_set(source: Path, out: Path, rig: Rig, photos: Sequence[UInt8], order: TurnOrder) -> int:
    """Make the dataset; how many pictures it has now.

    Raises:
        SourceError: `source` is no folder of pseudo-labelled faces.
        SinkError: `out` cannot be written, or holds another order.
    """
    before = read_manifest(source / MANIFEST)
    dataset = open_dataset("pseudo", source)
    manifest = {**before, "turned": {"order": vars_of(order), "of": before.get("order")}, "complete": False}
    try:
        _begin(out, manifest)
        total = 0
        for first in range(0, len(dataset), BLOCK):
            part = out / LABELS / f"part_{first // BLOCK:05d}.parquet"
            if part.is_file():
                continue
            rows: list[dict[str, Any]] = []
            for i in range(first, min(first + BLOCK, len(dataset))):
                sample = dataset.sample(i)
                faces = turned_portraits(sample, rig, photos, order)
                rows += [_row(sample, k, face, out) for k, face in enumerate(faces)]
            write_part(rows, part)
            total += len(rows)
            log.info("%d of %d portraits, %d pictures", min(first + BLOCK, len(dataset)), len(dataset), total)
        (out / MANIFEST).write_text(json.dumps({**manifest, "complete": True}, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{out}: cannot be written ({error}); free space or choose another folder") from error
    return total


def vars_of(order: TurnOrder) -> dict[str, Any]:
    """As a table."""
    return {"turns": order.turns, "rig": order.rig, "seed": order.seed}


def _begin(out: Path, manifest: dict[str, Any]) -> None:
    if (out / MANIFEST).is_file():
        if read_manifest(out / MANIFEST).get("turned") != manifest["turned"]:
            raise SinkError(f"{out}: holds another order; choose another folder")
        return
    for name in (LABELS, PICTURES):
        (out / name).mkdir(parents=True, exist_ok=True)
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _row(sample: Sample, k: int, face: TurnedFace, out: Path) -> dict[str, Any]:
    """Write a picture; its row."""
    name = f"{sample.name}_turned{k}"
    relative = f"{name}.jpg"
    done, data = cv2.imencode(".jpg", face.image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 92))
    if not done:
        raise OSError(f"{relative} cannot be encoded")
    (out / PICTURES / relative).write_bytes(data.tobytes())
    assert sample.truth is not None
    assert sample.landmarks_xy is not None
    own = sample.truth.landmark_spread_px
    scale = face.unit_px / max(float(np.linalg.norm(sample.landmarks_xy[60] - sample.landmarks_xy[72])), 1e-3)
    spread = np.zeros(98) if own is None else np.nan_to_num(own * scale, nan=face.unit_px)
    return {
        "name": name,
        "picture": relative,
        "subject": (sample.subject or "").partition("/")[2],
        "split": sample.split,
        "refused": "",
        "expression": "",
        "attributes": "{}",
        "box_xyxy": np.concatenate([face.landmarks_xy.min(axis=0), face.landmarks_xy.max(axis=0)]),
        "landmarks_xy": face.landmarks_xy,
        "landmarks_visible": face.visible,
        "landmark_spread_px": spread + _SPREAD * face.unit_px,
        "pose_ypr_deg": face.pose_ypr_deg,
    }


def main(arguments: list[str] | None = None) -> None:
    """Command line of the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--of", type=Path, required=True, help="folder of `mien lab pseudo`")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rig", required=True, metavar="NAME:FOLDER", help="who gives the depth")
    parser.add_argument("--backgrounds", type=Path, required=True, help="photographs without people")
    parser.add_argument("--turns", type=int, default=2, help="pictures per portrait")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    cv2.setNumThreads(1)
    name, _, folder = given.rig.partition(":")
    photos = [read_picture(f) for f in background_files(given.backgrounds)]
    if not photos:
        raise ConfigError(f"--backgrounds {given.backgrounds}: holds no pictures")
    rig = load_rig(name, folder or None)
    count = make_turned_set(given.of, given.out, rig, photos, TurnOrder(given.turns, name))
    log.info("%d pictures made", count)


if __name__ == "__main__":
    main()
