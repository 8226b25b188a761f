"""Residual blocks (He et al. 2016), as HRNet and ResNet use them, optionally with squeeze-and-excite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec, SqueezeExcite


class _Residual(nn.Module):
    """relu(body(x) + short(x))."""

    def __init__(self, body: Sequence[nn.Module], inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        same = inputs == outputs and stride == 1
        self.short = nn.Identity() if same else ConvBnAct(inputs, outputs, ConvSpec(1, stride, act="none"))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""
        return torch.relu(self.body(x) + self.short(x))


class BasicBlock(_Residual):
    """Two 3×3 convolutions."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, *, excite: bool = False) -> None:
        body: list[nn.Module] = [
            ConvBnAct(inputs, outputs, ConvSpec(3, stride)),
            ConvBnAct(outputs, outputs, ConvSpec(3, act="none")),
        ]
        if excite:
            body.append(SqueezeExcite(outputs, 16))
        super().__init__(body, inputs, outputs, stride)


class Bottleneck(_Residual):
    """1×1 narrow → 3×3 → 1×1 wide; `outputs` is the wide width, the narrow one a quarter of it."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, *, excite: bool = False) -> None:
        narrow = outputs // 4
        body: list[nn.Module] = [
            ConvBnAct(inputs, narrow, ConvSpec(1)),
            ConvBnAct(narrow, narrow, ConvSpec(3, stride)),
            ConvBnAct(narrow, outputs, ConvSpec(1, act="none")),
        ]
        if excite:
            body.append(SqueezeExcite(outputs, 16))
        super().__init__(body, inputs, outputs, stride)


class PreActivated(nn.Module):
    """Pre-activated bottleneck (He et al. 2016b), the block of stacked hourglasses: 1×1, 3×3, 1×1, half the width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.body = nn.Sequential(
            *_before(inputs, half, 1),
            *_before(half, half, 3),
            *_before(half, outputs, 1),
        )
        self.short = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H, W)."""
        out: Tensor = self.body(x) + self.short(x)
        return out


def _before(inputs: int, outputs: int, kernel: int) -> tuple[nn.Module, ...]:
    return nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


class MakesBlock(Protocol):
    """A residual block's constructor."""

    def __call__(self, inputs: int, outputs: int, stride: int = 1) -> nn.Module: ...


def residual_chain(make: MakesBlock, inputs: int, outputs: int, count: int) -> nn.Sequential:
    """`count` blocks one after another; the first changes the width."""
    return nn.Sequential(*(make(inputs if i == 0 else outputs, outputs) for i in range(count)))
