"""The micro-expression spotter's network: three small perceptrons on one candidate's features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mien.core.schema import load_schema
from mien.micro.decision import EMOTIONS, KINDS, width
from mien.micro.features import feature_names

REACH = 2.5
"""Standard deviations beyond which an input says nothing more: real films go further than made movement in noise and in
what the head's fit leaves over, and a network trusts nothing it has not seen."""


class SpotterMlp(nn.Module):
    """(B, width()) → probabilities: kinds (B, 3), units (B, U), emotions (B, 8)."""

    middle: Tensor
    spread: Tensor

    def __init__(self, hidden: int = 64) -> None:
        super().__init__()
        self.own = len(feature_names())
        self.register_buffer("middle", torch.zeros(width()))
        self.register_buffer("spread", torch.ones(width()))
        units = len(load_schema("facs"))
        self.kinds = _perceptron(width(), hidden, len(KINDS))
        self.units = _perceptron(width(), hidden, units)
        self.emotions = _perceptron(units, 32, len(EMOTIONS))

    def fit_scale(self, rows: Tensor) -> None:
        """Take mean and spread of training rows as the scale of the inputs."""
        self.middle.copy_(rows.mean(dim=0))
        self.spread.copy_(rows.std(dim=0).clamp(min=1e-3))

    def logits(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Before the probabilities. The emotion is read from the units alone, as the published tables do."""
        x = ((rows - self.middle) / self.spread).clamp(-REACH, REACH)
        units: Tensor = self.units(x)
        return self.kinds(x), units, self.emotions(units.clamp(-8.0, 8.0))

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        kinds, units, emotions = self.logits(rows)
        return kinds.softmax(dim=1), units.sigmoid(), emotions.softmax(dim=1)


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )
