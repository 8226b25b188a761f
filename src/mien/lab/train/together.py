"""Several processes, one network: gradients are averaged after every step, the first process decides when to end.

Started by `torchrun --nproc-per-node N -m …` (its variables WORLD_SIZE and RANK); otherwise one process, and nothing
here does anything. Two processes of one thread each train small maps faster on two cores than one process of two
threads. All processes must begin with the same weights (the same seed) and draw different batches. Normalisation
statistics are each process's own; those of the first are kept.
"""

from __future__ import annotations

import os
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

_PATIENCE = timedelta(hours=1)
"""How long the others wait while the first one evaluates."""


class Together:
    """The group that this process belongs to.

    Attributes:
        rank, size: number of this process, and how many there are.
    """

    def __init__(self) -> None:
        self.size, self.rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        if self.size > 1 and not dist.is_initialized():
            dist.init_process_group("gloo", timeout=_PATIENCE)

    @property
    def first(self) -> bool:
        """True in the process that evaluates, writes and logs."""
        return self.rank == 0

    def average_gradients(self, net: nn.Module) -> None:
        """Replace every gradient by its mean over the processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in net.parameters() if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def agree(self, progress: float, stop: bool) -> tuple[float, bool]:
        """The first one's progress, and whether anybody was told to stop."""
        if self.size == 1:
            return progress, stop
        state = torch.tensor([progress if self.first else 0.0, float(stop)], dtype=torch.float64)
        dist.all_reduce(state)
        return float(state[0]), bool(state[1] > 0)
