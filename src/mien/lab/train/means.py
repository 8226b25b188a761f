"""Means of what a training loop logs."""

from __future__ import annotations

from collections.abc import Mapping


class Means:
    """Means of named values since they were last taken."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.count = 0

    def add(self, values: Mapping[str, float]) -> None:
        """Take the values of a step in."""
        self.count += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def take(self) -> dict[str, float]:
        """The means since the last call."""
        means = {n: v / max(1, self.count) for n, v in self.sums.items()}
        self.sums, self.count = {}, 0
        return means
