"""The hourglass (Newell et al. 2016): down to a small map and up again, with a side path at every size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mien.lab.models.blocks.residual import PreActivated


class Hourglass(nn.Module):
    """(B, C, H, W) → the same; H and W divisible by 2^depth."""

    def __init__(self, channels: int, depth: int = 4) -> None:
        super().__init__()
        self.side = PreActivated(channels, channels)
        self.down = PreActivated(channels, channels)
        self.inner = Hourglass(channels, depth - 1) if depth > 1 else PreActivated(channels, channels)
        self.up = PreActivated(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        small = self.up(self.inner(self.down(F.max_pool2d(x, 2))))
        out: Tensor = self.side(x) + F.interpolate(small, scale_factor=2.0, mode="nearest")
        return out
