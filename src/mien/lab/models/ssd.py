"""A small single-shot detector (SSD; Liu et al. 2016) for faces: the baseline that looks once.

A square picture goes through a chain of separable blocks; from three resolutions on, every place answers for a few
square anchors. Decoding, as published: centre = anchor centre + 0.1 · offset · anchor side, side = anchor side ·
exp(0.2 · offset), for x and y by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from mien.core.arrays import Float32
from mien.lab.models.answers import AnchorAnswer
from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec, InvertedResidual, InvertedSpec

CENTRE, SIDE = 0.1, 0.2
"""The published variances."""


@dataclass(frozen=True, slots=True)
class SsdSpec:
    """Size of a network.

    Attributes:
        size_px: side of its input.
        width: channels after the first convolution; they grow towards the coarser maps.
        anchors_px: sides of the square anchors of the maps of stride 8, 16 and 32.
    """

    size_px: int = 320
    width: int = 16
    anchors_px: tuple[tuple[float, ...], ...] = ((14.0, 22.0), (36.0, 58.0), (92.0, 146.0, 232.0))


class Ssd(nn.Module):
    """(B, 3, S, S) → `AnchorAnswer` of A anchors; S divisible by 32."""

    def __init__(self, spec: SsdSpec | None = None) -> None:
        super().__init__()
        self.spec = s = spec or SsdSpec()
        w = s.width
        self.stem = nn.Sequential(
            ConvBnAct(3, w, ConvSpec(3, 2)), InvertedResidual(w, InvertedSpec(2 * w, 2 * w, stride=2))
        )
        widths = (3 * w, 4 * w, 6 * w)
        self.stages, self.heads = nn.ModuleList(), nn.ModuleList()
        before = 2 * w
        for width, anchors in zip(widths, s.anchors_px, strict=True):
            blocks = [InvertedSpec(3 * before, width, stride=2), *[InvertedSpec(3 * width, width)] * 2]
            self.stages.append(_chain(before, blocks))
            self.heads.append(nn.Conv2d(width, 5 * len(anchors), 3, padding=1))
            before = width
        self.register_buffer("anchors", torch.from_numpy(anchors_of(s)), persistent=False)
        for head in self.heads:
            assert isinstance(head, nn.Conv2d)
            assert head.bias is not None
            nn.init.constant_(head.bias, 0.0)
            nn.init.constant_(head.bias.data[::5], -4.0)  # nearly every anchor shows no face

    def forward(self, x: Tensor) -> AnchorAnswer:
        """See the class."""
        parts = []
        x = self.stem(x)
        for stage, head in zip(self.stages, self.heads, strict=True):
            x = stage(x)
            answer = head(x)
            batch, channels, height, width = answer.shape
            by_anchor = answer.reshape(batch, channels // 5, 5, height, width)
            parts.append(by_anchor.permute(0, 3, 4, 1, 2).reshape(batch, -1, 5))
        both = torch.cat(parts, dim=1)
        return AnchorAnswer(both[..., 0], both[..., 1:])

    def decoded(self, answer: AnchorAnswer) -> Tensor:
        """(B, A, 4) left, top, right, bottom, 0–1 of the input."""
        anchors: Tensor = self.get_buffer("anchors")
        centre = anchors[:, :2] + CENTRE * answer.offsets[..., :2] * anchors[:, 2:]
        half = anchors[:, 2:] * torch.exp(SIDE * answer.offsets[..., 2:]) / 2
        return torch.cat([centre - half, centre + half], dim=-1)


def _chain(inputs: int, blocks: list[InvertedSpec]) -> nn.Sequential:
    layers, before = [], inputs
    for block in blocks:
        layers.append(InvertedResidual(before, block))
        before = block.outputs
    return nn.Sequential(*layers)


def anchors_of(spec: SsdSpec) -> Float32:
    """(A, 4) centre x, y and sides, 0–1 of the input; in the order of the network's answers."""
    rows = []
    for level, sides in enumerate(spec.anchors_px):
        stride = 8 * 2**level
        count = spec.size_px // stride
        for i, j, side in product(range(count), range(count), sides):
            rows.append(((j + 0.5) * stride, (i + 0.5) * stride, side, side))
    return np.asarray(rows, np.float32) / np.float32(spec.size_px)


def encoded(anchors: Float32, boxes: Float32) -> Float32:
    """(A, 4) offsets that turn the anchors into boxes (A, 4), 0–1 of the input; the inverse of `Ssd.decoded`."""
    centre, side = (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    moved = (centre - anchors[:, :2]) / anchors[:, 2:] / CENTRE
    return np.asarray(np.concatenate([moved, np.log(side / anchors[:, 2:]) / SIDE], axis=1), np.float32)
