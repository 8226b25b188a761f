"""Few keys instead of one per frame, for the formats that can hold them: one rule, the same options everywhere."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from mien.animate.curves import Keys, reduced
from mien.animate.turns import reduced_turns
from mien.core.arrays import Float32, Float64
from mien.sinks.exporters.clip import ClipOptions, never_moves


class KeyedOptions(ClipOptions):
    """What the formats can do that hold keys at any time; as it stands, every frame is a key."""

    tolerance: float = Field(
        default=0.0, ge=0.0, le=0.5, description="weights may be this far off for fewer keys; 0 = a key per frame"
    )
    turn_tolerance_deg: float = Field(
        default=1.0, gt=0.0, le=45.0, description="so may rotations, in degrees of angle, where tolerance is not 0"
    )

    def fewer(self, *, straight: bool) -> Fewer | None:
        """The rule, or None where every frame is a key."""
        return Fewer(self.tolerance, self.turn_tolerance_deg, straight) if self.tolerance else None


_MARGIN = 0.995
"""Files round and players calculate in single precision: what is left of a tolerance for the reduction itself."""


class Fewer:
    """Keys within the tolerances of every frame.

    Args:
        tolerance: of weights.
        degrees: of rotations.
        straight: the format draws straight lines (arcs) between keys.
    """

    def __init__(self, tolerance: float, degrees: float, straight: bool) -> None:
        self.tolerance, self.degrees, self.straight = _MARGIN * tolerance, _MARGIN * degrees, straight

    def curve(self, times_s: Float64, values: Float32) -> Keys:
        """Of a (T,) weight, or (T, N) weights that share their keys."""
        if len(values) > 1 and not never_moves(values):
            return reduced(times_s, values.astype(np.float64), self.tolerance, straight=self.straight)
        still = np.zeros((1, *values.shape[1:]))
        return Keys(times_s[:1], values[:1].astype(np.float64), still, still)

    def turns(self, times_s: Float64, xyzw: Float32) -> Keys:
        """Of (T, 4) unit quaternions."""
        return reduced_turns(times_s, xyzw, self.degrees, straight=self.straight)

    def __call__(self, times_s: Float64, values: Float32, path: str) -> Keys:
        """Of what a glTF channel plays: "rotation", or weights."""
        return self.turns(times_s, values) if path == "rotation" else self.curve(times_s, values)
