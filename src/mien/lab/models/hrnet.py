"""HRNetV2 for landmarks (Wang et al. 2019; seed 001 §4.2): high resolution from the first stage to the last.

W18 takes 256×256 pixels and gives 98 heatmaps of 64×64. Smaller ones differ in `HrNetSpec` only.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mien.lab.models.answers import LandmarkMaps
from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.exchange import ParallelStage, StageSpec, Transition, Upsampling
from mien.lab.models.blocks.heads import HeatmapHead, VisibilityHead
from mien.lab.models.blocks.residual import Bottleneck, residual_chain


@dataclass(frozen=True, slots=True)
class HrNetSpec:
    """Size of a network.

    Attributes:
        width: channels of the finest branch; each coarser one has twice as many.
        stem: channels of the two stride-2 convolutions.
        first_outputs: channels after stage 1 (bottlenecks of a quarter of it).
        first_blocks: bottlenecks of stage 1.
        modules: exchange modules of stages 2, 3, 4.
        blocks: basic blocks per branch and module.
        points: number of heatmaps.
        visibility: also say per point whether it can be seen (not part of the published network).
        mode: how to enlarge.
    """

    width: int = 18
    stem: int = 64
    first_outputs: int = 256
    first_blocks: int = 4
    modules: tuple[int, int, int] = (1, 4, 3)
    blocks: int = 4
    points: int = 98
    visibility: bool = True
    mode: Upsampling = "bilinear"


W18 = HrNetSpec()
W12 = HrNetSpec(width=12, stem=32, first_outputs=96, first_blocks=2, modules=(1, 2, 2), blocks=2, mode="nearest")
W9 = HrNetSpec(width=9, stem=24, first_outputs=64, first_blocks=1, modules=(1, 1, 1), blocks=2, mode="nearest")


class HrNet(nn.Module):
    """(B, 3, S, S) normalised RGB → `LandmarkMaps` at S / 4; S divisible by 64 (by 32 without visibility)."""

    def __init__(self, spec: HrNetSpec = W18) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            ConvBnAct(3, spec.stem, ConvSpec(3, 2)),
            ConvBnAct(spec.stem, spec.stem, ConvSpec(3, 2)),
        )
        self.first = residual_chain(Bottleneck, spec.stem, spec.first_outputs, spec.first_blocks)
        widths = tuple(spec.width * 2**r for r in range(4))
        before: tuple[int, ...] = (spec.first_outputs,)
        self.transitions, self.stages = nn.ModuleList(), nn.ModuleList()
        for i, modules in enumerate(spec.modules):
            after = widths[: i + 2]
            self.transitions.append(Transition(before, after))
            self.stages.append(ParallelStage(StageSpec(after, modules, spec.blocks, spec.mode)))
            before = after
        self.head = HeatmapHead(widths, spec.points, spec.mode)
        self.visibility = VisibilityHead(widths[-1], spec.points) if spec.visibility else None
        _start(self)

    def forward(self, x: Tensor) -> LandmarkMaps:
        """See the class."""
        branches = [self.first(self.stem(x))]
        for transition, stage in zip(self.transitions, self.stages, strict=True):
            branches = stage(transition(branches))
        logits = self.visibility(branches[-1]) if self.visibility is not None else None
        return LandmarkMaps((self.head(branches),), logits)


def _start(net: nn.Module) -> None:
    """He's initial weights; the last layer starts near zero, as heatmaps are nearly zero everywhere."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in net.modules():
        if isinstance(module, HeatmapHead):
            nn.init.normal_(module.maps.weight, std=0.001)
