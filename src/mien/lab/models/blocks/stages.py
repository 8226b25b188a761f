"""Classification backbones as a list of maps: ResNet with or without squeeze-and-excite, and a plain stack of 3×3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec, SqueezeExcite
from mien.lab.models.blocks.residual import Bottleneck


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """Size of a backbone.

    Attributes:
        residual: bottlenecks (He et al. 2016) instead of plain convolutions.
        excite: squeeze-and-excite (Hu et al. 2018, reduction 16) in every block.
        stem: channels of stage 0; stages 1–4 have 4, 8, 16, 32 times as many (residual), or 1, 2, 4, 8 times (plain).
        blocks: of stages 1–4.
    """

    residual: bool = True
    excite: bool = True
    stem: int = 64
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of stages 1–4."""
        first = 4 * self.stem if self.residual else self.stem
        return tuple(first * 2**i for i in range(4))


class Backbone(nn.Module):
    """(B, 3, S, S) → maps of stages 1–4 at S / 4, S / 8, S / 16, S / 32; S divisible by 32.

    Stage 0 is the stem: 7×7 of stride 2 and a 3×3 maximum of stride 2. With 50 layers and no excitation this is
    ResNet-50 with the step in the 3×3 convolution; a classifier of 1000 classes on it has the published 25,557,032
    parameters, and 28,088,024 with excitation.
    """

    def __init__(self, spec: BackboneSpec) -> None:
        super().__init__()
        self.stem = ConvBnAct(3, spec.stem, ConvSpec(7, 2))
        stages = []
        width = spec.stem
        for i, (outputs, count) in enumerate(zip(spec.widths, spec.blocks, strict=True)):
            make = _residual_stage if spec.residual else _plain_stage
            stages.append(make((width, outputs), count, 1 if i == 0 else 2, spec.excite))
            width = outputs
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        y = F.max_pool2d(self.stem(x), 3, 2, 1)
        out = []
        for stage in self.stages:
            y = stage(y)
            out.append(y)
        return out


def _residual_stage(widths: tuple[int, int], count: int, stride: int, excite: bool) -> nn.Sequential:
    inputs, outputs = widths
    first = Bottleneck(inputs, outputs, stride, excite=excite)
    return nn.Sequential(first, *(Bottleneck(outputs, outputs, excite=excite) for _ in range(count - 1)))


def _plain_stage(widths: tuple[int, int], count: int, stride: int, excite: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in range(count):
        inputs, step = (widths[0], stride) if i == 0 else (widths[1], 1)
        layers.append(ConvBnAct(inputs, widths[1], ConvSpec(3, step)))
        layers += [SqueezeExcite(widths[1], 16)] if excite else []
    return nn.Sequential(*layers)


class StepwiseFusion(nn.Module):
    """Maps of three depths brought to one (seed 000, figure 6): each 1×1 to one width, each brought to the coarsest
    one's resolution by a mean, then added one after another, finest first."""

    def __init__(self, widths: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.compress = nn.ModuleList(ConvBnAct(w, outputs, ConvSpec(1)) for w in widths)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps from fine to coarse, each half the resolution of the one before → (B, outputs, H, W) of the coarsest."""
        total: Tensor | None = None
        for layer, x in zip(self.compress, maps, strict=True):
            y: Tensor = layer(x)
            total = y if total is None else F.avg_pool2d(total, 2) + y
        assert total is not None
        return total
