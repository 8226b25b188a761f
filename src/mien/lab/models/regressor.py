"""A small direct regressor (MobileNetV3 blocks; Howard et al. 2019): pixels → points, spread, visibility.

The last 4×4 map is flattened, not averaged: where something is matters more than whether it is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mien.lab.models.answers import LandmarkPoints
from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec, InvertedResidual, InvertedSpec


@dataclass(frozen=True, slots=True)
class RegressorSpec:
    """Size of a network.

    Attributes:
        input_px: side of the crop; divisible by 32.
        stem: channels of the first convolution (stride 2).
        stages: (expansion, outputs, count, stride, squeeze-and-excite) in turn; strides multiply to 8 or 16 with the
            stem's 2.
        last: channels of the 4×4 (S / 32) map that is flattened.
        hidden: width of the layer before the answers.
        points: number of points.
    """

    input_px: int = 128
    stem: int = 16
    stages: tuple[tuple[int, int, int, int, bool], ...] = (
        (1, 16, 1, 1, False),
        (4, 24, 2, 2, False),
        (3, 40, 3, 2, True),
        (3, 64, 3, 2, True),
        (3, 96, 2, 1, True),
    )
    last: int = 96
    hidden: int = 256
    points: int = 98


MOBILE = RegressorSpec()
TINY = RegressorSpec(
    input_px=96,
    stages=((1, 16, 1, 1, False), (3, 24, 1, 2, False), (3, 32, 2, 2, False), (3, 64, 2, 2, False)),
    last=64,
    hidden=192,
)


class Regressor(nn.Module):
    """(B, 3, S, S) normalised RGB → `LandmarkPoints`."""

    def __init__(self, spec: RegressorSpec = MOBILE) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvBnAct(3, spec.stem, ConvSpec(3, 2))]
        width, reduction = spec.stem, 2
        for expansion, outputs, count, stride, excite in spec.stages:
            for i in range(count):
                step = stride if i == 0 else 1
                layers.append(InvertedResidual(width, InvertedSpec(width * expansion, outputs, step, excite)))
                width = outputs
            reduction *= stride
        layers.append(ConvBnAct(width, 2 * spec.last, ConvSpec(1)))
        layers.append(ConvBnAct(2 * spec.last, 2 * spec.last, ConvSpec(3, 2, groups=2 * spec.last, act="none")))
        layers.append(ConvBnAct(2 * spec.last, spec.last, ConvSpec(1)))
        self.features = nn.Sequential(*layers)
        side = spec.input_px // (2 * reduction)
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(spec.last * side * side, spec.hidden), nn.ReLU(inplace=True)
        )
        self.points = spec.points
        self.answer = nn.Linear(spec.hidden, 4 * spec.points)
        nn.init.normal_(self.answer.weight, std=0.001)
        with torch.no_grad():
            self.answer.bias.zero_()
            self.answer.bias[2 * spec.points : 3 * spec.points] = -3.0

    def forward(self, x: Tensor) -> LandmarkPoints:
        """See the class."""
        answer = self.answer(self.hidden(self.features(x)))
        n = self.points
        xy = answer[:, : 2 * n].reshape(-1, n, 2) + 0.5
        return LandmarkPoints(xy, answer[:, 2 * n : 3 * n].clamp(-8.0, 2.0), answer[:, 3 * n :])

    @torch.no_grad()
    def start_at(self, mean_xy: Tensor) -> None:
        """Begin with the mean face: (P, 2), 0–1 of the crop."""
        self.answer.bias[: 2 * self.points] = (mean_xy - 0.5).reshape(-1)
