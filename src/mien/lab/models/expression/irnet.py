"""IRNet: ResNet-50 whose 3×3 convolutions in conv2–conv5 give way to multi-head cross-attention (seed 004, §4.1.1,
figures 1, 2; Qiu 2024).

The seed draws a head as: spatial attention, then channel attention, batch normalisation; heads stand side by side and
are brought together again. How wide a head is, it does not say: here the heads share the bottleneck's narrow width,
each seeing all of it through a 1×1, so that the block costs less than the 3×3 it replaces.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.lab.models.blocks.attention import ChannelGate, SpatialGate
from mien.lab.models.blocks.convolution import POINTWISE, ConvBnAct, ConvSpec
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork


@dataclass(frozen=True, slots=True)
class IrnetSpec:
    """Size of a network.

    Attributes:
        stem: channels of conv1; stages have 4, 8, 16, 32 times as many.
        blocks: bottlenecks of conv2–conv5.
        heads: of the attention in each.
        small_stem: a 3×3 of step 1 instead of 7×7 and pooling, for crops of 48 px.
        classes: expressions.
    """

    stem: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    heads: int = 4
    small_stem: bool = False
    classes: int = 7


class AttentionHeads(nn.Module):
    """(B, C, H, W) → (B, C, H / stride, W / stride): K heads of spatial and channel attention side by side,
    normalised."""

    def __init__(self, channels: int, heads: int, stride: int) -> None:
        super().__init__()
        share = channels // heads
        self.stride = stride
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, share, 1, bias=False), SpatialGate(3), ChannelGate(share, 4))
            for _ in range(heads)
        )
        self.norm = nn.BatchNorm2d(share * heads)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if self.stride > 1:
            x = F.avg_pool2d(x, self.stride)
        return torch.relu(self.norm(torch.cat([head(x) for head in self.heads], dim=1)))


class AttentionBottleneck(nn.Module):
    """relu(1×1 → heads → 1×1 + short)."""

    def __init__(self, inputs: int, outputs: int, stride: int, heads: int) -> None:
        super().__init__()
        narrow = outputs // 4
        self.body = nn.Sequential(
            ConvBnAct(inputs, narrow, POINTWISE),
            AttentionHeads(narrow, heads, stride),
            ConvBnAct(narrow, outputs, ConvSpec(1, act="none")),
        )
        same = inputs == outputs and stride == 1
        self.short = nn.Identity() if same else ConvBnAct(inputs, outputs, ConvSpec(1, stride, act="none"))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""
        return torch.relu(self.body(x) + self.short(x))


class Irnet(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`; S divisible by 32 (by 8 with the small stem)."""

    def __init__(self, spec: IrnetSpec) -> None:
        super().__init__(spec.classes)
        if spec.small_stem:
            layers: list[nn.Module] = [ConvBnAct(3, spec.stem)]
        else:
            layers = [ConvBnAct(3, spec.stem, ConvSpec(7, 2)), nn.MaxPool2d(3, 2, 1)]
        width = spec.stem
        for stage, count in enumerate(spec.blocks):
            outputs = 4 * spec.stem * 2**stage
            for i in range(count):
                layers.append(AttentionBottleneck(width, outputs, 2 if stage and i == 0 else 1, spec.heads))
                width = outputs
        self.body = nn.Sequential(*layers)
        self.classifier = nn.Linear(width, spec.classes)

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        features = self.body(image).mean(dim=(2, 3))
        return ExpressionAnswer(self.classifier(features), features)
