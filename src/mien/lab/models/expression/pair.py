"""Two expression networks with one answer: the mean of their probabilities, each at the size it was taught at.

Networks that were taught differently err differently (Hansen & Salamon 1990, "Neural network ensembles").
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork


class Pair(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`: logits whose softmax is the mean of both.

    Args:
        first: is shown the crop.
        second: is shown the means of `halved`² pixels.
        halved: 1 = both are shown the same.
        classes: of both.
    """

    def __init__(self, first: ExpressionNetwork, second: ExpressionNetwork, halved: int, classes: int) -> None:
        super().__init__(classes)
        self.first, self.second, self.halved = first, second, halved

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        smaller = F.avg_pool2d(image, self.halved) if self.halved > 1 else image
        one, two = self.first(image), self.second(smaller)
        mean = (one.logits.softmax(dim=1) + two.logits.softmax(dim=1)) / 2
        return ExpressionAnswer(torch.log(mean.clamp_min(1e-9)), torch.cat([one.features, two.features], dim=1))
