"""Checkpoints: everything a run needs to go on as if it had never stopped; written whole or not at all.

Files hold tensors, numbers and text only and are read with `weights_only=True`: reading one executes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mien.errors import ModelError

FORMAT = 1


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, text, lists and dicts of them); a crash leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("wb") as file:
        torch.save({"format": FORMAT, **state}, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote.

    Raises:
        ModelError: it cannot be read, or is of another format.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    # A damaged file may fail in zipfile, pickle's tables or torch itself.
    except Exception as error:
        raise ModelError(f"{path}: cannot be read as a checkpoint: {error}") from error
    found = state.get("format") if isinstance(state, dict) else None
    if found != FORMAT:
        raise ModelError(f"{path}: is no checkpoint of format {FORMAT}")
    return dict(state)


def chance() -> dict[str, Any]:
    """State of torch's random generators, of the processor and of every GPU, for a checkpoint."""
    return {"rng": torch.get_rng_state(), "rng_gpus": torch.cuda.get_rng_state_all()}


def set_chance(state: Mapping[str, Any]) -> None:
    """Go on with the random numbers of a checkpoint; those of GPUs if as many are there as then."""
    torch.set_rng_state(state["rng"])
    gpus = state.get("rng_gpus", [])
    if gpus and len(gpus) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(gpus)


class MovingAverage:
    """Exponential moving average of a network's weights and of its normalisation statistics.

    The decay grows with the steps, min(decay, (1 + t) / (10 + t)): a young average forgets its random start.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.state = {k: v.detach().clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Take in the weights after a step."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - keep)
            else:
                self.state[name].copy_(value)

    def to_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"steps": self.steps, "state": self.state}

    def from_dict(self, saved: dict[str, Any]) -> None:
        """Out of a checkpoint."""
        self.steps = int(saved["steps"])
        self.state = {k: v.clone() for k, v in saved["state"].items()}
