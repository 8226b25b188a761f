"""Heads: what stands between features and answers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mien.lab.models.answers import WindowAnswer
from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.exchange import Upsampling, upsample


class HeatmapHead(nn.Module):
    """HRNetV2's head: all resolutions enlarged to the finest, concatenated, 1×1 → BN → ReLU → 1×1.

    The first convolution has a bias before the normalisation, as in the published network; it changes nothing but the
    count of parameters.
    """

    def __init__(self, widths: Sequence[int], maps: int, mode: Upsampling = "bilinear") -> None:
        super().__init__()
        total = sum(widths)
        self.mode: Upsampling = mode
        self.mix = nn.Sequential(nn.Conv2d(total, total, 1), nn.BatchNorm2d(total), nn.ReLU(inplace=True))
        self.maps = nn.Conv2d(total, maps, 1)

    def forward(self, branches: Sequence[Tensor]) -> Tensor:
        """One tensor per branch in, (B, maps, H, W) at the finest resolution out."""
        parts = [upsample(x, 2**i, self.mode) for i, x in enumerate(branches)]
        out: Tensor = self.maps(self.mix(torch.cat(parts, dim=1)))
        return out


class VisibilityHead(nn.Module):
    """One logit per point from the coarsest features: 1×1, pooled to 2×2, linear."""

    def __init__(self, channels: int, points: int, hidden: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvBnAct(channels, hidden, ConvSpec(1)),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * hidden, points),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) → (B, points); H and W even."""
        out: Tensor = self.layers(x)
        return out


class WindowHeads(nn.Module):
    """Heads of a detection cascade: face, box, five points; the same features feed all."""

    def __init__(self, inputs: int, *, points: bool, two_way: bool = False, everywhere: bool = False) -> None:
        """
        Args:
            inputs: features.
            points: also say where the five points are.
            two_way: a logit each for "no face" and "face", as published; their difference is the answer.
            everywhere: for every place of a map (1×1 convolutions) instead of once per sample.
        """
        super().__init__()

        def layer(outputs: int) -> nn.Module:
            return nn.Conv2d(inputs, outputs, 1) if everywhere else nn.Linear(inputs, outputs)

        self.face = layer(2 if two_way else 1)
        self.box = layer(4)
        self.points = layer(10) if points else None

    def forward(self, x: Tensor) -> WindowAnswer:
        """(B, inputs, …) → `WindowAnswer`."""
        face: Tensor = self.face(x)
        logits = face[:, 1:] - face[:, :1] if face.shape[1] == 2 else face
        return WindowAnswer(logits, self.box(x), self.points(x) if self.points is not None else None)
