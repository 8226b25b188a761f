"""Presence of an action unit, from its intensity and nothing else, steady where the intensity hovers at the threshold.

There is one number per unit. A unit is present if its intensity reaches the schema's threshold (1 = A): presence and
intensity cannot contradict each other, because presence is a question put to the intensity
(`core.measures.ActionUnits.presence`). Hysteresis (Schmitt 1938) therefore acts on the intensity: a unit comes in at
the upper edge of a band around the threshold and goes out at the lower one, and within the band the intensity stays on
the side it came from: at the threshold, or just below it. Outside the band intensities are what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import numpy.typing as npt

from mien.action_units.facs import presence_bands
from mien.core.arrays import Float32
from mien.core.measures import ActionUnits
from mien.core.schema import load_schema


@cache
def _threshold() -> np.float32:
    return np.float32(load_schema("facs").attributes["presence_threshold"])


@dataclass(slots=True, eq=False)
class Presence:
    """Which units of one person are present.

    Attributes:
        present: (U,) bool as of the last frame; a unit that could not be measured stays as it was.
    """

    present: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(len(load_schema("facs")), dtype=np.bool_))

    def settle(self, units: ActionUnits) -> ActionUnits:
        """The units of the next frame, with intensities inside the band on the side they came from.

        `presence` of what is returned is `present` wherever the intensity is known; NaN stays NaN.
        """
        low, high = presence_bands()
        values = units.values
        with np.errstate(invalid="ignore"):
            self.present = np.where(self.present, ~(values < low), values >= high)
        return ActionUnits(settled(values, self.present), units.confidence, units.schema)

    def follow(self, units: ActionUnits) -> None:
        """Take over what a recorded frame says, so that a resumed capture goes on as if it had never stopped."""
        known = np.isfinite(units.values)
        self.present = np.where(known, units.presence, self.present)


def settled(values: Float32, present: npt.NDArray[np.bool_]) -> Float32:
    """(U,) intensities moved to the side of the threshold that `present` names, no further than to the threshold."""
    threshold = _threshold()
    below = np.nextafter(threshold, np.float32(0.0))
    return np.asarray(
        np.where(present, np.maximum(values, threshold), np.minimum(values, below)), dtype=np.float32
    )  # maximum and minimum keep NaN
