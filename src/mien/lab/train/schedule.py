"""How a training run goes: steps or minutes, learning rate, how often it is judged and saved."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

log = logging.getLogger(__name__)


@cache
def bfloat16_pays() -> bool:
    """Whether bfloat16 arithmetic is in the processor, or there is another device: emulated, it takes ten times as long
    as float32 (a processor with AVX2 alone: 14 s instead of 1.1 s for a step of the pixel reader)."""
    pays = torch.cuda.is_available() or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    if not pays:
        log.info("this processor has no bfloat16 arithmetic: float32 is used")
    return pays


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a run goes.

    Attributes:
        steps: number of steps; with `minutes` an upper bound.
        batch: samples per step.
        learning_rate, weight_decay: of AdamW.
        warm_up: share of the run in which the learning rate grows from 0; afterwards a cosine to `final_share` of it.
        final_share: last learning rate / highest.
        clip: largest norm of the gradient.
        average: decay of the moving average of the weights.
        minutes: training time; None = as long as the steps take.
        evaluate_every, save_every: steps.
        patience: early stopping: the run ends after so many evaluations in a row that were not better than the best
            one (the best weights are kept either way); 0 = never.
        half: bfloat16 arithmetic (autocast); False where the processor has none, whatever was asked for.
        seed: of everything.
    """

    steps: int = 10000
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    warm_up: float = 0.03
    final_share: float = 0.01
    clip: float = 5.0
    average: float = 0.998
    minutes: float | None = None
    evaluate_every: int = 500
    save_every: int = 250
    patience: int = 0
    half: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        if self.half and not bfloat16_pays():
            object.__setattr__(self, "half", False)

    def rate(self, progress: float) -> float:
        """Learning rate at `progress`, 0–1 of the run."""
        if progress < self.warm_up:
            return self.learning_rate * max(progress, 1e-3 * self.warm_up) / self.warm_up
        share = min(1.0, (progress - self.warm_up) / max(1e-9, 1 - self.warm_up))
        low = self.final_share
        return self.learning_rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * share)))

    def optimizer(self, net: nn.Module) -> torch.optim.AdamW:
        """Weight decay for matrices and kernels only, not for biases, normalisation and slopes."""
        parameters = [p for p in net.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.learning_rate, foreach=True)
