"""Per-stage timing: where the milliseconds go. Bounded memory for takes of any length."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

from mien.core.record import Trace

WINDOW = 4096


class StageTimes:
    """Collects the traces of records; medians are over the last `WINDOW` frames, totals over all."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[int]] = {}
        self._total_ns: dict[str, int] = {}
        self.frames = 0

    def add(self, trace: Trace) -> None:
        """Count one finished record."""
        self.frames += 1
        for name, ns in trace.stage_ns.items():
            self._recent.setdefault(name, deque(maxlen=WINDOW)).append(ns)
            self._total_ns[name] = self._total_ns.get(name, 0) + ns

    def table(self) -> Mapping[str, Mapping[str, float]]:
        """Stage → {"median_ms", "p95_ms", "total_s"}."""
        return {
            name: {
                "median_ms": float(np.median(recent)) / 1e6,
                "p95_ms": float(np.percentile(recent, 95)) / 1e6,
                "total_s": self._total_ns[name] / 1e9,
            }
            for name, recent in self._recent.items()
        }
