"""Deformable convolution (Dai et al. 2017; seed 004, eq. 1; with Zhu et al. 2019's modulation), bilinear sampling here.

y(p₀) = Σₙ w(pₙ) · m(pₙ) · x(p₀ + pₙ + Δpₙ); between the pixels x is bilinear, outside the map it is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def bilinear(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Values of a map at any places.

    Args:
        x: (B, C, H, W).
        rows, columns: (B, P) in cells; the first cell's centre is 0. Outside the map the value is 0.

    Returns:
        (B, C, P); differentiable by x and by the places.
    """
    b, c, h, w = x.shape
    flat = x.reshape(b, c, h * w)
    top, left = rows.floor(), columns.floor()
    total = torch.zeros((), dtype=x.dtype, device=x.device)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = top + down, left + right
        weight = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
        inside = (row >= 0) & (row <= h - 1) & (column >= 0) & (column <= w - 1)
        cell = (row.clamp(0, h - 1) * w + column.clamp(0, w - 1)).long()
        taken = flat.gather(2, cell[:, None].expand(-1, c, -1))
        total = total + taken * (weight * inside)[:, None]
    return total


class DeformableConv(nn.Module):
    """(B, inputs, H, W) → (B, outputs, H / stride, W / stride): a 3×3 convolution whose nine places move by learnt
    offsets and count by learnt weights; it starts as a plain convolution (offsets 0, weights ½ · 2)."""

    steps: Tensor

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.outputs = stride, outputs
        self.moves = nn.Conv2d(inputs, 27, 3, stride, 1)
        nn.init.zeros_(self.moves.weight)
        assert self.moves.bias is not None
        nn.init.zeros_(self.moves.bias)
        self.weight = nn.Parameter(torch.empty(outputs, inputs * 9))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        nine = torch.arange(9)
        self.register_buffer("steps", torch.stack([nine // 3 - 1, nine % 3 - 1]).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        moves = self.moves(x).float()
        b, _, h, w = moves.shape
        rows = torch.arange(h, device=x.device, dtype=torch.float32)[:, None] * self.stride
        columns = torch.arange(w, device=x.device, dtype=torch.float32) * self.stride
        at_row = moves[:, :9] + self.steps[0][:, None, None] + rows
        at_column = moves[:, 9:18] + self.steps[1][:, None, None] + columns
        found = bilinear(x.float(), at_row.flatten(1), at_column.flatten(1)).reshape(b, -1, 9, h * w)
        found = found * (2 * torch.sigmoid(moves[:, 18:])).reshape(b, 1, 9, h * w)
        out: Tensor = self.weight @ found.flatten(1, 2)
        return out.reshape(b, self.outputs, h, w)
