"""IMMTCNN: the improved detection cascade of seeds 000 and 001. What the two differ in is a matter of the specs.

P-Net (seed 001, figure 4): several kernels side by side, 3×3 convolutions taken apart, first and second layer fused;
fully convolutional. R-Net: octave convolution (eqs. 4, 5). O-Net: octave convolution and two parallel resolutions
(HR-PCN; seed 000). Seed 001 has octave convolution in R-Net only (O-Net: `alpha=0`), seed 000 also in P-Net and O-Net.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.lab.models.answers import WindowAnswer
from mien.lab.models.blocks.convolution import Activation, ConvBnAct, ConvSpec, Separable3x3
from mien.lab.models.blocks.fusion import LayerFusion, MultiScaleConv, crop
from mien.lab.models.blocks.heads import WindowHeads
from mien.lab.models.blocks.octave import OctaveBlock, Octaves, OctaveSpec, pool_octaves
from mien.lab.models.blocks.parallel import ParallelConvs, ParallelSpec


@dataclass(frozen=True, slots=True)
class ProposalSpec:
    """P-Net.

    Attributes:
        widths: channels of its three layers.
        kernels: of the first layer, side by side; (3,) = a plain 3×3.
        separable: 3×3 taken apart in the second and third layer.
        fusion: the first layer's features join the second's.
        alpha: share of low channels inside the second layer (seed 000's text); 0 = none.
        points: also give the five points.
        act: activation.
    """

    widths: tuple[int, int, int] = (12, 16, 32)
    kernels: tuple[int, ...] = (1, 3)
    separable: bool = True
    fusion: bool = True
    alpha: float = 0.0
    points: bool = False
    act: Activation = "prelu"


@dataclass(frozen=True, slots=True)
class RefineSpec:
    """R-Net.

    Attributes:
        widths: channels of its three octave convolutions.
        alpha: share of low channels between them; 0 = plain convolutions.
        hidden: width before the heads.
        points: also give the five points.
        act: activation.
    """

    widths: tuple[int, int, int] = (28, 48, 64)
    alpha: float = 0.5
    hidden: int = 128
    points: bool = True
    act: Activation = "prelu"


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """O-Net.

    Attributes:
        widths: channels of its three octave convolutions.
        alpha: share of low channels between them; 0 = plain convolutions.
        parallel: the two resolutions; None = two plain 3×3 of the coarse width in their place.
        hidden: width before the heads.
        dropout: of the hidden features while training.
        act: activation.
    """

    widths: tuple[int, int, int] = (32, 64, 48)
    alpha: float = 0.5
    parallel: ParallelSpec | None = field(default_factory=ParallelSpec)
    hidden: int = 256
    dropout: float = 0.2
    act: Activation = "relu"


class ProposalNet(nn.Module):
    """(B, 3, H, W) → answers (B, C, h, w) of windows of 12 px, 2 px apart: h = ⌊(H − 2) / 2⌋ − 4. Nothing is padded.

    With `alpha` the low part's grid is that of the picture, and a window at an odd place sees it shifted by half its
    step: the one place where a window's answer depends a little on where it lies.
    """

    def __init__(self, spec: ProposalSpec | None = None) -> None:
        super().__init__()
        s = spec or ProposalSpec()
        first, second, third = s.widths
        self.first = MultiScaleConv(3, first, s.kernels, s.act)
        self.octave = _OctaveInside(first, second, s) if s.alpha else None
        self.second = None if s.alpha else _conv3(first, second, s)
        self.fusion = LayerFusion((first, second), second, s.act) if s.fusion else None
        self.third = _conv3(second, third, s)
        self.heads = WindowHeads(third, points=s.points, everywhere=True)

    def forward(self, x: Tensor) -> WindowAnswer:
        """See the class."""
        fine = F.max_pool2d(self.first(x), 2)
        layer = self.octave if self.octave is not None else self.second
        assert layer is not None
        deep: Tensor = layer(fine)
        if self.fusion is not None:
            deep = self.fusion([crop(fine, 1), deep])
        answer: WindowAnswer = self.heads(self.third(deep))
        return answer


class _OctaveInside(nn.Module):
    """An octave convolution where nothing may be padded and sides may be odd: the border that saw padding goes."""

    def __init__(self, inputs: int, outputs: int, spec: ProposalSpec) -> None:
        super().__init__()
        self.into = OctaveBlock(inputs, outputs, OctaveSpec(0.0, spec.alpha, act=spec.act))
        self.out = OctaveBlock(outputs, outputs, OctaveSpec(spec.alpha, 0.0, kernel=1, act=spec.act))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H − 2, W − 2)."""
        height, width = x.shape[-2:]
        even = F.pad(x, (0, width % 2, 0, height % 2), mode="replicate")
        high: Tensor | None = self.out(self.into((even, None)))[0]
        assert high is not None
        return high[..., 1 : height - 1, 1 : width - 1]


class RefineNet(nn.Module):
    """(B, 3, 24, 24) → answers (B, C)."""

    def __init__(self, spec: RefineSpec | None = None) -> None:
        super().__init__()
        s = spec or RefineSpec()
        self.octaves = octave_chain(s.widths, s.alpha, s.act)
        self.features = nn.Sequential(
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(9 * s.widths[2], s.hidden), nn.PReLU(s.hidden)
        )
        self.heads = WindowHeads(s.hidden, points=s.points)

    def forward(self, x: Tensor) -> WindowAnswer:
        """See the class."""
        answer: WindowAnswer = self.heads(self.features(through_octaves(self.octaves, x)))
        return answer


class OutputNet(nn.Module):
    """(B, 3, 48, 48) → answers (B, C), with points."""

    def __init__(self, spec: OutputSpec | None = None) -> None:
        super().__init__()
        s = spec or OutputSpec()
        self.octaves = octave_chain(s.widths, s.alpha, s.act)
        fine, coarse = s.parallel.widths if s.parallel else (s.widths[2], 64)
        self.parallel = ParallelConvs(s.widths[2], s.parallel) if s.parallel else None
        self.down = ConvBnAct(fine, coarse, ConvSpec(3, 2, act=s.act))
        self.plain = None if s.parallel else ConvBnAct(coarse, 2 * coarse, ConvSpec(3, act=s.act))
        self.features = nn.Sequential(
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(18 * coarse, s.hidden),
            nn.PReLU(s.hidden),
            nn.Dropout(s.dropout),
        )
        self.heads = WindowHeads(s.hidden, points=True)

    def forward(self, x: Tensor) -> WindowAnswer:
        """See the class."""
        fine = through_octaves(self.octaves, x)
        if self.parallel is not None:
            fine, coarse = self.parallel(fine)
            both = torch.cat([self.down(fine), coarse], dim=1)
        else:
            assert self.plain is not None
            both = self.plain(self.down(fine))
        answer: WindowAnswer = self.heads(self.features(both))
        return answer


def _conv3(inputs: int, outputs: int, spec: ProposalSpec) -> nn.Module:
    how = ConvSpec(3, padding=0, act=spec.act)
    return Separable3x3(inputs, outputs, how) if spec.separable else ConvBnAct(inputs, outputs, how)


def octave_chain(widths: tuple[int, int, int], alpha: float, act: Activation) -> nn.ModuleList:
    """Three octave convolutions, plain at both ends; see `through_octaves`."""
    first, second, third = widths
    return nn.ModuleList(
        (
            OctaveBlock(3, first, OctaveSpec(0.0, alpha, act=act)),
            OctaveBlock(first, second, OctaveSpec(alpha, alpha, act=act)),
            OctaveBlock(second, third, OctaveSpec(alpha, 0.0, act=act)),
        )
    )


def through_octaves(octaves: nn.ModuleList, x: Tensor) -> Tensor:
    """Octave convolutions with a pooling after all but the last; a quarter of the side comes out."""
    parts: Octaves = (x, None)
    pool = nn.MaxPool2d(2)
    for i, block in enumerate(octaves):
        parts = block(parts if i == 0 else pool_octaves(parts, pool))
    high, _ = parts
    assert high is not None
    return high
