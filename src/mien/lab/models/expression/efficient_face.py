"""EfficientFace (Zhao, Liu, Zhou 2021, AAAI; seed 003 §3.7): ShuffleNetV2 with a local-feature extractor and a
channel-spatial modulator, taught by label distributions of a teacher.

Published: 224 px; stages of 4, 8, 4 units, channels 29, 116, 232, 464, 1024; 1.28 M parameters, 154 MMACs; SGD 0.1,
÷10 every 30 of 100 epochs, batch 128. (Seed 003 cites a face detector of the same name; its text describes this one.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mien.lab.models.blocks.convolution import POINTWISE, ConvBnAct, ConvSpec
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork


@dataclass(frozen=True, slots=True)
class EfficientFaceSpec:
    """Size of a network.

    Attributes:
        repeats: units of the three stages.
        widths: channels of the stem, the three stages, and before the classifier; widths[1] = 4 · widths[0].
        dilation: of the modulator's convolutions.
        small_stem: a 3×3 of step 1 without pooling, for crops of 48 px.
        classes: expressions.
    """

    repeats: tuple[int, int, int] = (4, 8, 4)
    widths: tuple[int, int, int, int, int] = (29, 116, 232, 464, 1024)
    dilation: int = 4
    small_stem: bool = False
    classes: int = 7


class ShuffleUnit(nn.Module):
    """Half the channels pass, half go through 1×1, depth-wise, 1×1; channels are shuffled (Ma et al. 2018, fig. 3)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half = outputs // 2
        depthwise = ConvSpec(3, stride, act="none")
        self.passed: nn.Module | None = None
        if stride > 1:
            self.passed = nn.Sequential(_depthwise(inputs, inputs, depthwise), ConvBnAct(inputs, half, POINTWISE))
        self.taken = nn.Sequential(
            ConvBnAct(inputs if stride > 1 else half, half, POINTWISE),
            _depthwise(half, half, depthwise),
            ConvBnAct(half, half, POINTWISE),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""
        first, second = (self.passed(x), x) if self.passed is not None else x.chunk(2, dim=1)
        both = torch.stack([first, self.taken(second)], dim=2)
        return both.flatten(1, 2)


class LocalFeatures(nn.Module):
    """(B, C, H, W) → (B, 4 C, H / 2, W / 2): each quarter of the map through depth-wise convolutions of its own."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.quarters = nn.ModuleList(
            nn.Sequential(_depthwise(inputs, outputs, ConvSpec(3, 2)), _depthwise(outputs, outputs, ConvSpec(3)))
            for _ in range(4)
        )

    def forward(self, x: Tensor) -> Tensor:
        """H and W divisible by 4."""
        h, w = x.shape[2] // 2, x.shape[3] // 2
        parts = (x[..., :h, :w], x[..., :h, w:], x[..., h:, :w], x[..., h:, w:])
        a, b, c, d = (layer(part) for layer, part in zip(self.quarters, parts, strict=True))
        return torch.cat([torch.cat([a, b], dim=3), torch.cat([c, d], dim=3)], dim=2)


class Modulator(nn.Module):
    """Channel-spatial modulator: sigmoid(channel · place) · x, both without a gate of their own (after BAM)."""

    def __init__(self, channels: int, dilation: int, reduction: int = 16) -> None:
        super().__init__()
        few = max(2, channels // reduction)
        self.channel = nn.Sequential(
            nn.Linear(channels, few), nn.BatchNorm1d(few), nn.ReLU(inplace=True), nn.Linear(few, channels)
        )
        layers: list[nn.Module] = [nn.Conv2d(channels, few, 1), nn.BatchNorm2d(few), nn.ReLU(inplace=True)]
        for _ in range(2):
            conv = nn.Conv2d(few, few, 3, padding=dilation, dilation=dilation)
            layers += [conv, nn.BatchNorm2d(few), nn.ReLU(inplace=True)]
        self.place = nn.Sequential(*layers, nn.Conv2d(few, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same."""
        channel = self.channel(x.mean(dim=(2, 3)))[..., None, None]
        return torch.sigmoid(channel * self.place(x)) * x


class EfficientFace(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`; S divisible by 32 (by 8 with the small stem)."""

    def __init__(self, spec: EfficientFaceSpec) -> None:
        super().__init__(spec.classes)
        stem, first, *_, last = spec.widths
        self.stem = nn.Sequential(ConvBnAct(3, stem, ConvSpec(3, 1 if spec.small_stem else 2)))
        if not spec.small_stem:
            self.stem.append(nn.MaxPool2d(3, 2, 1))
        stages, width = [], stem
        for count, outputs in zip(spec.repeats, spec.widths[1:4], strict=True):
            units = [ShuffleUnit(width if i == 0 else outputs, outputs, 2 if i == 0 else 1) for i in range(count)]
            stages.append(nn.Sequential(*units))
            width = outputs
        self.stages = nn.ModuleList(stages)
        self.local = LocalFeatures(stem, first)
        self.modulator = Modulator(first, spec.dilation)
        self.mix = ConvBnAct(width, last, POINTWISE)
        self.classifier = nn.Linear(last, spec.classes)

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        x = self.stem(image)
        first, *rest = self.stages
        y = self.modulator(first(x)) + self.local(x)
        for stage in rest:
            y = stage(y)
        features = self.mix(y).mean(dim=(2, 3))
        return ExpressionAnswer(self.classifier(features), features)


def _depthwise(inputs: int, outputs: int, spec: ConvSpec) -> nn.Module:
    return ConvBnAct(inputs, outputs, ConvSpec(spec.kernel, spec.stride, groups=inputs, act=spec.act))
