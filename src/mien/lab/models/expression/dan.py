"""DAN, the distract-your-attention network (Wen et al. 2023, arXiv 2109.07270; seed 003 §3.3).

Feature clustering network (a ResNet-18 whose features the affinity loss gathers around class centres), multi-head
attention network (heads of spatial and channel attention), attention fusion network (log-softmax across the heads,
whose partition loss drives them apart). Published input 224 px; SGD 0.1, momentum 0.9, batch 256, 40 epochs, ÷10
every 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.residual import BasicBlock
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork, ExpressionTargets, Judgement


@dataclass(frozen=True, slots=True)
class DanSpec:
    """Size of a network.

    Attributes:
        widths: channels of the four stages.
        blocks: basic blocks of each.
        heads: attention heads.
        hidden: channels inside a head's channel attention.
        affinity, partition: weights of the two losses.
        small_stem: a 3×3 of step 1 instead of 7×7 and pooling, for crops of 48 px.
        classes: expressions.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    heads: int = 4
    hidden: int = 32
    affinity: float = 1.0
    partition: float = 1.0
    small_stem: bool = False
    classes: int = 7


class AttentionHead(nn.Module):
    """(B, C, H, W) → (B, C): spatial attention from 3×3, 1×3 and 3×1 together, then channel attention (§3.2)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        half = channels // 2
        self.reduce = nn.Sequential(nn.Conv2d(channels, half, 1), nn.BatchNorm2d(half))
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Conv2d(half, channels, kernel, padding=pad), nn.BatchNorm2d(channels))
            for kernel, pad in (((3, 3), (1, 1)), ((1, 3), (0, 1)), ((3, 1), (1, 0)))
        )
        self.channels = nn.Sequential(
            nn.Linear(channels, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, channels),
            nn.Sigmoid(),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        y = self.reduce(x)
        first, second, third = (branch(y) for branch in self.branches)
        place = torch.relu(first + second + third).sum(dim=1, keepdim=True)
        seen = (x * place).mean(dim=(2, 3))
        out: Tensor = seen * self.channels(seen)
        return out


class Dan(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`; extra "clusters" (B, C) and "heads" (B, K, C)."""

    def __init__(self, spec: DanSpec) -> None:
        super().__init__(spec.classes)
        self.spec = spec
        width = spec.widths[0]
        if spec.small_stem:
            layers: list[nn.Module] = [ConvBnAct(3, width)]
        else:
            layers = [ConvBnAct(3, width, ConvSpec(7, 2)), nn.MaxPool2d(3, 2, 1)]
        for stage, (outputs, count) in enumerate(zip(spec.widths, spec.blocks, strict=True)):
            for i in range(count):
                layers.append(BasicBlock(width, outputs, 2 if stage and i == 0 else 1))
                width = outputs
        self.features = nn.Sequential(*layers)
        self.heads = nn.ModuleList(AttentionHead(width, spec.hidden) for _ in range(spec.heads))
        self.classifier = nn.Linear(width, spec.classes)
        self.norm = nn.BatchNorm1d(spec.classes)
        self.centres = nn.Parameter(torch.randn(spec.classes, width))

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        x = self.features(image)
        heads = torch.stack([head(x) for head in self.heads], dim=1).float()
        if self.spec.heads > 1:
            heads = F.log_softmax(heads, dim=1)
        features = heads.sum(dim=1)
        extra: Mapping[str, Tensor] = MappingProxyType({"clusters": x.mean(dim=(2, 3)).float(), "heads": heads})
        return ExpressionAnswer(self.norm(self.classifier(features).float()), features, extra)

    def judge(self, answer: ExpressionAnswer, targets: ExpressionTargets) -> Judgement:
        """Cross-entropy, affinity and partition loss."""
        loss = self.cross_entropy(answer.logits, targets.probabilities)
        near = affinity_loss(answer.extra["clusters"], targets.classes, self.centres)
        apart = partition_loss(answer.extra["heads"])
        total = loss + self.spec.affinity * near + self.spec.partition * apart
        parts = {"cross_entropy": loss, "affinity": near, "partition": apart}
        return Judgement(total, {k: float(v.detach()) for k, v in parts.items()})


def affinity_loss(clusters: Tensor, classes: Tensor, centres: Tensor) -> Tensor:
    """Mean squared distance to the own class's centre, over the variance of the centres (eq. 2)."""
    distance = (clusters - centres[classes]).square().sum(dim=1)
    return (distance / centres.var(dim=0).sum()).clamp(1e-12, 1e12).mean()


def partition_loss(heads: Tensor) -> Tensor:
    """log(1 + K / σ²), σ² = mean variance across the K heads (eq. 7). (B, K, C) → scalar."""
    count = heads.shape[1]
    if count < 2:
        return heads.sum() * 0
    return torch.log(1 + count / heads.var(dim=1).mean())
