"""The built-in clip: a real face with known motion, made when it is asked for; nothing is stored or downloaded.

The face is NASA's public-domain portrait of Eileen Collins from scikit-image's wheel, made to perform by a
mesh warp (`portrait_motion` says what it does, `portrait_render` draws it). One performance lasts 9 s and
loops without a jump: blink, smile, brow raise, frown, open mouth, head to the left and to the right, wink, nod.

Because the motion is made, it is known: `truth`, `truth_weights` and `truth_head_deg` give it for every frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

from pydantic import Field

from mien.core.arrays import Float32
from mien.core.record import FrameRecord, Stamp
from mien.core.timebase import NS_PER_S, ns_from_ticks
from mien.errors import SourceError
from mien.pipeline.stage import Options as BaseOptions
from mien.pipeline.stage import SourceInfo, Span
from mien.sources.portrait import portrait
from mien.sources.portrait_motion import PERIOD_S, head_at, landmarks_at, weights_at
from mien.sources.portrait_render import Puppet

__all__ = ["Options", "SyntheticSource", "portrait"]

_NAME = "builtin"


class Options(BaseOptions):
    """Options of the built-in clip."""

    size_px: int = Field(default=640, ge=128, le=2048, description="Width and height of the frames, px.")
    frame_rate_hz: float = Field(
        default=30.0, gt=0, le=1000, description="Frames per second; the motion is the same at every rate."
    )
    loops: int = Field(default=1, ge=1, description="How often the 9 s performance is repeated.")


@lru_cache(maxsize=2)
def _puppet(size_px: int) -> Puppet:
    return Puppet(size_px)


class SyntheticSource:
    """The built-in clip as a source.

    Args:
        options: size, frame rate and length.
        span: which part to deliver.

    Raises:
        SourceError: scikit-image's portrait cannot be read.
    """

    def __init__(self, options: Options | None = None, *, span: Span = Span()) -> None:  # noqa: B008  frozen
        self._options = options or Options()
        self._span = span
        # the decimal that was written, not the binary fraction next to it: 29.97 means 2997/100
        self._rate = Fraction(str(self._options.frame_rate_hz))
        self._puppet = _puppet(self._options.size_px)
        self._closed = False
        self._started = False
        length = self._options.loops * Fraction(PERIOD_S)
        self._count = math.ceil(length * self._rate)
        size = self._options.size_px
        self._info = SourceInfo(
            name=_NAME,
            kind="synthetic",
            size_wh=(size, size),
            frame_rate_hz=float(self._rate),
            frame_count=self._count,
            duration_ns=round(length * NS_PER_S),
        )

    @property
    def info(self) -> SourceInfo:
        """Exact: the frames are counted, not estimated."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """Always empty."""
        return []

    def __iter__(self) -> Iterator[FrameRecord]:
        if self._started:
            raise SourceError(f"{_NAME}: a source can be read once; open it again")
        self._started = True
        return self._frames()

    def _frames(self) -> Iterator[FrameRecord]:
        first = max(self._span.first_index, math.floor(Fraction(self._span.start_ns, NS_PER_S) * self._rate), 0)
        for index in range(first, self._count):
            t_ns = ns_from_ticks(index, 1 / self._rate)
            if self._closed or (self._span.end_ns is not None and t_ns > self._span.end_ns):
                return
            if t_ns < self._span.start_ns:
                continue
            image = self._puppet.draw(self.truth_weights(index), self.truth_head_deg(index))
            image.flags.writeable = False
            yield FrameRecord(Stamp(_NAME, index, t_ns), (image.shape[1], image.shape[0]), image)

    def truth(self, index: int) -> Float32:
        """(98, 2) float32, px: where the landmarks of schema "wflw98" are in frame `index`, exactly.

        Points on the far side of a turned head are given too.

        Raises:
            IndexError: the clip has no such frame.
        """
        return landmarks_at(self.truth_weights(index), self.truth_head_deg(index), self._options.size_px)

    def truth_weights(self, index: int) -> dict[str, float]:
        """ARKit name → 0–1 for every blendshape that the performance uses; the rest stays at 0.

        Raises:
            IndexError: the clip has no such frame.
        """
        return weights_at(self._moment_s(index))

    def truth_head_deg(self, index: int) -> tuple[float, float, float]:
        """(yaw, pitch, roll) in degrees, convention of `core.geometry`, relative to the head as photographed.

        The head of the photograph itself faces the camera within a few degrees, tilted by about -2.7 (roll).

        Raises:
            IndexError: the clip has no such frame.
        """
        return head_at(self._moment_s(index))

    def _moment_s(self, index: int) -> float:
        if not 0 <= index < self._count:
            raise IndexError(f"{_NAME}: frame {index} of {self._count}")
        return float(index / self._rate % Fraction(PERIOD_S))

    def close(self) -> None:
        """End the iteration at the next frame."""
        self._closed = True
