"""ArcFace: classes as directions with an angular margin (Deng et al. 2019, eq. 3)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ArcFace(nn.Module):
    """(B, F) features → (B, C) logits s · cos θ; while training s · cos(θ + m) for the true class.

    Where θ + m would pass π the logit falls on linearly, s · (cos θ − m · sin m), as in the published code.
    """

    def __init__(self, features: int, classes: int, scale: float = 64.0, margin: float = 0.5) -> None:
        super().__init__()
        self.scale, self.margin = scale, margin
        self.directions = nn.Parameter(torch.empty(classes, features))
        nn.init.xavier_uniform_(self.directions)

    def forward(self, features: Tensor) -> Tensor:
        """Logits without margin."""
        return self.scale * F.linear(F.normalize(features.float()), F.normalize(self.directions))

    def with_margin(self, logits: Tensor, classes: Tensor) -> Tensor:
        """Logits of `forward` with the margin at the true classes (B,)."""
        cosine = (logits / self.scale).clamp(-1 + 1e-6, 1 - 1e-6)
        sine = (1 - cosine.square()).sqrt()
        turned = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        beyond = cosine - self.margin * math.sin(self.margin)
        harder = torch.where(cosine > math.cos(math.pi - self.margin), turned, beyond)
        true = F.one_hot(classes, logits.shape[1]).bool()
        return torch.where(true, harder, cosine) * self.scale
