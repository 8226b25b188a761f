"""The trunk of dlib's face recognition network with an expression classifier on top: it can begin with weights that
have seen three million faces (`mien.lab.train.dlib_weights`), as seeds 003 and 004 begin from face recognition.

Source: D. King, "High quality face recognition with deep metric learning" (dlib blog, 2017): ResNet-34 of He et al.
2016 with fewer layers and half the filters, 29 convolutions. Left out here: its last block (256 wide, halving) and
the 128-d projection, which hold whose face it is; colour, since the classifier's data is grey.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.pooled_residual import pooled_stages
from mien.lab.models.blocks.standardise import GreyStandardised
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork


@dataclass(frozen=True, slots=True)
class RecognitionSpec:
    """Size of a network.

    Attributes:
        widths: channels of the stages; each but the first halves the resolution.
        blocks: of each stage.
        stem: side of the first kernel, which halves; a maximum over 3×3 halves again.
        dropout: share of the features that is dropped while training.
        classes: expressions.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256)
    blocks: tuple[int, ...] = (3, 4, 3, 3)
    stem: int = 7
    dropout: float = 0.3
    classes: int = 7


class Recognition(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`; S a multiple of 32; colour is averaged away."""

    def __init__(self, spec: RecognitionSpec | None = None) -> None:
        s = spec or RecognitionSpec()
        super().__init__(s.classes)
        self.grey = GreyStandardised()
        self.stem = ConvBnAct(1, s.widths[0], ConvSpec(s.stem, 2))
        self.narrow = nn.MaxPool2d(3, 2, 1)
        self.body = nn.Sequential(*pooled_stages(s.widths, s.blocks))
        self.dropout = nn.Dropout(s.dropout)
        self.classifier = nn.Linear(s.widths[-1], s.classes)

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        features = self.body(self.narrow(self.stem(self.grey(image)))).mean(dim=(2, 3))
        return ExpressionAnswer(self.classifier(self.dropout(features)), features)
