"""LKCNN (seed 004 §4.2.1): large kernels on three flow pictures, in blocks, weighed by where a block lies.

Each picture is cut into S × S blocks; each block goes through four Inception depth-wise convolutions (InceptionNeXt's
rule, Yu et al. 2024: an eighth of the channels each through 3×3, 1×11 and 11×1, the rest unchanged), each with a
maximum; the blocks' features are put side by side and weighed by the relative position attention (ReLU, then
sigmoid). Hyper- parameters of the paper were not at hand: widths are a choice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BAND = 11


class InceptionDepthwise(nn.Module):
    """(B, C, H, W) → the same: depth-wise 3×3, 1×k and k×1 on an eighth of the channels each; identity on the rest."""

    def __init__(self, channels: int, band: int = BAND) -> None:
        super().__init__()
        part = max(1, channels // 8)
        self.split = (channels - 3 * part, part, part, part)
        self.square = nn.Conv2d(part, part, 3, padding=1, groups=part)
        self.wide = nn.Conv2d(part, part, (1, band), padding=(0, band // 2), groups=part)
        self.tall = nn.Conv2d(part, part, (band, 1), padding=(band // 2, 0), groups=part)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        same, square, wide, tall = torch.split(x, list(self.split), dim=1)
        return torch.cat([same, self.square(square), self.wide(wide), self.tall(tall)], dim=1)


class RelativePositionAttention(nn.Module):
    """(B, blocks, F) → the same, times sigmoid(relu(W x + bias of the blocks' relative places))."""

    def __init__(self, grid: int, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros((2 * grid - 1) ** 2))
        rows = torch.arange(grid)
        y, x = torch.meshgrid(rows, rows, indexing="ij")
        y, x = y.flatten(), x.flatten()
        index = (y[:, None] - y[None] + grid - 1) * (2 * grid - 1) + x[:, None] - x[None] + grid - 1
        self.register_buffer("index", index)

    index: Tensor

    def forward(self, blocks: Tensor) -> Tensor:
        """See the class."""
        pull = self.bias[self.index].softmax(dim=1)  # (blocks, blocks): how much one looks at another
        return blocks * torch.sigmoid(torch.relu(self.mix(pull @ blocks)))


class Lkcnn(nn.Module):
    """(B, 3, S, S) flow x, flow y, strain → (B, classes); S divisible by 16 · `grid`."""

    def __init__(self, classes: int, grid: int = 3, width: int = 16) -> None:
        super().__init__()
        self.grid = grid
        self.paths = nn.ModuleList(_Path(grid, width) for _ in range(3))
        self.head = nn.Linear(3 * grid * grid * width, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        parts = [path(pictures[:, k : k + 1]) for k, path in enumerate(self.paths)]
        out: Tensor = self.head(torch.cat(parts, dim=1))
        return out


class _Path(nn.Module):
    """(B, 1, S, S) → (B, blocks · width)."""

    def __init__(self, grid: int, width: int) -> None:
        super().__init__()
        self.grid = grid
        self.lift = nn.Conv2d(1, width, 3, padding=1)
        steps = [
            nn.Sequential(
                InceptionDepthwise(width), nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)
            )
            for _ in range(4)
        ]
        self.steps = nn.Sequential(*steps)
        self.attention = RelativePositionAttention(grid, width)

    def forward(self, picture: Tensor) -> Tensor:
        """See the class."""
        b, _, s, _ = picture.shape
        side = s // self.grid
        blocks = picture.unfold(2, side, side).unfold(3, side, side).reshape(b * self.grid**2, 1, side, side)
        features = self.steps(self.lift(blocks)).mean(dim=(2, 3)).reshape(b, self.grid**2, -1)
        out: Tensor = self.attention(features).flatten(1)
        return out
