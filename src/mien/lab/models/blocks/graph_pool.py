"""Self-attention graph pooling (Lee, Lee & Kang, ICML 2019; seed 002 §3.3, ratio 0.5)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class SelfAttentionPool(nn.Module):
    """Keep the nodes that a graph convolution with one output rates highest.

    Z = tanh(Â H w); the ⌈ratio·N⌉ largest Z stay; H' = H[kept] ⊙ Z[kept]; A' = A[kept, kept].
    """

    def __init__(self, width: int, ratio: float = 0.5) -> None:
        """
        Raises:
            ValueError: `ratio` is not above 0 and at most 1.
        """
        super().__init__()
        if not 0 < ratio <= 1:
            raise ValueError(f"SelfAttentionPool: ratio must be above 0 and at most 1, got {ratio}")
        self.ratio = ratio
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, nodes: Tensor, links: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """
        Args:
            nodes: (B, N, width).
            links: (N, N) normalised adjacency.

        Returns:
            (B, K, width) kept nodes, (B, K, K) their links, (B, K) their numbers, by falling score.
        """
        z = torch.tanh(links @ self.score(nodes)).squeeze(-1)
        count = math.ceil(self.ratio * nodes.shape[1])
        best, index = z.topk(count, dim=1)
        kept = torch.gather(nodes, 1, index[..., None].expand(-1, -1, nodes.shape[-1])) * best[..., None]
        rows = links[index]  # (B, K, N)
        pairs = torch.gather(rows, 2, index[:, None, :].expand(-1, count, -1))
        return kept, pairs, index


def read_out(nodes: Tensor) -> Tensor:
    """(B, K, width) → (B, 2·width): mean and maximum over the nodes."""
    return torch.cat([nodes.mean(dim=1), nodes.amax(dim=1)], dim=-1)
