"""Contact sheets: many samples in one picture, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mien.core.arrays import UInt8
from mien.errors import SinkError
from mien.lab.render.sample import RenderedSample

COLUMNS, ROWS = 8, 6
_SEEN, _HIDDEN = (60, 230, 90), (235, 60, 60)


def contact_sheet(samples: Sequence[RenderedSample], columns: int = COLUMNS, points: bool = False) -> UInt8:
    """(rows · S, columns · S, 3) uint8 RGB; unfilled places are black.

    Args:
        samples: all of one size.
        columns: pictures per row.
        points: draw the 98 points, green where they are seen, red where hidden, and the box.
    """
    if not samples:
        raise ValueError("contact_sheet: expected at least one sample")
    size = samples[0].image.shape[0]
    rows = -(-len(samples) // columns)
    sheet = np.zeros((rows * size, columns * size, 3), np.uint8)
    for i, sample in enumerate(samples):
        y, x = (i // columns) * size, (i % columns) * size
        sheet[y : y + size, x : x + size] = _marked(sample) if points else sample.image
    return sheet


def write_sheet(sheet: UInt8, path: Path) -> None:
    """Write it as PNG or JPEG, by the ending.

    Raises:
        SinkError: the file cannot be written.
    """
    good, data = cv2.imencode(path.suffix, sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    try:
        if good:
            path.write_bytes(data.tobytes())
    except OSError as error:
        raise SinkError(f"contact sheet {path}: {error}") from error
    if not good:
        raise SinkError(f"contact sheet {path}: the ending must be .png or .jpg")


def _marked(sample: RenderedSample) -> UInt8:
    image = np.ascontiguousarray(sample.image.copy())
    for (x, y), sure in zip(sample.landmarks.xy, sample.landmarks.confidence, strict=True):
        colour = _SEEN if sure > 0 else _HIDDEN
        cv2.circle(image, (round(float(x) * 16), round(float(y) * 16)), 18, colour, -1, cv2.LINE_AA, 4)
    left, top, right, bottom = (round(float(v)) for v in sample.box_xyxy)
    cv2.rectangle(image, (left, top), (right, bottom), (250, 220, 60), 1)
    return image
