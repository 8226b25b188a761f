"""The GCN that says which units an expression has (seed 000 §3.2): nodes are units, links the semantic adjacency.

Its input is one vector per question: the state of every node (decided, present, strength), then expression, kind and
intensity; see `mien.animate.expression_graph`. The feature of a node is its own embedding, its state and the question.
"""

from __future__ import annotations

import numpy.typing as npt
import torch
from torch import Tensor, nn

from mien.animate.expression_graph import ASKED, STATE, UNITS
from mien.lab.models.blocks.graph import GraphConvs

WIDTH, DEPTH = 48, 3


class ExpressionNet(nn.Module):
    """(B, 3 U + A) → (B, U) logit of presence, (B, U) strength 0–1 if present, (B, U) its standard deviation.

    Args:
        adjacency: (U, U) of `semantic_adjacency`; None = no links (each unit by itself), for comparison.
    """

    def __init__(self, adjacency: npt.ArrayLike | None) -> None:
        super().__init__()
        n = len(UNITS)
        self.unit = nn.Parameter(0.3 * torch.randn(n, WIDTH))
        self.enter = nn.Linear(STATE + ASKED, WIDTH)
        self.graph = None if adjacency is None else GraphConvs([WIDTH] * (DEPTH + 1), adjacency)
        self.read = nn.Parameter(torch.randn(n, WIDTH, 3) * 0.05)
        self.straight = nn.Linear(ASKED, 3 * n)

    def forward(self, question: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        n = len(UNITS)
        state = question[:, : STATE * n].reshape(-1, n, STATE)
        asked = question[:, STATE * n :]
        every = torch.cat([state, asked[:, None].expand(-1, n, -1)], dim=-1)
        nodes = torch.relu(self.enter(every) + self.unit)
        if self.graph is not None:
            nodes = self.graph(nodes)
        out = (nodes[..., None] * self.read).sum(dim=-2) + self.straight(asked).reshape(-1, n, 3)
        strength = torch.sigmoid(out[..., 1])
        spread = 0.02 + 0.3 * torch.sigmoid(out[..., 2])
        return out[..., 0], strength, spread
