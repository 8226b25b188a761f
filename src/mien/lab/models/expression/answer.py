"""What every expression network answers, and the base class that lets one trainer teach them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_NOTHING: Mapping[str, Tensor] = MappingProxyType({})


class ExpressionAnswer(NamedTuple):
    """Answer about B faces.

    Attributes:
        logits: (B, C) of the expressions; softmax gives probabilities.
        features: (B, F) what the logits are read from.
        extra: everything that only the network's own losses look at, by name.
    """

    logits: Tensor
    features: Tensor
    extra: Mapping[str, Tensor] = _NOTHING


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionTargets:
    """What a batch should have answered.

    Attributes:
        probabilities: (B, C), rows sum to 1: a class, votes of raters, or a mixture of two faces.
        valence_arousal: (B, 2) −1…1; NaN = not known.
        units: (B, U) 0 or 1; NaN = not known.
    """

    probabilities: Tensor
    valence_arousal: Tensor | None = None
    units: Tensor | None = None

    @property
    def classes(self) -> Tensor:
        """(B,) the likeliest class of each."""
        return self.probabilities.argmax(dim=1)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Loss of a batch.

    Attributes:
        total: what is minimised.
        parts: detached values of its parts, for the log.
    """

    total: Tensor
    parts: Mapping[str, float] = field(default_factory=dict)


class ExpressionNetwork(nn.Module):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`.

    Subclasses whose paper has losses of its own override `judge`.
    """

    class_weight: Tensor
    smoothing: float = 0.0

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("class_weight", torch.ones(classes), persistent=False)

    def judge(self, answer: ExpressionAnswer, targets: ExpressionTargets) -> Judgement:
        """Cross-entropy with the targets' probabilities, smoothed and weighted by class."""
        loss = self.cross_entropy(answer.logits, targets.probabilities)
        return Judgement(loss, {"cross_entropy": float(loss.detach())})

    def pictures(self, answer: ExpressionAnswer) -> Mapping[str, Tensor]:
        """Pictures that it makes of its input, to look at: title → (B, 3, H, W) normalised RGB; most make none."""
        return {}

    def cross_entropy(self, logits: Tensor, probabilities: Tensor) -> Tensor:
        """Mean over the batch; `smoothing` moves so much of the probability to all classes alike."""
        wanted = probabilities * (1 - self.smoothing) + self.smoothing / probabilities.shape[1]
        loss = -(wanted * F.log_softmax(logits.float(), dim=1)).sum(dim=1)
        weight = probabilities @ self.class_weight
        return (loss * weight).sum() / weight.sum().clamp_min(1e-6)
