"""Shallow networks on flow pictures (flow x, flow y, strain from onset to apex): SOFTNet, Concat-CNN, LSSNet.

SOFTNet: Liong et al., ICIP 2021. Concat-CNN: Yang et al., Pattern Recognition Letters 2023 (action units beside flow).
LSSNet: Yu, Jiang & Li, MM 2021 (two streams, location suppression). All three spot: one score per place in time. With
`outputs` > 1 the same networks tell classes, which is how seed 002's Table 3 lists them. (It cites SOFTNet under
another reference.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIDE = 42


class SoftNet(nn.Module):
    """(B, 3, 42, 42) → (B, outputs): three streams of 3, 5 and 8 filters, joined, 400 hidden."""

    def __init__(self, outputs: int = 1, filters: tuple[int, int, int] = (3, 5, 8), hidden: int = 400) -> None:
        super().__init__()
        self.streams = nn.ModuleList(_stream(1, n) for n in filters)
        cells = (SIDE // 3 // 2) ** 2
        self.head = nn.Sequential(
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(sum(filters) * cells, hidden),
            nn.ReLU(),
            nn.Linear(hidden, outputs),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        parts = [stream(pictures[:, k : k + 1]) for k, stream in enumerate(self.streams)]
        out: Tensor = self.head(torch.cat(parts, dim=1))
        return out


def _stream(inputs: int, filters: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, filters, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3))


class ConcatCnn(nn.Module):
    """(B, 3, 42, 42) flow pictures and (B, N) action unit evidence → (B, outputs): features side by side."""

    def __init__(self, units: int, outputs: int = 1, width: int = 16, hidden: int = 64) -> None:
        super().__init__()
        self.flow = nn.Sequential(_stream(3, width), nn.MaxPool2d(2), nn.Flatten())
        self.units = nn.Sequential(nn.Linear(units, hidden), nn.ReLU())
        cells = (SIDE // 3 // 2) ** 2
        self.head = nn.Sequential(nn.Linear(width * cells + hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

    def forward(self, pictures: Tensor, units: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.head(torch.cat([self.flow(pictures), self.units(units)], dim=1))
        return out


class LocationSuppression(nn.Module):
    """(B, T) scores → the same, lower towards the ends of the window: what is cut off there belongs to a neighbour.

    Weight of a place at distance d (0 in the middle, 1 at an end): 1 − σ(a) · d^p, a and p learned; never above 1,
    never rising outwards.
    """

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))
        self.power = nn.Parameter(torch.zeros(()))

    def weights(self, count: int) -> Tensor:
        """(T,) in (0, 1]."""
        d = (torch.linspace(-1, 1, count, device=self.strength.device)).abs()
        return 1 - torch.sigmoid(self.strength) * d.clamp(min=1e-6) ** (1 + torch.nn.functional.softplus(self.power))

    def forward(self, scores: Tensor) -> Tensor:
        """See the class."""
        return scores * self.weights(scores.shape[1])


class LssNet(nn.Module):
    """(B, T, 1, S, S) grey and (B, T, 3, S, S) flow → scores (B, T) of every frame and (B, outputs) of the window.

    Two streams of frame features, convolutions over time, location suppression; the window is read where the score is.
    """

    def __init__(self, outputs: int = 1, width: int = 16, hidden: int = 32) -> None:
        super().__init__()
        self.grey, self.flow = _frame_features(1, width), _frame_features(3, width)
        self.time = nn.Sequential(
            nn.Conv1d(2 * width, hidden, 3, padding=1), nn.ReLU(), nn.Conv1d(hidden, hidden, 5, padding=2), nn.ReLU()
        )
        self.score = nn.Conv1d(hidden, 1, 1)
        self.suppress = LocationSuppression()
        self.head = nn.Linear(hidden, outputs)

    def forward(self, grey: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        b, t = grey.shape[:2]
        parts = [net(x.flatten(0, 1)).reshape(b, t, -1) for net, x in ((self.grey, grey), (self.flow, flow))]
        course = self.time(torch.cat(parts, dim=2).transpose(1, 2))
        scores = self.suppress(self.score(course).squeeze(1).sigmoid())
        share = scores / scores.sum(dim=1, keepdim=True).clamp(min=1e-6)
        return scores, self.head((course * share[:, None]).sum(dim=2))


def _frame_features(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 5, 2, 2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, width, 3, 1, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
