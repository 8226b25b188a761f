"""A network as a method: how it is fed, built and taught, and the training for a fixed number of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.core.arrays import Float32
from mien.errors import ConfigError
from mien.lab.micro.clips import MicroClip
from mien.lab.micro.inputs import Effort
from mien.lab.models.au_gcn_cur import MicroTruth, conditional_adjacency

Prepared = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a network is fed, built and taught.

    Attributes:
        prepare: clip → its tensors.
        build: (number of classes, adjacency (N, N), effort) → network.
        logits: (network, batched tensors) → class logits and unit logits or None; used for prediction too.
        loss: (network's answer, tensors' truth) → loss.
    """

    prepare: Callable[[MicroClip, Effort], tuple[np.ndarray[Any, Any], ...]]
    build: Callable[[int, Float32, Effort], nn.Module]
    logits: Callable[[nn.Module, Prepared], tuple[Any, Tensor]]
    loss: Callable[[Any, MicroTruth], Tensor]


class Network:
    """A network trained for a fixed number of steps."""

    def __init__(self, kind: Kind, effort: Effort) -> None:
        self._kind, self._effort = kind, effort
        self._cache: dict[str, tuple[np.ndarray[Any, Any], ...]] = {}
        self._net: nn.Module | None = None
        self._classes: tuple[str, ...] = ()

    @property
    def trained(self) -> nn.Module:
        """The network after `fit`.

        Raises:
            ConfigError: it was not called.
        """
        if self._net is None:
            raise ConfigError("a method must be fitted before it predicts")
        return self._net

    def fit(self, clips: Sequence[MicroClip], classes: Sequence[str]) -> None:
        torch.manual_seed(self._effort.seed)
        self._classes = tuple(classes)
        units, present = unit_table(clips)
        self._units = units
        net = self._kind.build(len(classes), conditional_adjacency(present), self._effort)
        optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
        generator = np.random.default_rng(self._effort.seed)
        net.train()
        for _ in range(self._effort.steps):
            pick = generator.choice(len(clips), min(self._effort.batch, len(clips)), replace=False)
            chosen = [clips[k] for k in pick.tolist()]
            answer, _ = self._kind.logits(net, self._batch(chosen))
            loss = self._kind.loss(answer, self._truth(chosen))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        self._net = net.eval()

    def predict(self, clips: Sequence[MicroClip]) -> list[str]:
        net, out = self.trained, list[str]()
        with torch.inference_mode():
            for first in range(0, len(clips), 16):
                _, logits = self._kind.logits(net, self._batch(clips[first : first + 16]))
                out += [self._classes[k] for k in logits.argmax(dim=1).tolist()]
        return out

    def _batch(self, clips: Sequence[MicroClip]) -> Prepared:
        for clip in clips:
            if clip.sample.name not in self._cache:
                self._cache[clip.sample.name] = self._kind.prepare(clip, self._effort)
        rows = [self._cache[c.sample.name] for c in clips]
        return tuple(torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*rows, strict=True))

    def _truth(self, clips: Sequence[MicroClip]) -> MicroTruth:
        emotions = torch.tensor([self._classes.index(c.label) for c in clips])
        span = [[c.onset / (len(c.frames) - 1), c.offset / (len(c.frames) - 1)] for c in clips]
        units = np.array([_unit_row(c, self._units) for c in clips], dtype=np.float32).reshape(len(clips), -1)
        return MicroTruth(emotions, torch.tensor(span), torch.from_numpy(units))


def unit_table(clips: Sequence[MicroClip]) -> tuple[tuple[str, ...], Float32]:
    """Units that occur in the clips, at least one, and (S, N) which clip has which; not coded = absent here."""
    names = sorted({u for c in clips for u in (c.units or ())}, key=lambda n: int(n[2:]) if n[2:].isdigit() else 99)
    names = names or ["AU4"]
    rows = [[float(n in (c.units or ())) for n in names] for c in clips]
    return tuple(names), np.array(rows, dtype=np.float32)


def _unit_row(clip: MicroClip, names: Sequence[str]) -> list[float]:
    return [float("nan") if clip.units is None else float(n in clip.units) for n in names]
