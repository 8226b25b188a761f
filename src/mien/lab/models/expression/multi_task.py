"""The Aff-Wild2 network: valence/arousal, action units and expressions at once, expressions with ArcFace (Kollias &
Zafeiriou 2019, arXiv 1910.04855, "MT-ArcFace"; seed 003 §3.8).

Aligned faces of 112 px, a ResNet-50, one feature for all. Losses: 1 − mean CCC of valence and arousal, binary
cross-entropy of the units that are labelled, ArcFace (s 64, m 0.5) for the expressions; a face adds to those it is
labelled for. Published: expression accuracy 63 % in seed 003's table.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.lab.models.blocks.margin import ArcFace
from mien.lab.models.blocks.stages import Backbone, BackboneSpec
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork, ExpressionTargets, Judgement


@dataclass(frozen=True, slots=True)
class MultiTaskSpec:
    """Size of a network.

    Attributes:
        backbone: its size.
        features: width that all tasks read from.
        units: action units; Aff-Wild2 has 12, and the trainer feeds those.
        scale, margin: of ArcFace.
        affect, unit_weight: weights of the two other losses.
        classes: expressions.
    """

    backbone: BackboneSpec = field(default_factory=lambda: BackboneSpec(excite=False))
    features: int = 512
    units: int = 12
    scale: float = 64.0
    margin: float = 0.5
    affect: float = 1.0
    unit_weight: float = 1.0
    classes: int = 7


class MultiTask(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`; extra "affect" (B, 2) −1…1 and "units" (B, U) logits."""

    def __init__(self, spec: MultiTaskSpec) -> None:
        super().__init__(spec.classes)
        self.spec = spec
        self.backbone = Backbone(spec.backbone)
        self.embed = nn.Sequential(nn.Linear(spec.backbone.widths[-1], spec.features), nn.BatchNorm1d(spec.features))
        self.arcface = ArcFace(spec.features, spec.classes, spec.scale, spec.margin)
        self.affect = nn.Linear(spec.features, 2)
        self.units = nn.Linear(spec.features, spec.units)

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        features = self.embed(self.backbone(image)[-1].mean(dim=(2, 3))).float()
        extra = {"affect": torch.tanh(self.affect(features)), "units": self.units(features)}
        return ExpressionAnswer(self.arcface(features), features, extra)

    def judge(self, answer: ExpressionAnswer, targets: ExpressionTargets) -> Judgement:
        """See the module."""
        harder = self.arcface.with_margin(answer.logits, targets.classes)
        parts = {"arcface": self.cross_entropy(harder, targets.probabilities)}
        if targets.valence_arousal is not None:
            parts["affect"] = self.spec.affect * ccc_loss(answer.extra["affect"].float(), targets.valence_arousal)
        if targets.units is not None:
            known = torch.isfinite(targets.units)
            loss = F.binary_cross_entropy_with_logits(
                answer.extra["units"].float(), torch.where(known, targets.units, 0.5), reduction="none"
            )
            parts["units"] = self.spec.unit_weight * (loss * known).sum() / known.sum().clamp_min(1)
        return Judgement(torch.stack(list(parts.values())).sum(), {k: float(v.detach()) for k, v in parts.items()})


def ccc_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """1 − mean concordance correlation (Lin 1989) of the columns over the rows that are known. (B, K) twice →
    scalar."""
    losses = []
    for a, b in zip(found.unbind(1), wanted.unbind(1), strict=True):
        known = torch.isfinite(b)
        if known.sum() < 2:
            continue
        x, y = a[known], b[known]
        both = ((x - x.mean()) * (y - y.mean())).mean()
        spread = x.var(unbiased=False) + y.var(unbiased=False) + (x.mean() - y.mean()).square()
        losses.append(1 - 2 * both / spread.clamp_min(1e-8))
    return torch.stack(losses).mean() if losses else found.sum() * 0
