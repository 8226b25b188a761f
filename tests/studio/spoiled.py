"""A take with everything that the editor is to mend, and a video in which every frame shows its own number."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.core.schema import load_schema
from mien.sinks.overlay import VIDEO_FILE
from mien.sinks.video_segment import SegmentWriter, join
from small_takes import FIRST_NS, HIGH, STEP_NS, WIDE, write_take

ROWS = 100
BITS = 7
GAP = range(40, 45)
SPIKE = 20
_SHAPES = load_schema("arkit52")


def weights_at(row: int, count: int) -> np.ndarray:
    """jawOpen has a spike and, with `GAP`, a gap between 0.3 and 0.5; the brow trembles; only the left side smiles."""
    weights = np.zeros(52, np.float32)
    tremble = (-1) ** row
    weights[_SHAPES.index("jawOpen")] = 0.95 if row == SPIKE else 0.3 if row < GAP.start else 0.5
    weights[_SHAPES.index("browInnerUp")] = 0.4 + 0.2 * tremble
    weights[_SHAPES.index("mouthSmileLeft")] = 0.2 + 0.5 * row / (count - 1) + 0.03 * tremble
    return weights


def numbered(row: int) -> np.ndarray:
    """A picture of bars: white = 1, the highest bit at the left."""
    bits = [255 * (row >> (BITS - 1 - k) & 1) for k in range(BITS)]
    line = np.repeat(bits, WIDE // BITS)
    picture = np.zeros((HIGH, WIDE, 3), np.uint8)
    picture[:, : len(line)] = line[None, :, None]
    return picture


def write_spoiled(folder: Path) -> Path:
    """Four seconds at 25 Hz; returns the folder."""
    write_take(folder, ROWS, gaps=tuple(GAP), weights=weights_at)
    part = folder / "part.mp4"
    writer = SegmentWriter(part, (WIDE, HIGH), 18, {"picture_wh": [WIDE, HIGH]})
    for row in range(ROWS):
        writer.write(numbered(row), FIRST_NS + row * STEP_NS)
    writer.close()
    join([part], folder / VIDEO_FILE)
    part.unlink()
    return folder
