"""The three rows of seed 000's Table 2 as classifiers of a face of 96 px: IMMTCNN with HR-PCN, MTCNN, and SSD.

IMMTCNN (§3.1, §4.1, figures 1–3): octave convolutions with α = 0.5, two parallel branches of 3 and 5 convolutions whose
features are put together and go to a softmax. Cross-entropy; Adam 0.001, batch 64, at most 150 epochs with early
stopping, 96×96. The paper gives no widths for the classifier; those of O-Net are taken, wider by half. MTCNN: the
layers of its O-Net without octaves and branches. SSD: the trunk of the detector, all its maps pooled.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.parallel import ParallelConvs, ParallelSpec
from mien.lab.models.cascade import octave_chain, through_octaves
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork
from mien.lab.models.ssd import Ssd, SsdSpec


@dataclass(frozen=True, slots=True)
class ImmtcnnSpec:
    """Size of the head.

    Attributes:
        widths: channels of the three octave convolutions.
        alpha: share of low channels between them.
        parallel: the two resolutions of HR-PCN.
        hidden: features.
        dropout: of the features.
        classes: expressions.
    """

    widths: tuple[int, int, int] = (48, 96, 96)
    alpha: float = 0.5
    parallel: ParallelSpec = field(default_factory=lambda: ParallelSpec((64, 128), (3, 5), 3))
    hidden: int = 256
    dropout: float = 0.2
    classes: int = 7


class Immtcnn(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`; S divisible by 8."""

    def __init__(self, spec: ImmtcnnSpec) -> None:
        super().__init__(spec.classes)
        self.octaves = octave_chain(spec.widths, spec.alpha, "relu")
        self.parallel = ParallelConvs(spec.widths[-1], spec.parallel)
        fine, coarse = spec.parallel.widths
        self.down = ConvBnAct(fine, coarse, ConvSpec(3, 2))
        self.mix = ConvBnAct(2 * coarse, spec.hidden, ConvSpec(3, 2))
        self.dropout = nn.Dropout(spec.dropout)
        self.classifier = nn.Linear(spec.hidden, spec.classes)

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        fine, coarse = self.parallel(through_octaves(self.octaves, image))
        features = self.mix(torch.cat([self.down(fine), coarse], dim=1)).mean(dim=(2, 3))
        return ExpressionAnswer(self.classifier(self.dropout(features)), features)


@dataclass(frozen=True, slots=True)
class MtcnnSpec:
    """Size of the plain head.

    Attributes:
        widths: channels of O-Net's four convolutions.
        hidden: features.
        classes: expressions.
    """

    widths: tuple[int, ...] = (32, 64, 64, 128)
    hidden: int = 256
    classes: int = 7


class Mtcnn(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`: 3×3, PReLU and pooling, as in O-Net (Zhang et al. 2016)."""

    def __init__(self, spec: MtcnnSpec) -> None:
        super().__init__(spec.classes)
        layers: list[nn.Module] = []
        before = 3
        for width in spec.widths:
            layers += [ConvBnAct(before, width, ConvSpec(3, act="prelu", normalised=False)), nn.MaxPool2d(2)]
            before = width
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(3), nn.Flatten())
        self.hidden = nn.Sequential(nn.Linear(9 * before, spec.hidden), nn.PReLU(spec.hidden))
        self.classifier = nn.Linear(spec.hidden, spec.classes)

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        features = self.hidden(self.body(image))
        return ExpressionAnswer(self.classifier(features), features)


@dataclass(frozen=True, slots=True)
class SsdHeadSpec:
    """Size of the single-shot trunk.

    Attributes:
        trunk: of the detector; its anchors do not matter.
        classes: expressions.
    """

    trunk: SsdSpec = field(default_factory=lambda: SsdSpec(size_px=96, width=24))
    classes: int = 7


class SsdHead(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`; S divisible by 32: the means of the three maps side by side."""

    def __init__(self, spec: SsdHeadSpec) -> None:
        super().__init__(spec.classes)
        whole = Ssd(spec.trunk)
        self.stem, self.stages = whole.stem, whole.stages
        widths = [3 * spec.trunk.width, 4 * spec.trunk.width, 6 * spec.trunk.width]
        self.classifier = nn.Linear(sum(widths), spec.classes)

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        x = self.stem(image)
        means = []
        for stage in self.stages:
            x = stage(x)
            means.append(x.mean(dim=(2, 3)))
        features = torch.cat(means, dim=1)
        return ExpressionAnswer(self.classifier(features), features)
