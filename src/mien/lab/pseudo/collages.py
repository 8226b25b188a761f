"""Collages of faces (SFHQ): each face is cut at its own tile, so that no caption and no neighbour comes along.

The tiles lie on a dark ground in straight rows and columns. People who appear twice (marked in `boxes.json`, in one
column of a "bring to life" collage, or found here by their pixels) are one subject.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, UInt8
from mien.errors import SourceError
from mien.lab.pseudo.sources import Listing, Picture
from mien.sources.images import read_image

_DARK_TOLERANCE = 14
_COLUMN_DARK, _ROW_DARK = 0.93, 0.5
"""Share of ground in a line above which it lies between tiles: captions stand between rows, never between columns."""
_LEAST_TILE_PX = 60
_EDGE_PX = 4
"""Taken off every tile: the JPEG's ringing along its border, and letters that touch it."""
_SAME_COLUMN = "bring_to_life"
"""In such collages a column shows one source picture and the faces made from it."""
_TWIN = 0.85
"""Correlation of two aligned, band-passed faces from which they count as one person. Three quarters of the marked
doubles lie above 0.81, of all other pairs one in 10,000 above 0.84."""
_ALIGNED_PX = 64
_ALIGNED: Float32 = np.array([[20, 24], [44, 24], [32, 38], [23, 48], [41, 48]], dtype=np.float32)
_LEFT_OUT = {"duplicate_of": "duplicate", "drawn_over": "landmark dots are drawn on it"}

Span = tuple[int, int]


def tiles(picture: UInt8) -> tuple[list[Span], list[Span]]:
    """(columns, rows) of a collage as pixel spans [from, to).

    Args:
        picture: (H, W, 3) uint8; the colour of the ground is the one at its left edge.
    """
    ground = np.median(picture[:, :4].reshape(-1, 3), axis=0)
    dark = (np.abs(picture.astype(np.int16) - ground.astype(np.int16)) < _DARK_TOLERANCE).all(axis=2)
    columns = _runs(dark.mean(axis=0) < _COLUMN_DARK)
    rows = _runs(dark.mean(axis=1) < _ROW_DARK)
    return columns, rows


def _runs(inside: npt.NDArray[np.bool_]) -> list[Span]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= _LEAST_TILE_PX]


def _holding(spans: Sequence[Span], place: float) -> int:
    return next((i for i, (a, b) in enumerate(spans) if a <= place < b), -1)


def list_collages(folder: Path) -> Listing:
    """The faces of a folder of collages with their `boxes.json`.

    Duplicates and faces with drawn dots are left out, faces of stylised sources are kept with the attribute
    `stylised`.

    Raises:
        SourceError: the folder holds no such collages.
    """
    table = _table(folder)
    left_out: Counter[str] = Counter()
    faces: list[tuple[str, dict[str, Any]]] = []
    whose = _Groups()
    for name, collage in table.items():
        picture = _collage(folder / name)
        columns, rows = tiles(picture)
        for i, face in enumerate(collage["faces"]):
            x, y, w, h = face["box"]
            column, row = _holding(columns, x + w / 2), _holding(rows, y + h / 2)
            here = face | {"index": i, "aligned": _aligned(picture, face["landmarks5"])}
            if column >= 0 and row >= 0:
                (left, right), (top, bottom) = columns[column], rows[row]
                here["tile"] = (left + _EDGE_PX, top + _EDGE_PX, right - _EDGE_PX, bottom - _EDGE_PX)
            if face.get("duplicate_of"):
                whose.join(f"{name}#{i}", "{}#{}".format(*face["duplicate_of"]))
            if name.startswith(_SAME_COLUMN) and column >= 0:
                whose.join(f"{name}#{i}", f"{name}|column {column}")
            faces.append((name, here))
    _join_twins(faces, whose)
    pictures = []
    for name, face in faces:
        reason = next((why for key, why in _LEFT_OUT.items() if face.get(key)), "")
        if not reason and "tile" not in face:
            reason = "no tile found around it"
        if reason:
            left_out[reason] += 1
        else:
            pictures.append(_picture(folder, name, face, whose.of(f"{name}#{face['index']}")))
    return Listing("sfhq", tuple(pictures), dict(left_out))


def _table(folder: Path) -> Mapping[str, Any]:
    path = folder / "boxes.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["collages"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: cannot be read ({error}): name the folder of collages with boxes.json") from None
    if not isinstance(found, dict) or not all(Path(n).name == n for n in found):
        raise SourceError(f"{path}: its collages are no table of file names")
    return found


def _picture(folder: Path, collage: str, face: Mapping[str, Any], subject: str) -> Picture:
    left, top, _, _ = face["tile"]
    x, y, w, h = face["box"]
    box = np.array([x - left, y - top, x + w - left, y + h - top], dtype=np.float32)
    return Picture(
        name=f"{Path(collage).stem}_{face['index']:02d}",
        subject=subject,
        image=partial(_tile, folder / collage, face["tile"]),
        boxes_xyxy=(box,),
        attributes={"stylised": bool(face.get("stylised")), "collage": collage},
    )


@lru_cache(maxsize=2)
def _collage(path: Path) -> UInt8:
    return read_image(path)[0]


def _tile(path: Path, tile: tuple[int, int, int, int]) -> UInt8:
    left, top, right, bottom = tile
    return np.ascontiguousarray(_collage(path)[top:bottom, left:right])


def _aligned(picture: UInt8, five: Sequence[Sequence[float]]) -> Float32:
    """A small, upright, band-passed grey face of unit length, as a vector."""
    matrix, _ = cv2.estimateAffinePartial2D(np.array(five, dtype=np.float32), _ALIGNED)
    face = cv2.warpAffine(picture, matrix, (_ALIGNED_PX, _ALIGNED_PX), flags=cv2.INTER_AREA).astype(np.float32)
    grey = face.mean(axis=2)
    band = (cv2.GaussianBlur(grey, (0, 0), 1.2) - cv2.GaussianBlur(grey, (0, 0), 6.0))[6:60, 6:58]
    band = band - band.mean()
    return np.asarray(band.ravel() / max(float(np.linalg.norm(band)), 1e-6), dtype=np.float32)


def _join_twins(faces: Sequence[tuple[str, dict[str, Any]]], whose: _Groups) -> None:
    if not faces:
        return
    names = [f"{name}#{face['index']}" for name, face in faces]
    vectors = np.stack([face.pop("aligned") for _, face in faces])
    for i, j in np.argwhere(np.triu(vectors @ vectors.T > _TWIN, 1)).tolist():
        whose.join(names[i], names[j])


class _Groups:
    """Names that belong together; a group is called by its first name in the alphabet."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def of(self, name: str) -> str:
        while (parent := self._parent.get(name, name)) != name:
            name = parent
        return name

    def join(self, a: str, b: str) -> None:
        a, b = sorted((self.of(a), self.of(b)))
        self._parent[b] = a
