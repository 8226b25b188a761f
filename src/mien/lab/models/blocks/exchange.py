"""Parallel resolutions that tell each other what they see (HRNet; Wang et al. 2019, seed 001 eqs. 6–9).

Branch r works at 1 / 2^r of the first branch's resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.residual import BasicBlock, residual_chain

Upsampling = Literal["bilinear", "nearest"]


def upsample(x: Tensor, factor: int, mode: Upsampling) -> Tensor:
    """Enlarge by a whole factor; the corners of the picture stay where they are."""
    if factor == 1:
        return x
    if mode == "nearest":
        return F.interpolate(x, scale_factor=float(factor), mode="nearest")
    return F.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=False)


class ExchangeUnit(nn.Module):
    """Y_k = relu(Σ_i a(X_i, k)) (seed 001 eq. 8; its upper limit 8 is a slip for s, the number of streams).

    a(X_i, k) is the identity for i = k, a 1×1 convolution and enlarging for coarser i, and k − i convolutions 3×3 of
    stride 2 for finer i, of which the last alone changes the width and has no ReLU.
    """

    def __init__(self, widths: Sequence[int], outputs: int | None = None, mode: Upsampling = "bilinear") -> None:
        """
        Args:
            widths: channels per branch.
            outputs: how many branches to give, from the finest; None = all.
            mode: how to enlarge.
        """
        super().__init__()
        self.mode: Upsampling = mode
        self.paths = nn.ModuleList(
            nn.ModuleList(_path(widths, i, k) for i in range(len(widths))) for k in range(outputs or len(widths))
        )

    def forward(self, branches: Sequence[Tensor]) -> list[Tensor]:
        """One tensor per branch in, one per output out."""
        out = []
        for k, row in enumerate(self.paths):
            assert isinstance(row, nn.ModuleList)
            parts = [
                upsample(path(x), 2 ** max(0, i - k), self.mode)
                for i, (path, x) in enumerate(zip(row, branches, strict=True))
            ]
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            out.append(torch.relu(total))
        return out


def _path(widths: Sequence[int], source: int, target: int) -> nn.Module:
    if source == target:
        return nn.Identity()
    if source > target:
        return ConvBnAct(widths[source], widths[target], ConvSpec(1, act="none"))
    steps = target - source
    last = ConvBnAct(widths[source], widths[target], ConvSpec(3, 2, act="none"))
    return nn.Sequential(*(ConvBnAct(widths[source], widths[source], ConvSpec(3, 2)) for _ in range(steps - 1)), last)


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage of parallel branches.

    Attributes:
        widths: channels per branch, finest first.
        modules: how many times branches and exchange follow each other.
        blocks: basic blocks per branch and module.
        mode: how exchange enlarges.
    """

    widths: tuple[int, ...]
    modules: int
    blocks: int = 4
    mode: Upsampling = "bilinear"


class ParallelStage(nn.Module):
    """Modules of residual branches, each followed by an exchange unit."""

    def __init__(self, spec: StageSpec) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.ModuleList(residual_chain(BasicBlock, w, w, spec.blocks) for w in spec.widths)
            for _ in range(spec.modules)
        )
        self.exchanges = nn.ModuleList(ExchangeUnit(spec.widths, mode=spec.mode) for _ in range(spec.modules))

    def forward(self, x: Sequence[Tensor]) -> list[Tensor]:
        """One tensor per branch in and out."""
        out = list(x)
        for chains, exchange in zip(self.branches, self.exchanges, strict=True):
            assert isinstance(chains, nn.ModuleList)
            out = exchange([chain(part) for chain, part in zip(chains, out, strict=True)])
        return out


class Transition(nn.Module):
    """From one stage to the next (seed 001 eq. 9): widths adapted by 3×3 where they differ, one coarser branch added
    from the coarsest by a 3×3 of stride 2."""

    def __init__(self, before: Sequence[int], after: Sequence[int]) -> None:
        super().__init__()
        kept: list[nn.Module] = [
            nn.Identity() if a == b else ConvBnAct(a, b) for a, b in zip(before, after, strict=False)
        ]
        self.kept = nn.ModuleList(kept)
        added = after[len(before) :]
        self.added = nn.ModuleList(
            ConvBnAct(before[-1] if i == 0 else added[i - 1], w, ConvSpec(3, 2)) for i, w in enumerate(added)
        )

    def forward(self, x: Sequence[Tensor]) -> list[Tensor]:
        """One tensor per old branch in, one per new branch out."""
        out = [layer(part) for layer, part in zip(self.kept, x, strict=True)]
        newest = x[-1]
        for layer in self.added:
            newest = layer(newest)
            out.append(newest)
        return out
