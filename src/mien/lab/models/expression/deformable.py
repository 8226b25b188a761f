"""Deformable convolution with CBAM on a residual network (seed 004, §4.1.2, eq. 1, figures 3, 4; Ren 2024): 73.22 % on
FER2013 there.

The seed names neither depth nor where the deformable convolutions stand: here every basic block of the later stages has
one as its second convolution (as Dai et al. 2017 place them, late), and every block ends in CBAM before the sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mien.lab.models.blocks.attention import Cbam
from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.deformable import DeformableConv
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork


@dataclass(frozen=True, slots=True)
class DeformableSpec:
    """Size of a network.

    Attributes:
        widths: channels of the stages; each but the first halves the resolution.
        blocks: of each stage.
        deformed: from this stage on (0 = the first) the second convolution is deformable.
        dropout: of the features.
        classes: expressions.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    deformed: int = 2
    dropout: float = 0.2
    classes: int = 7


class CbamBlock(nn.Module):
    """relu(cbam(conv → conv or deformable conv) + short)."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, deformed: bool) -> None:
        super().__init__()
        second: nn.Module = ConvBnAct(outputs, outputs, ConvSpec(3, act="none"))
        if deformed:
            second = nn.Sequential(DeformableConv(outputs, outputs), nn.BatchNorm2d(outputs))
        self.body = nn.Sequential(ConvBnAct(inputs, outputs, ConvSpec(3, stride)), second, Cbam(outputs))
        same = inputs == outputs and stride == 1
        self.short = nn.Identity() if same else ConvBnAct(inputs, outputs, ConvSpec(1, stride, act="none"))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""
        return torch.relu(self.body(x) + self.short(x))


class Deformable(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`; made for 48 px, the size of FER2013: the stem keeps it."""

    def __init__(self, spec: DeformableSpec) -> None:
        super().__init__(spec.classes)
        width = spec.widths[0]
        layers: list[nn.Module] = [ConvBnAct(3, width)]
        for stage, (outputs, count) in enumerate(zip(spec.widths, spec.blocks, strict=True)):
            for i in range(count):
                step = 2 if stage and i == 0 else 1
                layers.append(CbamBlock(width, outputs, step, deformed=stage >= spec.deformed))
                width = outputs
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(spec.dropout)
        self.classifier = nn.Linear(width, spec.classes)

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        features = self.body(image).mean(dim=(2, 3))
        return ExpressionAnswer(self.classifier(self.dropout(features)), features)
