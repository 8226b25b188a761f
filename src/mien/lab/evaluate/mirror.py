"""Does a mirrored picture give the mirrored answer? Needs no labels, so that any clip of a person will do.

    python -m mien.lab.evaluate.mirror --clip demo --clip clip.mp4 --preset balanced [--frames 300]

Every clip is read twice by the whole chain, once mirrored; then left and right of the mirrored answer are exchanged.
The difference is in shares of a shape's range (0–1). What only one of the two measured has no difference; its share is
told.
"""

from __future__ import annotations

import argparse
import logging
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import Float32, Int64
from mien.core.record import FrameRecord
from mien.core.schema import load_schema
from mien.errors import MienError, RequestError
from mien.pipeline.compose import compose
from mien.pipeline.config import load_config
from mien.sources.opening import open_source

log = logging.getLogger(__name__)

_SHAPES = load_schema("arkit52")
_WORST = 5


@dataclass(frozen=True, slots=True, eq=False)
class Mirrored:
    """How far an answer and the exchanged answer of the mirror image lie apart.

    Attributes:
        clip, preset: what was read, and how.
        frames: of the clip that were read.
        by_shape: (52,) mean absolute difference, 0–1; NaN = never measured in both.
        mean: over all shapes and frames that were measured in both.
        p95: 95th percentile of the same.
        alone: share of what either reading measured that the other did not, 0–1.
    """

    clip: str
    preset: str
    frames: int
    by_shape: Float32
    mean: float
    p95: float
    alone: float

    def line(self) -> str:
        """For the terminal."""
        order = np.argsort(-np.nan_to_num(self.by_shape))[:_WORST]
        worst = ", ".join(f"{_SHAPES.names[i]} {100 * self.by_shape[i]:.1f}" for i in order)
        return (
            f"{self.clip}, {self.preset}, {self.frames} frames: {100 * self.mean:.2f} % of the range in the mean, "
            f"95th percentile {100 * self.p95:.1f} %, {100 * self.alone:.1f} % measured in one alone; most: {worst}"
        )


def exchanged() -> Int64:
    """(52,) for every shape the one of the other side; shapes of the middle keep their place."""
    names = [
        n.replace("Left", "#").replace("Right", "Left").replace("#", "Right") if n.endswith(("Left", "Right")) else n
        for n in _SHAPES.names
    ]
    return np.array([_SHAPES.index(n) for n in names])


def read(clip: str, config: dict[str, Any], frames: int, *, mirrored: bool) -> Float32:
    """(T, 52) blendshapes of the one face that presets follow; NaN = not measured."""
    rows = []
    with closing(open_source(clip)) as source, compose(config, source.info) as pipeline:
        for record in islice(source, frames):
            shown = turned_round(record) if mirrored else record
            found = [f.blendshapes.values for f in pipeline.process(shown).faces if f.blendshapes is not None]
            rows.append(found[0] if found else np.full(52, np.nan, np.float32))
    return np.asarray(rows, np.float32).reshape(-1, 52)


def turned_round(record: FrameRecord) -> FrameRecord:
    """The frame as a mirror shows it."""
    if record.image is None:
        raise RequestError(f"{record.stamp.source}: has no pixels to mirror; give a clip")
    return replace(record, image=np.ascontiguousarray(record.image[:, ::-1]))


def compared(clip: str, preset: str, plain: Float32, mirror: Float32) -> Mirrored:
    """Figures of two readings (T, 52).

    Raises:
        RequestError: nothing was measured in both.
    """
    apart = np.abs(plain - mirror[:, exchanged()])
    known = np.isfinite(apart)
    if not known.any():
        raise RequestError(f"{clip}: no face was measured in both directions")
    counts = known.sum(axis=0)
    with np.errstate(invalid="ignore"):
        by_shape = np.where(known, apart, 0).sum(axis=0) / np.where(counts > 0, counts, np.nan)
    return Mirrored(
        clip,
        preset,
        len(plain),
        by_shape.astype(np.float32),
        float(apart[known].mean()),
        float(np.percentile(apart[known], 95)),
        float(1 - known.sum() / (np.isfinite(plain) | np.isfinite(mirror[:, exchanged()])).sum()),
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Does a mirrored picture give the mirrored answer?")
    parser.add_argument("--clip", action="append", required=True, help="a clip, or demo; repeatable")
    parser.add_argument("--preset", action="append", help="repeatable; default: balanced")
    parser.add_argument("--frames", type=int, default=300, help="of each clip, at most")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for clip in args.clip:
        for preset in args.preset or ["balanced"]:
            plain, mirror = (read(clip, load_config(preset), args.frames, mirrored=m) for m in (False, True))
            log.info("%s", compared(Path(clip).name, preset, plain, mirror).line())


if __name__ == "__main__":
    try:
        main()
    except MienError as error:
        sys.exit(f"mirror: {error}")
