"""The server's clock as pages see it: milliseconds since this module was loaded, on the host's monotonic clock."""

from __future__ import annotations

import time

_ZERO_NS = time.monotonic_ns()


def now_ms() -> float:
    """Now."""
    return server_ms(time.monotonic_ns())


def server_ms(monotonic_ns: int) -> float:
    """A stamp of the monotonic clock."""
    return (monotonic_ns - _ZERO_NS) / 1e6


def monotonic_ns(ms: float) -> int:
    """The stamp of a time on the server's clock."""
    return _ZERO_NS + round(ms * 1e6)
