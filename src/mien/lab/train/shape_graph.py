"""The graph of the pixel reader as it is shipped: one face, beside what is remembered of it at rest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mien.action_units.face_crop import HALF, HEIGHT
from mien.action_units.features import FEATURES
from mien.action_units.neutral import PARTS, part_of_shape
from mien.core.arrays import Float32
from mien.lab.models.shape_reader import SHAPES, ShapeReader


class Exported(nn.Module):
    """(2, 3, H, W), (2, FEATURES) and (parts, N) → the answers, (52,) each, (N,) to remember, and the constants.

    Args:
        net: trained.
        share, reliability: (52,) see `PixelReader`.
    """

    share: Tensor
    reliability: Tensor
    part: Tensor

    def __init__(self, net: ShapeReader, share: Float32, reliability: Float32) -> None:
        super().__init__()
        self.net = net
        part = [[float(name == p) for name in part_of_shape()] for p in PARTS]
        self.register_buffer("part", torch.tensor(part), persistent=False)
        self.register_buffer("share", torch.from_numpy(share))
        self.register_buffer("reliability", torch.from_numpy(reliability).float())

    def forward(self, image: Tensor, features: Tensor, rest: Tensor) -> tuple[Tensor, ...]:
        found = self.net(image[None], features[None])
        familiar = torch.zeros(SHAPES)
        for part, row in enumerate(torch.chunk(rest, len(PARTS))):  # each shape beside the rest of its own part
            looks = row[:, SHAPES:].view(1, 2, self.net.compared)
            familiar = familiar + self.part[part] * self.net.known(found, row[:, :SHAPES], looks)[0]
        nothing = found.stranger[0] * 0.0  # constants must come out of the graph
        own = torch.cat([found.own[0], found.looks[0].flatten()])
        return found.stranger[0], familiar, own, self.share + nothing, self.reliability + nothing


def example(net: ShapeReader) -> tuple[Tensor, ...]:
    """Inputs of the graph."""
    chance = torch.Generator().manual_seed(1)
    sizes = (2, 3, HEIGHT, HALF), (2, FEATURES), (len(PARTS), SHAPES + 2 * net.compared)
    image, features, rest = (torch.randn(*size, generator=chance) for size in sizes)
    return image, 0.05 * features, rest
