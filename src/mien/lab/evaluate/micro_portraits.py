"""Portraits for photo puppets: faces found by Mien's own chain, cut out with room around the head, of a known size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.core.record import FrameRecord, Stamp
from mien.errors import SourceError
from mien.lab.datasets.pictures import read_picture
from mien.lab.pseudo.puppet import Portrait
from mien.lab.pseudo.sources import list_source

LEAST_EYES_PX = 80.0
"""Distance between the outer eye corners that docs/micro-expressions.md asks for; smaller faces are passed over."""
MOST_EYES_PX = 120.0
"""A larger face is shrunk to this, some 300 px from brow to chin: its film costs half of one at 160 px."""
_ROOM = 0.8
"""Room around the points, in distances between the outer eye corners."""


@dataclass(frozen=True, slots=True, eq=False)
class Sitter:
    """Somebody to be moved.

    Attributes:
        source: name of the folder.
        portrait: cut out; its name is the picture's.
    """

    source: str
    portrait: Portrait


def sitters(folder: Path, most: int) -> Iterator[Sitter]:
    """Up to `most` portraits of a folder, in the order of their names; everybody once.

    Args:
        folder: of pictures, or of SFHQ's collages with their `boxes.json` (stylised faces are left out).
        most: how many.

    Raises:
        SourceError: the folder holds no picture.
    """
    from mien.pipeline.compose import compose
    from mien.pipeline.config import load_config
    from mien.pipeline.stage import SourceInfo

    config = load_config("balanced", ())
    config["stages"] = ["detect", "landmarks"]
    given = 0
    with compose(config, SourceInfo(folder.name, "images", None)) as pipeline:
        for name, image in pictures(folder):
            if given >= most:
                return
            for _, stage in pipeline.stages:  # the next picture shows somebody else
                stage.reset()
            size = image.shape[1], image.shape[0]
            faces = pipeline.process(FrameRecord(Stamp(name, 0, 0), size, image)).faces
            if len(faces) != 1 or faces[0].landmarks is None:
                continue
            cut = cut_out(image, faces[0].landmarks.xy, name)
            if cut is not None:
                given += 1
                yield Sitter(folder.name, cut)


def pictures(folder: Path) -> Iterator[tuple[str, UInt8]]:
    """(name, RGB picture) of a folder; of collages one face of each person. Raises: see `sitters`."""
    if (folder / "boxes.json").exists():
        met: set[str] = set()
        for picture in list_source("sfhq", folder).pictures:
            if picture.subject not in met and not picture.attributes.get("stylised"):
                met.add(picture.subject)
                yield picture.name, picture.image()
        return
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        raise SourceError(f"{folder}: holds no .jpg or .png")
    for file in files:
        yield file.name, read_picture(file)


def cut_out(image: UInt8, landmarks_xy: Float32, name: str) -> Portrait | None:
    """The head with some room around it, shrunk to `MOST_EYES_PX`; None if it is smaller than `LEAST_EYES_PX`.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_xy: (98, 2) px.
        name: of the picture.
    """
    eyes = float(np.linalg.norm(landmarks_xy[72] - landmarks_xy[60]))
    if not np.isfinite(landmarks_xy).all() or eyes < LEAST_EYES_PX:
        return None
    h, w = image.shape[:2]
    low = np.floor(landmarks_xy.min(axis=0) - _ROOM * eyes).clip(0, [w - 1, h - 1]).astype(int)
    high = np.ceil(landmarks_xy.max(axis=0) + _ROOM * eyes).clip(low + 1, [w, h]).astype(int)
    part = np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]])
    size = high - low
    small = np.maximum(1, np.round(size * min(1.0, MOST_EYES_PX / eyes))).astype(int)
    if (small < size).any():
        part = np.asarray(cv2.resize(part, (int(small[0]), int(small[1])), interpolation=cv2.INTER_AREA), np.uint8)
    points = (landmarks_xy - low + 0.5) * (small / size) - 0.5
    return Portrait(part, points.astype(np.float32), name)
