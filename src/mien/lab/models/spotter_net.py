"""The micro-expression spotter's network: dilated convolutions over time, a verdict every 20 ms.

Residual blocks as in temporal convolutional networks (Bai et al. 2018), looking both ways; a class and the distances to
both ends at every moment as in detectors without anchors (Tian et al. 2019, FCOS), in one dimension.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mien.core.schema import load_schema
from mien.micro.decision import EMOTIONS, KINDS, SPANS
from mien.micro.regions import load_regions
from mien.micro.signals import width

DILATIONS = (1, 2, 4, 8, 16, 32, 4, 1)
"""Together 137 rows, 2.7 s."""
REACH = 4.0
"""Standard deviations beyond which an input says nothing more: real films go further than made movement, and a network
trusts nothing it has not seen."""
_LOG_S = (-5.0, 3.0)


class _Block(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.wide = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.norm = nn.BatchNorm1d(channels)
        self.drop = nn.Dropout(0.1)
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(self.drop(torch.relu(self.norm(self.wide(x)))))  # type: ignore[no-any-return]


class SpotterNet(nn.Module):
    """(B, M, width()) → kinds (B, M, 3), spans (B, M, 3), units (B, M, U), emotions (B, M, 8); see `Verdict`."""

    middle: Tensor
    spread: Tensor
    sure: Tensor

    def __init__(self, channels: int = 48) -> None:
        super().__init__()
        units = len(load_schema("facs"))
        self.register_buffer("middle", torch.zeros(width()))
        self.register_buffer("spread", torch.ones(width()))
        self.register_buffer("sure", torch.tensor([1.0, 0.0]))
        self.stem = nn.Conv1d(width(), channels, 1)
        self.body = nn.Sequential(*(_Block(channels, d) for d in DILATIONS))
        self.norm = nn.BatchNorm1d(channels)
        self.kinds = nn.Conv1d(channels, len(KINDS), 1)
        self.spans = nn.Conv1d(channels, len(SPANS), 1)
        self.units = nn.Conv1d(channels, units, 1)
        self.emotions = nn.Sequential(nn.Linear(units, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, len(EMOTIONS)))
        with torch.no_grad():  # most moments are none, and an expression begins 0.2 s before its middle
            for layer, start in ((self.kinds, (4.0, 0.0, 0.0)), (self.spans, (-1.7, -1.7, 0.0))):
                layer.get_parameter("bias").copy_(torch.tensor(start))

    def fit_scale(self, rows: Tensor) -> None:
        """Take mean and spread of (N, width()) training rows as the scale of the facts; regions are in noises
        already."""
        own = 4 * len(load_regions())
        self.middle[own:] = rows[:, own:].mean(dim=0)
        self.spread[own:] = rows[:, own:].std(dim=0).clamp(min=0.05)

    def raw(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits of the kinds, spans, logits of units and emotions. Emotions are read from the units alone, as the
        published tables do."""
        x = ((rows - self.middle) / self.spread).clamp(-REACH, REACH).transpose(1, 2)
        h = torch.relu(self.norm(self.body(self.stem(x))))
        t = self.spans(h).transpose(1, 2)
        spans = torch.cat([t[..., :2].clamp(*_LOG_S).exp(), t[..., 2:].sigmoid()], dim=-1)
        units = self.units(h).transpose(1, 2)
        return self.kinds(h).transpose(1, 2), spans, units, self.emotions(units.detach().clamp(-8.0, 8.0))

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """See the class. `sure` turns the logit of any expression into that of a true finding."""
        kinds, spans, units, emotions = self.raw(rows)
        any_kind = kinds[..., 1:].logsumexp(dim=-1, keepdim=True) - kinds[..., :1]
        likely = (self.sure[0] * any_kind + self.sure[1]).sigmoid()
        out = torch.cat([1 - likely, likely * kinds[..., 1:].softmax(dim=-1)], dim=-1)
        return out, spans, units.sigmoid(), emotions.softmax(dim=-1)
