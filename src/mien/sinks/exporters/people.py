"""Which people of a take get a file of their own, in formats that hold one person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.animate.performance import Performance

MINOR_SHARE = 0.05
"""Others than the main person need to be seen in this share of the main person's frames."""


def worth_a_file(everyone: Sequence[Performance]) -> list[Performance]:
    """The main person (first), and of the others those who are more than a short false finding."""
    enough = MINOR_SHARE * np.count_nonzero(everyone[0].found)
    return [one for place, one in enumerate(everyone) if place == 0 or np.count_nonzero(one.found) >= enough]
