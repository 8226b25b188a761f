"""Two parallel resolutions of unequal depth (HR-PCN; seed 000, figure 3 and §4): 3 and 5 convolutions, exchanged
again and again, so that the fine branch keeps its resolution and learns from the coarse one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from mien.lab.models.blocks.convolution import ConvBnAct
from mien.lab.models.blocks.exchange import ExchangeUnit, Transition


@dataclass(frozen=True, slots=True)
class ParallelSpec:
    """Size of a `ParallelConvs`.

    Attributes:
        widths: channels of the fine and of the coarse branch (half the resolution).
        depths: 3×3 convolutions of each.
        exchanges: how often the branches tell each other what they see; the convolutions are shared out between.
    """

    widths: tuple[int, int] = (32, 64)
    depths: tuple[int, int] = (3, 5)
    exchanges: int = 3


class ParallelConvs(nn.Module):
    """(B, inputs, H, W) → fine (B, w₀, H, W) and coarse (B, w₁, H / 2, W / 2); H and W even."""

    def __init__(self, inputs: int, spec: ParallelSpec) -> None:
        super().__init__()
        self.split = Transition((inputs,), spec.widths)
        shares = [_shares(depth, spec.exchanges) for depth in spec.depths]
        self.chains = nn.ModuleList(
            nn.ModuleList(
                nn.Sequential(*(ConvBnAct(width, width) for _ in range(share[step])))
                for width, share in zip(spec.widths, shares, strict=True)
            )
            for step in range(spec.exchanges)
        )
        self.exchanges = nn.ModuleList(ExchangeUnit(spec.widths, mode="nearest") for _ in range(spec.exchanges))

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        branches: list[Tensor] = self.split([x])
        for chains, exchange in zip(self.chains, self.exchanges, strict=True):
            assert isinstance(chains, nn.ModuleList)
            branches = exchange([chain(part) for chain, part in zip(chains, branches, strict=True)])
        return branches


def _shares(total: int, parts: int) -> Sequence[int]:
    """`total` shared out as evenly as possible, the larger shares first."""
    return [total // parts + (i < total % parts) for i in range(parts)]
