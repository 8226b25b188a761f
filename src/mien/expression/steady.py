"""Steadier probabilities without lag: small changes are averaged, large ones pass at once.

An exponential mean whose time constant falls to 0 as the new probabilities leave the mean, the idea of the 1 € filter
(Casiez et al. 2012, §3) with the distance itself in place of a speed. Time is that of the stamps, so the frame rate
does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mien.core.arrays import Float32

PASSES = 0.25
"""A change of one probability that is not averaged at all."""
_GAP_NS = 1_000_000_000
"""After so long without a reading nothing is averaged."""


@dataclass(slots=True)
class Steady:
    """Means by track.

    Attributes:
        steady_s: time constant while nothing changes, s; 0 = every frame by itself.
    """

    steady_s: float
    _means: dict[int, tuple[Float32, int]] = field(default_factory=dict)

    def next(self, track_id: int, values: Float32, t_ns: int) -> Float32:
        """The probabilities (C,) to say for a new reading; NaN stays NaN.

        Args:
            track_id: whose.
            values: what was read.
            t_ns: when; readings come in order.
        """
        before = self._means.get(track_id)
        said = values
        if before is not None and self.steady_s > 0 and 0 <= t_ns - before[1] <= _GAP_NS:
            mean = before[0]
            if np.array_equal(np.isfinite(mean), np.isfinite(values)):
                change = float(np.nanmax(np.abs(values - mean), initial=0.0))
                tau = self.steady_s * max(0.0, 1 - change / PASSES)
                if tau > 0:
                    share = 1 - float(np.exp(-(t_ns - before[1]) / 1e9 / tau))
                    said = np.asarray(mean + share * (values - mean), np.float32)
        self._means[track_id] = (said, t_ns)
        return said

    def follow(self, track_id: int, said: Float32, t_ns: int) -> None:
        """Take over what was said elsewhere."""
        self._means[track_id] = (said, t_ns)

    def forget(self, track_id: int | None) -> None:
        """Forget one track, or all."""
        if track_id is None:
            self._means.clear()
        else:
            self._means.pop(track_id, None)
