"""Features of several kernels or depths brought together by concatenation and a 1×1 convolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mien.lab.models.blocks.convolution import Activation, ConvBnAct, ConvSpec


class MultiScaleConv(nn.Module):
    """The same input through kernels of several sizes, put side by side (seed 001, figure 4, structure 1).

    The outputs are shared out as evenly as possible, the smallest kernel gets what is left over. All kernels see the
    middle of the largest one's window: nothing is padded, so that the block may run over pictures of any size.
    """

    def __init__(self, inputs: int, outputs: int, kernels: Sequence[int] = (1, 3), act: Activation = "prelu") -> None:
        super().__init__()
        share = outputs // len(kernels)
        widths = [outputs - share * (len(kernels) - 1)] + [share] * (len(kernels) - 1)
        self.largest = max(kernels)
        self.margins = [(self.largest - k) // 2 for k in kernels]
        self.parts = nn.ModuleList(
            ConvBnAct(inputs, w, ConvSpec(k, padding=0, act=act)) for w, k in zip(widths, kernels, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H - K + 1, W - K + 1), K = the largest kernel."""
        return torch.cat([part(crop(x, m)) for part, m in zip(self.parts, self.margins, strict=True)], dim=1)


class LayerFusion(nn.Module):
    """Two depths of a network brought together (seed 001, figure 4): concatenation, then 1×1."""

    def __init__(self, widths: Sequence[int], outputs: int, act: Activation = "prelu") -> None:
        super().__init__()
        self.mix = ConvBnAct(sum(widths), outputs, ConvSpec(1, act=act))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Tensors of equal size in, (B, outputs, H, W) out."""
        out: Tensor = self.mix(torch.cat(list(layers), dim=1))
        return out


def crop(x: Tensor, margin: int) -> Tensor:
    """Take `margin` pixels off every side."""
    return x[..., margin : x.shape[-2] - margin, margin : x.shape[-1] - margin] if margin else x
