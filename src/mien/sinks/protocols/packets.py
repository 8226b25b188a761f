"""What all wire protocols share: how bytes are refused and counted, clocks, and the two directions' shape.

A decoder raises `BadPacket` on anything that is not exactly what the protocol says; `Intake` counts and goes on, so
that a hostile or foreign sender costs a number in a report and nothing else.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from mien.animate.signal import SHAPES, FaceSignal
from mien.core.timebase import NS_PER_S

LARGEST_PACKET = 65_536
"""Longer ones are dropped unread, bytes."""

BY_PLAIN_NAME = {name.lower(): i for i, name in enumerate(SHAPES.names)}
"""ARKit name without regard to case → index."""


class BadPacket(ValueError):  # noqa: N818  it is no failure: it is counted and forgotten
    """The bytes are not a packet of this protocol; the text says why in a few words."""


class Encoder(Protocol):
    """Signals → bytes."""

    def encode(self, signal: FaceSignal) -> list[bytes]:
        """The packets of one moment, in order. Unknown weights are sent as 0, unknown turns as none."""


class Decoder(Protocol):
    """Bytes → signals."""

    def decode(self, data: bytes, t_ns: int) -> list[FaceSignal]:
        """The signals that a packet completes.

        Args:
            data: one datagram or message.
            t_ns: when it arrived; becomes the signals' time.

        Raises:
            BadPacket: it is not one of this protocol.
        """


class Intake:
    """A decoder that never fails.

    Attributes:
        packets: how many were good.
        dropped: reason → how many were not.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.packets = 0
        self.dropped: Counter[str] = Counter()

    def take(self, data: bytes, t_ns: int) -> list[FaceSignal]:
        """Signals of a packet; none if it was dropped."""
        try:
            if len(data) > LARGEST_PACKET:
                raise BadPacket("too long")
            signals = self._decoder.decode(data, t_ns)
        except BadPacket as reason:
            self.dropped[str(reason)] += 1
            return []
        self.packets += 1
        return signals


def known(value: float) -> float:
    """The value, or 0 where it is NaN."""
    return value if value == value else 0.0


def checked(values: Iterable[float], what: str, limit: float = 1e6) -> list[float]:
    """The values, if all are numbers of a sane size.

    Raises:
        BadPacket: NaN, infinite or beyond the limit.
    """
    out = list(values)
    if not all(math.isfinite(v) and abs(v) <= limit for v in out):
        raise BadPacket(f"{what} is no number")
    return out


WallClock = Callable[[int], float]
"""Monotonic ns → Unix seconds."""


def wall_clock() -> WallClock:
    """The machine's wall clock at a monotonic time."""
    offset_s = time.time() - time.monotonic_ns() / NS_PER_S
    return lambda t_ns: t_ns / NS_PER_S + offset_s
