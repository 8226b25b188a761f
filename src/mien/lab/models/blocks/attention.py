"""Attention: gates over channels and places, and multi-head attention between tokens.

Products are written out instead of calling a fused kernel: they trace into ONNX as they stand.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


class ChannelGate(nn.Module):
    """CBAM's channel attention (Woo et al. 2018, eq. 2; seed 004, figure 3): sigmoid(MLP(mean) + MLP(max)) · x."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(4, channels // reduction)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same."""
        gate = torch.sigmoid(self.mlp(x.mean(dim=(2, 3))) + self.mlp(x.amax(dim=(2, 3))))
        return x * gate[..., None, None]


class SpatialGate(nn.Module):
    """CBAM's spatial attention (Woo et al. 2018, eq. 3; seed 004, figure 4): sigmoid(conv7×7([mean; max])) · x."""

    def __init__(self, kernel: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same."""
        both = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.norm(self.conv(both)))


class Cbam(nn.Sequential):
    """Channel attention, then spatial attention."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__(ChannelGate(channels, reduction), SpatialGate())


@dataclass(frozen=True, slots=True)
class AttentionSpec:
    """Size of an attention block.

    Attributes:
        width: of a token.
        heads: that share the width.
        ratio: hidden width of the feed-forward part / width.
        bias: of queries, keys and values.
        drop_path: chance that a sample skips a residual branch while training (Huang et al. 2016).
    """

    width: int
    heads: int = 8
    ratio: float = 4.0
    bias: bool = True
    drop_path: float = 0.0


class DropPath(nn.Module):
    """Stochastic depth: a residual branch is left out for whole samples, and made stronger for the others."""

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.chance = chance

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, samples first."""
        if not self.training or self.chance <= 0:
            return x
        kept = torch.rand((x.shape[0],) + (1,) * (x.ndim - 1), device=x.device) >= self.chance
        return x * kept / (1 - self.chance)


class CrossAttention(nn.Module):
    """softmax(Q Kᵀ / √d) V in several heads (Vaswani et al. 2017, eq. 1); queries may come from elsewhere."""

    def __init__(self, spec: AttentionSpec, *, project_queries: bool = True) -> None:
        """
        Args:
            spec: size.
            project_queries: False = the queries are taken as they are (POSTER).
        """
        super().__init__()
        self.heads, self.scale = spec.heads, (spec.width // spec.heads) ** -0.5
        self.queries = nn.Linear(spec.width, spec.width, bias=spec.bias) if project_queries else nn.Identity()
        self.keys_values = nn.Linear(spec.width, 2 * spec.width, bias=spec.bias)
        self.out = nn.Linear(spec.width, spec.width)

    def forward(self, queries: Tensor, memory: Tensor, bias: Tensor | None = None) -> Tensor:
        """(B, N, D) queries, (B, M, D) memory, bias of the scores (heads, N, M) → (B, N, D)."""
        q = self._split(self.queries(queries))
        keys, values = self.keys_values(memory).chunk(2, dim=-1)
        scores = (q * self.scale) @ self._split(keys).transpose(-2, -1)
        if bias is not None:
            scores = scores + bias
        mixed = (scores.softmax(dim=-1) @ self._split(values)).transpose(1, 2)
        out: Tensor = self.out(mixed.flatten(2))
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Linear → GELU → linear."""

    def __init__(self, width: int, ratio: float) -> None:
        hidden = int(width * ratio)
        super().__init__(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class TransformerBlock(nn.Module):
    """Pre-normalised self-attention and feed-forward (Dosovitskiy et al. 2021, eqs. 2, 3)."""

    def __init__(self, spec: AttentionSpec) -> None:
        super().__init__()
        self.norm_a, self.norm_b = nn.LayerNorm(spec.width, eps=1e-6), nn.LayerNorm(spec.width, eps=1e-6)
        self.attention = CrossAttention(spec)
        self.mlp = FeedForward(spec.width, spec.ratio)
        self.drop = DropPath(spec.drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) → the same."""
        y = self.norm_a(x)
        x = x + self.drop(self.attention(y, y))
        out: Tensor = x + self.drop(self.mlp(self.norm_b(x)))
        return out


class Tokens(nn.Module):
    """Patches of a picture or cells of a map as tokens with learnt places, behind `extra` tokens of their own."""

    def __init__(self, inputs: int, width: int, cells: int, patch: int = 1, extra: int = 1) -> None:
        """
        Args:
            inputs: channels.
            width: of a token.
            cells: patches in all.
            patch: side of a patch.
            extra: learnt tokens in front ("class").
        """
        super().__init__()
        self.embed = nn.Conv2d(inputs, width, patch, patch)
        self.extra = nn.Parameter(torch.zeros(1, extra, width))
        self.places = nn.Parameter(torch.zeros(1, cells + extra, width))
        nn.init.trunc_normal_(self.places, std=0.02)
        nn.init.trunc_normal_(self.extra, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, extra + cells, width)."""
        cells = self.embed(x).flatten(2).transpose(1, 2)
        return torch.cat([self.extra.expand(cells.shape[0], -1, -1), cells], dim=1) + self.places
