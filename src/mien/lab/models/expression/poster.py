"""POSTER (Zheng, Mendieta, Chen 2023, arXiv 2204.04083): a pyramid cross-fusion transformer between an image stream and
a landmark stream.

Image stream: IR-50 without its last stage; landmark stream: a MobileFaceNet for landmarks, frozen in the paper. In each
block the attention of either stream takes its queries from the other (eq. 3), at three widths. Published: 224 px (both
streams see 112), Adam 4e-5 with SAM, batch 200, 300 epochs, random erasing; RAF-DB 92.05 %, AffectNet-7 67.31 %.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.lab.models.blocks.attention import AttentionSpec, CrossAttention, DropPath, FeedForward
from mien.lab.models.blocks.face_backbones import IrBackbone, IrSpec, MobileFaceNet, MobileFaceSpec
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork


@dataclass(frozen=True, slots=True)
class PosterSpec:
    """Size of a network.

    Attributes:
        size_px: that both streams see; the input is resized to it.
        image: image stream; its last map has S / 8 cells a side, taken four to a token.
        points: landmark stream.
        width: of a token; a half and a quarter of it in the smaller streams.
        depth: blocks; 8 is "large".
        heads, ratio, drop_path: of the attention.
        classes: expressions.
    """

    size_px: int = 112
    image: IrSpec = field(default_factory=lambda: IrSpec(64, (64, 128, 256), (3, 4, 14)))
    points: MobileFaceSpec = field(default_factory=MobileFaceSpec)
    width: int = 512
    depth: int = 8
    heads: int = 8
    ratio: float = 2.0
    drop_path: float = 0.1
    classes: int = 7


class CrossFusion(nn.Module):
    """One block at one width: image tokens asked for by landmark tokens and the other way round (eqs. 3–5)."""

    def __init__(self, spec: AttentionSpec, tokens: int) -> None:
        super().__init__()
        self.attentions = nn.ModuleList(CrossAttention(spec, project_queries=False) for _ in range(2))
        self.mlps = nn.ModuleList(FeedForward(spec.width, spec.ratio) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(spec.width, eps=1e-6) for _ in range(4))
        self.mix = nn.Conv1d(2 * tokens, 2 * tokens, 1)
        self.drop = DropPath(spec.drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2 N, D): image tokens, then landmark tokens."""
        image, points = x.chunk(2, dim=1)
        first, second = self.norms[0](x).chunk(2, dim=1)
        new_image = image + self.drop(self.attentions[0](second, first))
        new_image = new_image + self.drop(self.mlps[0](self.norms[1](new_image)))
        first, second = self.norms[2](x).chunk(2, dim=1)
        new_points = points + self.drop(self.attentions[1](first, second))
        new_points = new_points + self.drop(self.mlps[1](self.norms[3](new_points)))
        out: Tensor = self.mix(torch.cat([new_image, new_points], dim=1))
        return out


class PyramidFusion(nn.Module):
    """The block at three widths; what the narrower ones find is added to the wider ones."""

    def __init__(self, spec: AttentionSpec, tokens: int) -> None:
        super().__init__()
        specs = [AttentionSpec(spec.width // k, spec.heads, spec.ratio, spec.bias, spec.drop_path) for k in (1, 2, 4)]
        self.blocks = nn.ModuleList(CrossFusion(s, tokens) for s in specs)
        self.widen = nn.ModuleList(nn.ConvTranspose1d(2 * tokens, 2 * tokens, 2, 2) for _ in range(2))

    def forward(self, x: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Streams of width D, D / 2, D / 4."""
        wide, middle, narrow = (block(part) for block, part in zip(self.blocks, x, strict=True))
        middle = middle + self.widen[1](narrow)
        return wide + self.widen[0](middle), middle, narrow


class Poster(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`."""

    def __init__(self, spec: PosterSpec) -> None:
        super().__init__(spec.classes)
        self.size_px = spec.size_px
        cells = (spec.size_px // 16) ** 2
        tokens, width = cells + 1, spec.width
        self.image, self.points = IrBackbone(spec.image), MobileFaceNet(spec.points)
        self.to_token = nn.Linear(4 * spec.image.widths[-1], width)
        self.point_token = nn.Identity() if spec.points.last == width else nn.Linear(spec.points.last, width)
        self.places = nn.Parameter(torch.zeros(1, tokens, width))
        self.narrow = nn.ModuleList(nn.Conv1d(2 * tokens, 2 * tokens, k, k) for k in (2, 4))
        drops = [spec.drop_path * i / max(1, spec.depth - 1) for i in range(spec.depth)]
        self.blocks = nn.ModuleList(
            PyramidFusion(AttentionSpec(width, spec.heads, spec.ratio, drop_path=d), tokens) for d in drops
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.gate = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.Sigmoid())
        self.classifier = nn.Linear(width, spec.classes)

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        x = resized(image, self.size_px)
        points = self.point_token(self.points(x)[-1].flatten(2).transpose(1, 2))
        cells = F.pixel_unshuffle(self.image(x)[-1], 2).flatten(2).transpose(1, 2)
        both = torch.cat([with_mean(self.to_token(cells)) + self.places, with_mean(points)], dim=1)
        streams = (both, self.narrow[0](both), self.narrow[1](both))
        for block in self.blocks:
            streams = block(streams)
        first = self.norm(streams[0])[:, 0]
        features = first * self.gate(first)
        return ExpressionAnswer(self.classifier(features), features)


def with_mean(tokens: Tensor) -> Tensor:
    """(B, N, D) → (B, 1 + N, D): their mean in front, as the token that is read."""
    return torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)


def resized(image: Tensor, size_px: int) -> Tensor:
    """(B, 3, S, S) at another size."""
    if image.shape[-1] == size_px:
        return image
    return F.interpolate(image, size=(size_px, size_px), mode="bilinear", align_corners=False)
