"""LAB, the baseline of seed 001: eight stacked hourglasses and boundary heatmaps (Wu et al. 2018).

Every stack gives 15 maps of the lines of a face and, from its features beside these lines, the 98 landmark maps: the
lines guide the points. Published LAB reads the points with a second network out of the image multiplied by the
boundary maps and trains the lines against a critic; here the points are maps as well and there is no critic, so that
HRNet and LAB differ in their bodies and in the lines, not in how points are read.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mien.lab.models.answers import LandmarkMaps
from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.hourglass import Hourglass
from mien.lab.models.blocks.residual import PreActivated

BOUNDARIES: tuple[tuple[int, ...], ...] = (
    tuple(range(33)),
    tuple(range(33, 38)),
    (33, 41, 40, 39, 38, 37),
    tuple(range(42, 47)),
    (42, 50, 49, 48, 47, 46),
    tuple(range(51, 55)),
    tuple(range(55, 60)),
    tuple(range(60, 65)),
    (60, 67, 66, 65, 64),
    tuple(range(68, 73)),
    (68, 75, 74, 73, 72),
    tuple(range(76, 83)),
    (76, 87, 86, 85, 84, 83, 82),
    tuple(range(88, 93)),
    (88, 95, 94, 93, 92),
)
"""Lines through WFLW points: contour, upper and lower edges of brows, nose, lids, lips; image left before right."""


@dataclass(frozen=True, slots=True)
class LabSpec:
    """Size of a network: stacks, channels, points; 8 × 256 is the published size."""

    stacks: int = 8
    channels: int = 256
    points: int = 98


class Lab(nn.Module):
    """(B, 3, S, S) normalised RGB → `LandmarkMaps` of every stack at S / 4; S divisible by 64."""

    def __init__(self, spec: LabSpec | None = None) -> None:
        super().__init__()
        s = spec or LabSpec()
        c, lines = s.channels, len(BOUNDARIES)
        self.stem = nn.Sequential(
            ConvBnAct(3, c // 4, ConvSpec(7, 2)), PreActivated(c // 4, c // 2), nn.MaxPool2d(2), PreActivated(c // 2, c)
        )
        self.stacks = nn.ModuleList(
            nn.Sequential(Hourglass(c), PreActivated(c, c), ConvBnAct(c, c, ConvSpec(1))) for _ in range(s.stacks)
        )
        self.lines = nn.ModuleList(nn.Conv2d(c, lines, 1) for _ in range(s.stacks))
        self.maps = nn.ModuleList(nn.Conv2d(c + lines, s.points, 1) for _ in range(s.stacks))
        self.back = nn.ModuleList(nn.Conv2d(c + lines + s.points, c, 1) for _ in range(s.stacks - 1))
        for layer in (*self.lines, *self.maps):
            assert isinstance(layer, nn.Conv2d)
            nn.init.normal_(layer.weight, std=0.001)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> LandmarkMaps:
        """See the class."""
        x = self.stem(x)
        maps, boundaries = [], []
        for i, stack in enumerate(self.stacks):
            features = stack(x)
            boundaries.append(self.lines[i](features))
            guided = torch.cat([features, boundaries[-1]], dim=1)
            maps.append(self.maps[i](guided))
            if i < len(self.back):
                x = x + self.back[i](torch.cat([guided, maps[-1]], dim=1))
        return LandmarkMaps(tuple(maps), None, tuple(boundaries))
