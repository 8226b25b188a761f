"""The picture of a calibration: per shape what it read at rest and at its largest, before and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mien.action_units.calibration import Calibration
from mien.errors import SinkError

_ROW_PX, _NAME_PX, _BAR_PX, _HEAD_PX, _MARGIN_PX = 18, 170, 300, 44, 12
_BEFORE, _AFTER, _INK, _GRID = (170, 170, 175), (40, 110, 200), (30, 30, 35), (225, 225, 230)


def picture(found: Calibration) -> Image.Image:
    """Two bars per shape from rest to reach: grey before, blue after; the scale is 0–1."""
    rows = found.numbers()
    size = (2 * _MARGIN_PX + _NAME_PX + _BAR_PX + 130, _HEAD_PX + _ROW_PX * len(rows) + _MARGIN_PX)
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    blink = found.blinks()
    head = "from rest to reach: grey = before, blue = after"
    if np.isfinite(blink["peak_after"]):
        head += f"; blink peaks {blink['peak_before']:.2f} -> {blink['peak_after']:.2f}"
    draw.text((_MARGIN_PX, 8), head, fill=_INK)
    left = _MARGIN_PX + _NAME_PX
    for tick in (0.0, 0.5, 1.0):
        x = left + tick * _BAR_PX
        draw.line([(x, _HEAD_PX - 4), (x, size[1] - _MARGIN_PX)], fill=_GRID)
        draw.text((x - 6, _HEAD_PX - 18), f"{tick:g}", fill=_INK)
    for k, (name, row) in enumerate(rows.items()):
        y = _HEAD_PX + k * _ROW_PX
        draw.text((_MARGIN_PX, y + 2), name, fill=_INK)
        for word, colour, top in (("before", _BEFORE, 2), ("after", _AFTER, 9)):
            low, high = row[f"rest_{word}"], row[f"reach_{word}"]
            if np.isfinite(low) and np.isfinite(high):
                ends = sorted((left + low * _BAR_PX, left + high * _BAR_PX))
                draw.rectangle([ends[0], y + top, max(ends[1], ends[0] + 1), y + top + 5], fill=colour)
        numbers = f"{row['rest_after']:.2f} - {row['reach_after']:.2f}"
        draw.text((left + _BAR_PX + 10, y + 2), numbers, fill=_INK)
    return image


def write_picture(found: Calibration, path: Path) -> None:
    """Write the picture.

    Raises:
        SinkError: it cannot be written.
    """
    try:
        picture(found).save(path)
    except OSError as error:
        raise SinkError(f"{path}: {error.strerror or error}") from error
