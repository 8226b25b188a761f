"""Backbones of face recognition that expression networks stand on: IR-50 and MobileFaceNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec, InvertedResidual, InvertedSpec


class IrUnit(nn.Module):
    """BN → 3×3 → PReLU → 3×3 of the step → BN, plus the input (Deng et al. 2019, "ArcFace", §3.2: improved
    residual)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        if inputs == outputs:
            self.short: nn.Module = nn.MaxPool2d(1, stride)
        else:
            self.short = ConvBnAct(inputs, outputs, ConvSpec(1, stride, act="none"))
        self.body = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False),
            nn.PReLU(outputs),
            ConvBnAct(outputs, outputs, ConvSpec(3, stride, act="none")),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""
        out: Tensor = self.body(x) + self.short(x)
        return out


@dataclass(frozen=True, slots=True)
class IrSpec:
    """Size of an IR network.

    Attributes:
        stem: channels of the first convolution.
        widths, units: of the stages; each halves the resolution. IR-50: 64, 128, 256, 512 with 3, 4, 14, 3.
    """

    stem: int = 64
    widths: tuple[int, ...] = (64, 128, 256, 512)
    units: tuple[int, ...] = (3, 4, 14, 3)


class IrBackbone(nn.Module):
    """(B, 3, S, S) → one map per stage, S / 2, S / 4, …"""

    def __init__(self, spec: IrSpec) -> None:
        super().__init__()
        self.stem = ConvBnAct(3, spec.stem, ConvSpec(3, act="prelu"))
        width, stages = spec.stem, []
        for outputs, count in zip(spec.widths, spec.units, strict=True):
            units = [IrUnit(width if i == 0 else outputs, outputs, 2 if i == 0 else 1) for i in range(count)]
            stages.append(nn.Sequential(*units))
            width = outputs
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        y = self.stem(x)
        out = []
        for stage in self.stages:
            y = stage(y)
            out.append(y)
        return out


@dataclass(frozen=True, slots=True)
class MobileFaceSpec:
    """Size of a MobileFaceNet (Chen et al. 2018, table 1).

    Attributes:
        stem: channels at S / 2.
        stages: (expanded, outputs, units, expanded of the first one) in turn; each begins with a step of 2.
        last: channels of the map at S / 16.
    """

    stem: int = 64
    stages: tuple[tuple[int, int, int, int], ...] = ((128, 64, 4, 128), (256, 128, 6, 256), (256, 128, 2, 512))
    last: int = 512


class MobileFaceNet(nn.Module):
    """(B, 3, S, S) → maps at S / 4, S / 8, S / 16, and the widened last one; S divisible by 16."""

    def __init__(self, spec: MobileFaceSpec) -> None:
        super().__init__()
        stem = spec.stem
        self.stem = nn.Sequential(
            ConvBnAct(3, stem, ConvSpec(3, 2, act="prelu")),
            ConvBnAct(stem, stem, ConvSpec(3, groups=stem, act="prelu")),
        )
        width, stages = stem, []
        for expanded, outputs, count, first in spec.stages:
            stages.append(nn.Sequential(*_mobile_units(width, outputs, [first] + [expanded] * count)))
            width = outputs
        self.stages = nn.ModuleList(stages)
        self.widen = ConvBnAct(width, spec.last, ConvSpec(1, act="prelu"))

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        y = self.stem(x)
        out = []
        for stage in self.stages:
            y = stage(y)
            out.append(y)
        return [*out, self.widen(y)]


def _mobile_units(inputs: int, outputs: int, expanded: Sequence[int]) -> list[nn.Module]:
    specs = [InvertedSpec(e, outputs, 2 if i == 0 else 1, act="prelu") for i, e in enumerate(expanded)]
    return [InvertedResidual(inputs if i == 0 else outputs, spec) for i, spec in enumerate(specs)]
