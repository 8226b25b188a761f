"""Graph convolution over action units (Kipf & Welling 2017; seed 000 eqs. 6–8) and the semantic adjacency."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mien.core.arrays import Float32

PRESENT = 1.0
"""Intensity from which a unit occurs."""


def semantic_adjacency(intensity: npt.ArrayLike) -> Float32:
    """(N, N) float32, symmetric, 0–1: how often two units occur together, weighed by how their strengths go together.

    Co-occurrence is Jaccard's index |i ∧ j| / |i ∨ j|; seed 000 (§3.2) adapts it by "AU strength correlation" without a
    formula: here times (1 + ρ) / 2 with Pearson's ρ of the intensities over the samples in which either occurs. The
    diagonal is 0; `normalised` adds the self-loops. Units that never occur are linked to nothing.

    Args:
        intensity: (S, N) 0–5; NaN = not known, left out pair by pair.
    """
    x = np.asarray(intensity, dtype=np.float64)
    n = x.shape[1]
    out = np.zeros((n, n), dtype=np.float32)
    for i in range(n):
        for j in range(i):
            known = np.isfinite(x[:, i]) & np.isfinite(x[:, j])
            a, b = x[known, i], x[known, j]
            either = (a >= PRESENT) | (b >= PRESENT)
            if not either.any():
                continue
            together = float(((a >= PRESENT) & (b >= PRESENT)).sum() / either.sum())
            out[i, j] = out[j, i] = together * (1 + _correlation(a[either], b[either])) / 2
    return out


def _correlation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    if len(a) < 3 or a.std() < 1e-9 or b.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def normalised(adjacency: npt.ArrayLike) -> Tensor:
    """(N, N) D^-½ (A + I) D^-½ with D the row sums of A + I (seed 000 eq. 7)."""
    a = torch.as_tensor(np.asarray(adjacency, dtype=np.float32)) + torch.eye(len(np.asarray(adjacency)))
    scale = a.sum(dim=1).rsqrt()
    return scale[:, None] * a * scale[None, :]


class GraphConvs(nn.Module):
    """(B, N, widths[0]) → (B, N, widths[-1]): H' = relu(Â H W), layer after layer; a residual where widths agree."""

    links: Tensor

    def __init__(self, widths: Sequence[int], adjacency: npt.ArrayLike) -> None:
        super().__init__()
        self.register_buffer("links", normalised(adjacency))
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, nodes: Tensor) -> Tensor:
        """See the class."""
        for layer in self.layers:
            new = torch.relu(self.links @ layer(nodes))
            nodes = nodes + new if new.shape == nodes.shape else new
        return nodes
