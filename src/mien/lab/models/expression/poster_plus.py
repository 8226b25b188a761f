"""POSTER++ (Mao et al. 2023, arXiv 2301.12149; seed 003 §3.1): simpler than POSTER.

Only the landmark-to-image branch is kept: landmark features ask, image features answer, within windows, at three scales
taken straight from both backbones (eqs. 1–3); the three maps become tokens of a two-layer vision transformer.
Published: 224 px (both streams see 112), windows 28, 14, 7, Adam 3.5e-5 with SAM, decay 0.98 an epoch, batch 144, 200
epochs; 43.7 M parameters, 8.4 GMACs; RAF-DB 92.21 %, AffectNet-7 67.49 %, AffectNet-8 63.77 %.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor, nn

from mien.lab.models.blocks.attention import AttentionSpec, CrossAttention, DropPath, FeedForward, TransformerBlock
from mien.lab.models.blocks.face_backbones import IrBackbone, IrSpec, MobileFaceNet, MobileFaceSpec
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork
from mien.lab.models.expression.poster import resized


@dataclass(frozen=True, slots=True)
class PosterPlusSpec:
    """Size of a network.

    Attributes:
        size_px: that both streams see.
        image, points: the streams; the widths of their three maps agree but for the last landmark map.
        heads: of the three scales.
        window: cells of a window's side at the coarsest scale; the others have two and four times as many.
        drop_path: of the three scales.
        width, depth, token_heads: of the transformer over all tokens.
        classes: expressions.
    """

    size_px: int = 112
    image: IrSpec = field(default_factory=lambda: IrSpec(64, (64, 128, 256), (3, 4, 14)))
    points: MobileFaceSpec = field(default_factory=MobileFaceSpec)
    heads: tuple[int, int, int] = (2, 4, 8)
    window: int = 7
    drop_path: tuple[float, float, float] = (0.0, 0.125, 0.25)
    width: int = 768
    depth: int = 2
    token_heads: int = 8
    classes: int = 7


class WindowAttention(nn.Module):
    """One scale: image map (keys, values) and landmark map (queries) in windows, relative places, feed-forward."""

    index: Tensor

    def __init__(self, spec: AttentionSpec, window: int) -> None:
        super().__init__()
        self.window = window
        self.norm_a, self.norm_b = nn.LayerNorm(spec.width), nn.LayerNorm(spec.width)
        self.attention = CrossAttention(spec, project_queries=False)
        self.places = nn.Parameter(torch.zeros((2 * window - 1) ** 2, spec.heads))
        nn.init.trunc_normal_(self.places, std=0.02)
        self.mlp = FeedForward(spec.width, spec.ratio)
        self.scales = nn.ParameterList(nn.Parameter(torch.full((spec.width,), 1e-5)) for _ in range(2))
        self.drop = DropPath(spec.drop_path)
        cells = torch.tensor(list(product(range(window), repeat=2)), device="cpu")
        apart = cells[:, None] - cells[None] + window - 1
        self.register_buffer("index", (apart[..., 0] * (2 * window - 1) + apart[..., 1]).flatten(), persistent=False)

    def forward(self, image: Tensor, points: Tensor) -> Tensor:
        """(B, D, H, W) each; H and W divisible by the window → (B, H, W, D)."""
        x = self.norm_a(image.permute(0, 2, 3, 1))
        n = self.window**2
        bias = self.places.index_select(0, self.index).reshape(n, n, -1).permute(2, 0, 1)
        asked = self.attention(self._windows(points.permute(0, 2, 3, 1)), self._windows(x), bias)
        x = x + self.drop(self.scales[0] * self._whole(asked, x.shape[1] // self.window, x.shape[2] // self.window))
        out: Tensor = x + self.drop(self.scales[1] * self.mlp(self.norm_b(x)))
        return out

    def _windows(self, x: Tensor) -> Tensor:
        """(B, H, W, D) → (B · windows, cells, D)."""
        w, (b, height, width, d) = self.window, x.shape
        return x.reshape(b, height // w, w, width // w, w, d).transpose(2, 3).reshape(-1, w * w, d)

    def _whole(self, x: Tensor, rows: int, columns: int) -> Tensor:
        """The inverse, of rows × columns windows."""
        w, d = self.window, x.shape[-1]
        return x.reshape(-1, rows, columns, w, w, d).transpose(2, 3).reshape(-1, rows * w, columns * w, d)


class PosterPlus(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`."""

    def __init__(self, spec: PosterPlusSpec) -> None:
        super().__init__(spec.classes)
        self.size_px = spec.size_px
        self.image, self.points = IrBackbone(spec.image), MobileFaceNet(spec.points)
        first, second, third = widths = spec.image.widths
        self.last_points = nn.Conv2d(spec.points.last, third, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(w, w, 3, 2, 1) for w in widths)
        windows = (4 * spec.window, 2 * spec.window, spec.window)
        self.scales = nn.ModuleList(
            WindowAttention(AttentionSpec(w, h, drop_path=d), n)
            for w, h, d, n in zip(widths, spec.heads, spec.drop_path, windows, strict=True)
        )
        d = spec.width
        self.embed = nn.ModuleList(
            (
                nn.Sequential(nn.Conv2d(first, d, 3, 2, 1), nn.Conv2d(d, d, 3, 2, 1)),
                nn.Conv2d(second, d, 3, 2, 1),
                nn.Conv2d(third, d, 1),
            )
        )
        cells = 3 * (spec.size_px // 16) ** 2
        self.first_token = nn.Parameter(torch.zeros(1, 1, d))
        self.places = nn.Parameter(torch.zeros(1, cells + 1, d))
        nn.init.trunc_normal_(self.places, std=0.02)
        blocks = [TransformerBlock(AttentionSpec(d, spec.token_heads)) for _ in range(spec.depth)]
        self.transformer = nn.Sequential(*blocks, nn.LayerNorm(d, eps=1e-6))
        self.gate = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, d), nn.Sigmoid())
        self.classifier = nn.Linear(d, spec.classes)

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        x = resized(image, self.size_px)
        one, two, _, wide = self.points(x)
        asking = (one, two, self.last_points(wide))
        tokens = []
        for found, asks, down, scale, embed in zip(
            self.image(x), asking, self.down, self.scales, self.embed, strict=True
        ):
            y = scale(down(found), asks)
            tokens.append(embed(y.permute(0, 3, 1, 2)).flatten(2).transpose(1, 2))
        cells = torch.cat(tokens, dim=1)
        every = torch.cat([self.first_token.expand(cells.shape[0], -1, -1), cells], dim=1) + self.places
        first = self.transformer(every)[:, 0]
        features = first * self.gate(first)
        return ExpressionAnswer(self.classifier(features), features)
