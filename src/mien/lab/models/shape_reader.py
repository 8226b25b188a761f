"""The pixel reader: two halves of a face, read alike, become the weights of all 52 shapes.

Not from a paper: basic blocks (He et al. 2016) on aligned crops, whose last features keep their places (no pooling over
the picture: what matters is where something moved). Both halves go through the same layers, and what they say of each
other's side is averaged, so that the answer for a mirrored face is the mirrored answer, exactly.

Three answers of 52 logits: `stranger` is for a face of which nothing is known. With the face at rest known, the weights
are sigmoid(`familiar` - `own` of the face at rest): the resting face is remembered as 52 numbers. The features of the
landmarks (`action_units.features`) add to the first two what they say; that branch is mirror-symmetric as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mien.action_units.face_crop import HALF, HEIGHT
from mien.action_units.features import FEATURES, POINTS, mirror_features
from mien.core.schema import load_schema
from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.pooled_residual import pooled_stages
from mien.lab.models.blocks.residual import BasicBlock

SHAPES = 52


@dataclass(frozen=True, slots=True)
class ShapeReaderSpec:
    """Size of a reader.

    Attributes:
        trunk: "basic" = basic blocks, all trained from nothing; "pooled" = as dlib's face recognition network, whose
            weights it can begin with (`train.dlib_weights`): a stem of 7×7, widths 32, 64, 128, blocks 3, 4, 3.
        stem: channels of the first convolution ("pooled": of no meaning); the resolution is halved twice there.
        widths: channels of the stages; all but the first halve the resolution.
        blocks: basic blocks of each stage.
        squeezed: channels that are left of each place before the places are joined.
        features: of one half; `hidden`: of both halves together.
        points: widths of the layers between the landmarks' features and what they add.
        dropout: share of the hidden features that is dropped while training.
    """

    trunk: Literal["basic", "pooled"] = "basic"
    stem: int = 16
    widths: tuple[int, ...] = (24, 48, 96)
    blocks: tuple[int, ...] = (1, 1, 1)
    squeezed: int = 32
    features: int = 128
    hidden: int = 192
    points: tuple[int, ...] = (192, 128)
    dropout: float = 0.1


class ShapeLogits(NamedTuple):
    """(B, 52) each, schema "arkit52"; see the module."""

    stranger: Tensor
    familiar: Tensor
    own: Tensor


class ShapeReader(nn.Module):
    """(B, 2, 3, HEIGHT, HALF) of `face_crop.halves` and (B, 2, FEATURES) → `ShapeLogits`.

    Of the two rows of features the first knows no face at rest, the second does.
    """

    mirror: Tensor
    scale: Tensor
    order: Tensor
    signs: Tensor

    def __init__(self, spec: ShapeReaderSpec | None = None) -> None:
        super().__init__()
        s = spec or ShapeReaderSpec()
        trunk = _pooled(s) if s.trunk == "pooled" else _basic(s)
        self.trunk_layers, self.blocks = len(trunk), s.blocks
        layers = [*trunk, ConvBnAct(s.widths[-1], s.squeezed, ConvSpec(1)), nn.Flatten()]
        places = (HEIGHT >> (len(s.widths) + 1)) * (HALF >> (len(s.widths) + 1))
        self.one_side = nn.Sequential(*layers, nn.Linear(places * s.squeezed, s.features), nn.ReLU(inplace=True))
        self.both = nn.Sequential(nn.Linear(2 * s.features, s.hidden), nn.ReLU(inplace=True), nn.Dropout(s.dropout))
        self.answers = nn.Linear(s.hidden, 3 * SHAPES)
        order, signs = mirror_features()
        spread = np.concatenate([np.full(2 * POINTS, 0.06), np.full(2 * POINTS, 0.04), [0.4, 0.3, 1.0]])
        self.register_buffer("scale", torch.tensor(1 / spread, dtype=torch.float32), persistent=False)
        self.register_buffer("order", torch.tensor(order), persistent=False)
        self.register_buffer("signs", torch.tensor(signs), persistent=False)
        widths = (FEATURES, *s.points)
        dense = [m for a, b in pairwise(widths) for m in (nn.Linear(a, b), nn.ReLU(inplace=True))]
        self.points = nn.Sequential(*dense, nn.Dropout(s.dropout), nn.Linear(widths[-1], 2 * SHAPES))
        self.register_buffer("mirror", torch.tensor(load_schema("arkit52").mirror.copy()), persistent=False)

    def trunk(self) -> nn.Sequential:
        """What one half goes through before its places are squeezed: (B, 3, HEIGHT, HALF) → (B, C, H, W)."""
        return nn.Sequential(*list(self.one_side)[: self.trunk_layers])

    def forward(self, pairs: Tensor, features: Tensor) -> ShapeLogits:
        """See the class."""
        b = pairs.shape[0]
        found = self.one_side(pairs.flatten(0, 1)).view(b, 2, -1)
        left, right = found[:, 0], found[:, 1]
        straight = self.answers(self.both(torch.cat([left, right], dim=1))).view(b, 3, SHAPES)
        crossed = self.answers(self.both(torch.cat([right, left], dim=1))).view(b, 3, SHAPES)
        seen = 0.5 * (straight + crossed[:, :, self.mirror])
        ahead = self.points(features * self.scale).view(b, 2, 2, SHAPES)
        turned = self.points(features[..., self.order] * self.signs * self.scale).view(b, 2, 2, SHAPES)
        told = 0.5 * (ahead + turned[..., self.mirror])
        return ShapeLogits(seen[:, 0] + told[:, 0, 0], seen[:, 1] + told[:, 1, 1], seen[:, 2])


def _basic(s: ShapeReaderSpec) -> list[nn.Module]:
    layers: list[nn.Module] = [ConvBnAct(3, s.stem, ConvSpec(3, 2)), ConvBnAct(s.stem, s.widths[0], ConvSpec(3, 2))]
    before = s.widths[0]
    for stage, (width, count) in enumerate(zip(s.widths, s.blocks, strict=True)):
        for i in range(count):
            layers.append(BasicBlock(before, width, 2 if stage and i == 0 else 1))
            before = width
    return layers


def _pooled(s: ShapeReaderSpec) -> list[nn.Module]:
    return [ConvBnAct(3, s.widths[0], ConvSpec(7, 2)), nn.MaxPool2d(3, 2, 1), *pooled_stages(s.widths, s.blocks)]
