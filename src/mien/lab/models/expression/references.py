"""Plain classifiers that everything else is compared with: ResNet-50 and MobileNetV2."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from mien.lab.models.blocks.convolution import POINTWISE, ConvBnAct, ConvSpec, InvertedResidual, InvertedSpec
from mien.lab.models.blocks.stages import Backbone, BackboneSpec
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork


@dataclass(frozen=True, slots=True)
class ResNetSpec:
    """A ResNet (He et al. 2016).

    Attributes:
        backbone: its size; the default is ResNet-50.
        classes: expressions.
    """

    backbone: BackboneSpec = field(default_factory=lambda: BackboneSpec(excite=False))
    classes: int = 7


class ResNet(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`; S divisible by 32. Published at 224 px, ImageNet."""

    def __init__(self, spec: ResNetSpec) -> None:
        super().__init__(spec.classes)
        self.backbone = Backbone(spec.backbone)
        self.classifier = nn.Linear(spec.backbone.widths[-1], spec.classes)

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        features = self.backbone(image)[-1].mean(dim=(2, 3))
        return ExpressionAnswer(self.classifier(features), features)


@dataclass(frozen=True, slots=True)
class MobileSpec:
    """MobileNetV2 (Sandler et al. 2018, table 2), with ReLU for ReLU6.

    Attributes:
        stem: channels of the first convolution.
        stem_stride: its step; 1 keeps more of small crops.
        stages: (expansion, outputs, count, stride) in turn.
        last: channels before the classifier.
        dropout: of the features.
        classes: expressions.
    """

    stem: int = 32
    stem_stride: int = 2
    stages: tuple[tuple[int, int, int, int], ...] = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    last: int = 1280
    dropout: float = 0.2
    classes: int = 7


class Mobile(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`. Published at 224 px, ImageNet."""

    def __init__(self, spec: MobileSpec) -> None:
        super().__init__(spec.classes)
        layers: list[nn.Module] = [ConvBnAct(3, spec.stem, ConvSpec(3, spec.stem_stride))]
        width = spec.stem
        for expansion, outputs, count, stride in spec.stages:
            for i in range(count):
                layers.append(
                    InvertedResidual(width, InvertedSpec(width * expansion, outputs, stride if i == 0 else 1))
                )
                width = outputs
        layers.append(ConvBnAct(width, spec.last, POINTWISE))
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(spec.dropout)
        self.classifier = nn.Linear(spec.last, spec.classes)

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        features = self.body(image).mean(dim=(2, 3))
        return ExpressionAnswer(self.classifier(self.dropout(features)), features)
