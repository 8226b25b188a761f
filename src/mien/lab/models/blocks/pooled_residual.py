"""Residual blocks without weights in the shortcut, as dlib's face recognition network stacks them (King 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec


class PooledBlock(nn.Module):
    """relu(body(x) + short(x)): two 3×3 convolutions beside the input, averaged over 2×2 where the block halves the
    resolution and filled up with empty channels where it widens.

    dlib halves without padding; here the right and lower edges get one row of zeros, so that an even map is halved
    exactly and every kernel stands where dlib's stands.
    """

    def __init__(self, inputs: int, outputs: int, *, halve: bool = False) -> None:
        super().__init__()
        self.halve, self.more = halve, outputs - inputs
        self.edge = nn.ZeroPad2d((0, 1, 0, 1)) if halve else nn.Identity()
        self.first = ConvBnAct(inputs, outputs, ConvSpec(3, 2, 0) if halve else ConvSpec(3))
        self.second = ConvBnAct(outputs, outputs, ConvSpec(3, act="none"))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H, W), or half of H and W (even)."""
        short = F.avg_pool2d(x, 2) if self.halve else x
        if self.more > 0:
            short = F.pad(short, (0, 0, 0, 0, 0, self.more))
        return torch.relu(self.second(self.first(self.edge(x))) + short)


def pooled_stages(widths: Sequence[int], blocks: Sequence[int]) -> list[nn.Module]:
    """Stages of pooled blocks, `blocks` of each; each stage but the first halves the resolution."""
    out: list[nn.Module] = []
    before = widths[0]
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        for i in range(count):
            out.append(PooledBlock(before, width, halve=stage > 0 and i == 0))
            before = width
    return out
