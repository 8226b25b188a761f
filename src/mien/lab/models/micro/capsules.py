"""CapsuleNet for micro-expressions (Van Quang, Chun & Tokuyama, FG 2019): the apex frame, capsules, routing by
agreement.

Capsules and routing after Sabour, Frosst & Hinton, NeurIPS 2017: a capsule's length is the chance that its class is
there. The paper's ResNet-18 features are made smaller by `width`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.residual import BasicBlock

ROUTINGS = 3
PRESENT, ABSENT, ABSENT_WEIGHT = 0.9, 0.1, 0.5


def squash(s: Tensor) -> Tensor:
    """(..., D) → the same direction, length |s|² / (1 + |s|²) in [0, 1) (Sabour et al. 2017, eq. 1)."""
    square = (s**2).sum(dim=-1, keepdim=True)
    return square / (1 + square) * s / (square + 1e-9).sqrt()


class RoutedCapsules(nn.Module):
    """(B, I, D_in) capsules → (B, classes, D_out), by `ROUTINGS` rounds of agreement (Sabour et al. 2017, proc. 1)."""

    def __init__(self, inputs: int, dims: tuple[int, int], classes: int) -> None:
        super().__init__()
        self.votes = nn.Parameter(torch.randn(classes, inputs, dims[0], dims[1]) * 0.1)

    def forward(self, capsules: Tensor) -> Tensor:
        """See the class."""
        votes = torch.einsum("bid,cido->bcio", capsules, self.votes)
        logits = torch.zeros(votes.shape[:3], device=votes.device)
        out = torch.zeros_like(votes[:, :, 0])
        for k in range(ROUTINGS):
            share = logits.softmax(dim=1)
            out = squash((share[..., None] * votes).sum(dim=2))
            if k < ROUTINGS - 1:
                logits = logits + torch.einsum("bcio,bco->bci", votes, out)
        return out


class CapsuleNet(nn.Module):
    """(B, C, S, S) apex pictures, S divisible by 16 → (B, classes) capsule lengths in [0, 1)."""

    def __init__(self, channels: int, classes: int, side: int, width: int = 32) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            ConvBnAct(channels, width, ConvSpec(5, 2)),
            BasicBlock(width, width, 2),
            BasicBlock(width, 2 * width, 2),
        )
        self.primary = nn.Conv2d(2 * width, 2 * width, 3, 2, 1)
        cells = (side // 16) ** 2
        self.classes = RoutedCapsules(cells * 2 * width // 8, (8, 16), classes)

    def forward(self, apex: Tensor) -> Tensor:
        """See the class."""
        maps: Tensor = self.primary(self.stem(apex))
        capsules = squash(maps.flatten(2).transpose(1, 2).reshape(len(apex), -1, 8))
        lengths: Tensor = self.classes(capsules).norm(dim=-1)
        return lengths


def margin_loss(lengths: Tensor, truth: Tensor) -> Tensor:
    """Sabour et al. 2017, eq. 4: T max(0, 0.9 − |v|)² + 0.5 (1 − T) max(0, |v| − 0.1)², summed over classes."""
    there = nn.functional.one_hot(truth, lengths.shape[1]).float()
    missed = torch.relu(PRESENT - lengths) ** 2
    false = torch.relu(lengths - ABSENT) ** 2
    return (there * missed + ABSENT_WEIGHT * (1 - there) * false).sum(dim=1).mean()
