"""Contact sheets of any dataset: pictures spread over it in one, for people to look at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mien.core.arrays import UInt8
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
    columns = min(COLUMNS, len(chosen))
    sheet = np.zeros((-(-len(chosen) // columns) * TILE_PX, columns * TILE_PX, 3), np.uint8)
    for place, i in enumerate(chosen):
        y, x = (place // columns) * TILE_PX, (place % columns) * TILE_PX
        try:
            tile = _tile(dataset.sample(i), points)
        except SourceError:
            continue
        sheet[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return sheet


def write_sheet(sheet: UInt8, path: Path) -> None:
    """Write it as PNG or JPEG, by the ending.

    Raises:
        SinkError: the file cannot be written.
    """
    good, data = cv2.imencode(path.suffix, sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not good:
        raise SinkError(f"contact sheet {path}: the ending must be .png or .jpg")
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise SinkError(f"contact sheet {path}: {error.strerror or error}") from error


def _tile(sample: Sample, points: bool) -> UInt8:
    image = sample.image()
    scale = TILE_PX / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, size, interpolation=method) if scale != 1 else image.copy()
    tile: UInt8 = np.ascontiguousarray(resized, dtype=np.uint8)
    if points:
        _mark(tile, sample, scale)
    return tile


def _mark(tile: UInt8, sample: Sample, scale: float) -> None:
    if sample.boxes_xyxy is not None:
        for box in sample.boxes_xyxy:
            left, top, right, bottom = (round(float(v) * scale) for v in box)
            cv2.rectangle(tile, (left, top), (right, bottom), _BOX, 1)
    if sample.landmarks_xy is None:
        return
    seen = sample.truth.landmarks_visible if sample.truth is not None else None
    for k, (x, y) in enumerate(sample.landmarks_xy * scale):
        if np.isfinite(x + y):
            colour = _SEEN if seen is None or seen[k] > 0.5 else _HIDDEN
            cv2.circle(tile, (round(float(x) * 16), round(float(y) * 16)), 18, colour, -1, cv2.LINE_AA, 4)
