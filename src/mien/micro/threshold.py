"""From how sure a finding counts. Imports nothing heavy, so that the command line can name it at once."""

from mien.errors import RequestError

THRESHOLD = 0.45
"""On validation clips F1 is within 0.01 of its best from 0.2 to 0.65 (recipes/micro-spotter.md)."""
FLOOR = 0.02
"""Moments less sure than this say nothing, whatever the threshold: so a threshold only leaves findings out and never
changes the others."""


def checked(threshold: float) -> float:
    """A threshold that can be used.

    Raises:
        RequestError: it is below `FLOOR` or above 1.
    """
    if not FLOOR <= threshold <= 1.0:
        raise RequestError(f"threshold {threshold:g}: give a probability from {FLOOR:g} to 1 (default {THRESHOLD:g})")
    return threshold
