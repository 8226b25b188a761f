"""Contact sheets of any dataset: pictures spread over it in one, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, UInt8
from mien.errors import SinkError, SourceError
from mien.lab.datasets.dataset import Dataset
from mien.lab.datasets.sample import Sample

COLUMNS, ROWS, TILE_PX = 8, 6, 256
_SEEN, _HIDDEN, _BOX = (60, 230, 90), (235, 60, 60), (250, 220, 60)


def contact_sheet(dataset: Dataset, count: int = COLUMNS * ROWS, points: bool = False) -> UInt8:
    """(rows · 256, 8 · 256, 3) uint8 RGB of samples that are spread evenly; unfilled places and pictures that cannot be
    read are black.

    Args:
        dataset: not empty.
        count: how many.
        points: draw points (green = can be seen, red = hidden) and boxes.
    """
    if not len(dataset):
        raise ValueError("contact_sheet: expected a dataset with samples")
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int)).tolist()
    tiles: list[UInt8 | None] = []
    for i in chosen:
        try:
            tiles.append(_tile(dataset.sample(i), points))
        except SourceError:
            tiles.append(None)
    return grid(tiles, TILE_PX)


def grid(tiles: Sequence[UInt8 | None], size_px: int, columns: int = COLUMNS) -> UInt8:
    """(rows · size, columns · size, 3) uint8: tiles of at most size × size, row by row; None and unfilled = black."""
    columns = min(columns, len(tiles))
    sheet = np.zeros((-(-len(tiles) // columns) * size_px, columns * size_px, 3), np.uint8)
    for place, tile in enumerate(tiles):
        y, x = (place // columns) * size_px, (place % columns) * size_px
        if tile is not None:
            sheet[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return sheet


def write_sheet(sheet: UInt8, path: Path) -> None:
    """Write it as PNG or JPEG, by the ending.

    Raises:
        SinkError: the file cannot be written.
    """
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise SinkError(f"contact sheet {path}: the ending must be .png or .jpg")
    _, data = cv2.imencode(path.suffix, sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise SinkError(f"contact sheet {path}: {error.strerror or error}") from error


def mark(tile: UInt8, points_xy: Float32 | None, seen: npt.NDArray[np.bool_] | None, boxes_xyxy: Float32) -> None:
    """Draw (N, 4) boxes and (P, 2) points into a picture, px; `seen` (P,) None = all can be seen."""
    for box in boxes_xyxy:
        left, top, right, bottom = (round(float(v)) for v in box)
        cv2.rectangle(tile, (left, top), (right, bottom), _BOX, 1)
    if points_xy is None:
        return
    for k, (x, y) in enumerate(points_xy):
        if np.isfinite(x + y):
            colour = _SEEN if seen is None or seen[k] else _HIDDEN
            cv2.circle(tile, (round(float(x) * 16), round(float(y) * 16)), 18, colour, -1, cv2.LINE_AA, 4)


def _tile(sample: Sample, points: bool) -> UInt8:
    image = sample.image()
    scale = TILE_PX / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, size, interpolation=method) if scale != 1 else image.copy()
    tile: UInt8 = np.ascontiguousarray(resized, dtype=np.uint8)
    if points:
        boxes = sample.boxes_xyxy if sample.boxes_xyxy is not None else np.zeros((0, 4), np.float32)
        xy = None if sample.landmarks_xy is None else np.asarray(sample.landmarks_xy * scale, np.float32)
        visible = sample.truth.landmarks_visible if sample.truth is not None else None
        mark(tile, xy, None if visible is None else visible > 0.5, np.asarray(boxes * scale, np.float32))
    return tile
