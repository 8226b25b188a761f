"""Octave convolution (Chen et al. 2019): a share α of the channels lives at half the resolution.

    Y_high = conv(X_high; high→high) + up2(conv(X_low; low→high))       eq. (4) of seeds 000 and 001
    Y_low  = conv(X_low; low→low)   + conv(pool2(X_high); high→low)     eq. (5)

The step 2 is an average pooling before the convolution: strided convolutions would shift the two grids against each
other. Together the weights are as many as those of the plain convolution. Valid padding is not offered: the grids of
the two resolutions would no longer cover the same picture. Heights and widths must be even wherever there is a low
part.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from mien.lab.models.blocks.convolution import Activation, activation

Octaves = tuple[Tensor | None, Tensor | None]
"""(high, low): (B, C_high, H, W) and (B, C_low, H / 2, W / 2); None where α gives that part no channel."""


@dataclass(frozen=True, slots=True)
class OctaveSpec:
    """What an `OctaveConv` may differ in.

    Attributes:
        alpha_in, alpha_out: share of low channels before and after, 0–1. 0 at a network's first input and last output.
        kernel: side of the kernel; padded by half of it.
        stride: 1 or 2 (average pooling).
        act: what follows the normalisation of `OctaveBlock`.
    """

    alpha_in: float
    alpha_out: float
    kernel: int = 3
    stride: int = 1
    act: Activation = "prelu"


def octave_widths(channels: int, alpha: float) -> tuple[int, int]:
    """(high, low) channels of a layer.

    Raises:
        ValueError: α is not within 0–1.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is the share of low channels, 0 to 1, not {alpha}")
    low = round(channels * alpha)
    return channels - low, low


class OctaveConv(nn.Module):
    """The four convolutions, without normalisation."""

    def __init__(self, inputs: int, outputs: int, spec: OctaveSpec) -> None:
        super().__init__()
        high_in, low_in = octave_widths(inputs, spec.alpha_in)
        high_out, low_out = octave_widths(outputs, spec.alpha_out)

        def conv(a: int, b: int, *, bias: bool) -> nn.Conv2d | None:
            return nn.Conv2d(a, b, spec.kernel, padding=spec.kernel // 2, bias=bias) if a and b else None

        # One bias per output is enough; it belongs to the path of the same resolution where there is one.
        self.high_to_high = conv(high_in, high_out, bias=True)
        self.low_to_high = conv(low_in, high_out, bias=high_in == 0)
        self.low_to_low = conv(low_in, low_out, bias=True)
        self.high_to_low = conv(high_in, low_out, bias=low_in == 0)
        self.stride = spec.stride

    def forward(self, x: Octaves) -> Octaves:
        """Both parts in, both parts out."""
        high, low = x
        if self.stride == 2:
            high, low = _pool(high), _pool(low)
        new_high = _sum(_apply(self.high_to_high, high), _up(_apply(self.low_to_high, low)))
        pooled = _pool(high) if self.high_to_low is not None else None
        new_low = _sum(_apply(self.low_to_low, low), _apply(self.high_to_low, pooled))
        return new_high, new_low


class OctaveBlock(nn.Module):
    """Octave convolution → batch normalisation → activation, for each part by itself."""

    def __init__(self, inputs: int, outputs: int, spec: OctaveSpec) -> None:
        super().__init__()
        self.conv = OctaveConv(inputs, outputs, spec)
        high, low = octave_widths(outputs, spec.alpha_out)
        self.high = nn.Sequential(nn.BatchNorm2d(high), activation(spec.act, high)) if high else None
        self.low = nn.Sequential(nn.BatchNorm2d(low), activation(spec.act, low)) if low else None

    def forward(self, x: Octaves) -> Octaves:
        """Both parts in, both parts out."""
        high, low = self.conv(x)
        return _apply(self.high, high), _apply(self.low, low)


def pool_octaves(x: Octaves, pool: nn.Module) -> Octaves:
    """The same pooling on both parts."""
    return _apply(pool, x[0]), _apply(pool, x[1])


def _apply(module: nn.Module | None, x: Tensor | None) -> Tensor | None:
    return None if module is None or x is None else module(x)


def _pool(x: Tensor | None) -> Tensor | None:
    if x is None:
        return None
    if x.shape[-1] % 2 or x.shape[-2] % 2:
        raise ValueError(f"octave convolution needs even sides to halve, got {tuple(x.shape[-2:])}")
    return F.avg_pool2d(x, 2)


def _up(x: Tensor | None) -> Tensor | None:
    return None if x is None else F.interpolate(x, scale_factor=2.0, mode="nearest")


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b
