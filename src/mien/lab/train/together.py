"""Several processes or a GPU, one network: gradients are averaged after every step, the first process decides when to
end. Lightning Fabric joins the processes and gives each its device.

Started by `torchrun --nproc-per-node N -m …` (its variables WORLD_SIZE, RANK and LOCAL_RANK); otherwise one process,
and nothing here does anything. Two processes of one thread each train small maps faster on two cores than one process
of two threads. All processes begin with the first one's weights (`share_weights`) and draw different batches.
Normalisation statistics are each process's own; those of the first are kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from mien.errors import MissingExtraError, RequestError

Device = Literal["cpu", "auto"]
"""Where a network is trained; "auto" = on a GPU, if there is one."""
_PATIENCE = timedelta(hours=12)
"""How long the others wait while the first one evaluates, or finds the points of a large set."""


class Place(NamedTuple):
    """Number of this process, and how many there are; known without joining them."""

    rank: int
    size: int


def place() -> Place:
    """As torchrun says; (0, 1) without it."""
    return Place(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


class Together:
    """The group that this process belongs to.

    Attributes:
        rank, size: number of this process, and how many there are.
        device: where this one's network belongs.
    """

    def __init__(self, device: Device = "cpu") -> None:
        """
        Raises:
            MissingExtraError: there are several processes, and Lightning Fabric is not installed.
        """
        self.rank, self.size = place()
        self._fabric = _joined("cpu" if device == "cpu" else "auto") if self.size > 1 else None
        if self._fabric is not None:
            self.device = torch.device(self._fabric.device)
        else:
            self.device = torch.device("cuda" if device == "auto" and torch.cuda.is_available() else "cpu")

    @property
    def first(self) -> bool:
        """True in the process that evaluates, writes and logs."""
        return self.rank == 0

    @contextmanager
    def first_goes_before(self) -> Iterator[None]:
        """The first process does what stands in the block while the others wait; then they do it, too. For what is kept
        in a file: the first one makes it, the others read it."""
        if self._fabric is not None and not self.first:
            self._fabric.barrier()
        yield
        if self._fabric is not None and self.first:
            self._fabric.barrier()

    def share_weights(self, state: Mapping[str, Tensor]) -> None:
        """Put the first process's tensors in the place of everybody's."""
        if self._fabric is None:
            return
        for value in state.values():
            sent = value.detach().clone(memory_format=torch.contiguous_format)
            torch.distributed.broadcast(sent, 0)
            value.detach().copy_(sent)

    def average_gradients(self, net: nn.Module) -> None:
        """Replace every gradient by its mean over the processes."""
        if self._fabric is None:
            return
        gradients = [p.grad for p in net.parameters() if p.grad is not None]
        flat = self._fabric.all_reduce(torch.cat([g.reshape(-1) for g in gradients]), reduce_op="mean")
        for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def agree(self, progress: float, stop: bool) -> tuple[float, bool]:
        """The first one's progress, and whether anybody was told to stop."""
        if self._fabric is None:
            return progress, stop
        own = torch.tensor([progress if self.first else 0.0, float(stop)], dtype=torch.float64, device=self.device)
        state = self._fabric.all_reduce(own, reduce_op="sum")
        return float(state[0]), bool(state[1] > 0)


def _joined(accelerator: str) -> Any:
    """The one engine of this process.

    Raises:
        RequestError: it was joined on another kind of device.
    """
    if (joined := _JOINED.setdefault("accelerator", accelerator)) != accelerator:
        raise RequestError(f'this process was joined on device "{joined}" and cannot train on "{accelerator}" as well')
    return _engine(accelerator)


_JOINED: dict[str, str] = {}


@cache
def _engine(accelerator: str) -> Any:
    """Lightning Fabric, joined to the processes that torchrun started; see `_joined`."""
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.strategies.ddp import DDPStrategy
    except ImportError as error:
        raise MissingExtraError("lightning-fabric", "lab", "Training in several processes") from error
    size, local = (int(os.environ.get(n, "1")) for n in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    nodes = max(1, size // max(1, local))
    fabric = Fabric(accelerator=accelerator, devices=local, num_nodes=nodes, strategy=DDPStrategy(timeout=_PATIENCE))
    fabric.launch()
    return fabric


def on_device(batch: Any, device: torch.device) -> Any:
    """A batch there: tensors, and tuples, lists, dicts and dataclasses of them; anything else stays what it is."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, tuple):
        moved = [on_device(one, device) for one in batch]
        return type(batch)(*moved) if hasattr(batch, "_fields") else tuple(moved)
    if isinstance(batch, list):
        return [on_device(one, device) for one in batch]
    if isinstance(batch, dict):
        return {k: on_device(v, device) for k, v in batch.items()}
    if is_dataclass(batch) and not isinstance(batch, type):
        return replace(batch, **{f.name: on_device(getattr(batch, f.name), device) for f in fields(batch)})
    return batch
