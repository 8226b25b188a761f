"""What the micro-expression spotter learns from: pieces of clips, and what its network should say of every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mien.core.schema import load_schema
from mien.lab.synth.expression_events import SHOWN, Event
from mien.lab.train.micro_spotter_clips import Clip
from mien.micro.decision import EMOTIONS, KINDS
from mien.micro.regions import load_regions

LENGTH = 384
"""Rows of a piece that is learned from."""
_WITH_EXPRESSION = 0.6
_CORE, _CORE_LEAST_S = 0.25, 0.03
"""A moment lies in the middle of an expression up to this share of its length from its centre."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What a clip's M rows should say.

    Attributes:
        kinds: (M,) positions in `KINDS`; −1 = in an expression but not in its middle: either answer will do.
        spans: (M, 3) as `Verdict.spans`.
        units: (M, U) 0 or 1; NaN = no expression.
        emotions: (M,) positions in `EMOTIONS`; −1 = none.
    """

    kinds: Tensor
    spans: Tensor
    units: Tensor
    emotions: Tensor


def truth_of(clip: Clip) -> Truth:
    """Targets of every row."""
    t, names = torch.from_numpy(clip.times_s).float(), load_schema("facs").names
    kinds, emotions = torch.zeros(len(t), dtype=torch.long), torch.full((len(t),), -1)
    spans, units = torch.zeros(len(t), 3), torch.full((len(t), len(names)), float("nan"))
    for event in clip.expressions:
        kinds[(t > event.onset_s) & (t < event.offset_s) & (kinds == 0)] = -1
        whole = event.offset_s - event.onset_s
        half = max(_CORE * whole, _CORE_LEAST_S)
        core = (t - (event.onset_s + event.offset_s) / 2).abs() <= half
        kinds[core] = KINDS.index(event.kind)
        rise = torch.full_like(t[core], (event.apex_s - event.onset_s) / whole)
        ends = [(t[core] - event.onset_s).clamp(min=0.005), (event.offset_s - t[core]).clamp(min=0.005)]
        spans[core] = torch.stack([*ends, rise], dim=1)
        units[core] = torch.tensor([float(event.units.get(n, 0.0) > SHOWN) for n in names])
        emotions[core] = _emotion(event)
    return Truth(kinds, spans, units, emotions)


def _emotion(event: Event) -> int:
    return EMOTIONS.index(event.emotion) if event.kind == "micro" and event.emotion in EMOTIONS else -1


def mirrored(rows: Tensor) -> Tensor:
    """(M, width()) of the mirrored face: regions change sides and x its sign."""
    mirror = torch.tensor(load_regions().mirror)
    own = 4 * len(mirror)
    bands = rows[:, :own].reshape(len(rows), 2, len(mirror), 2)[:, :, mirror] * torch.tensor([-1.0, 1.0])
    return torch.cat([bands.reshape(len(rows), own), rows[:, own:]], dim=1)


class Pieces:
    """Draws pieces of clips, more often such with an expression; mirrored, with regions that say nothing."""

    def __init__(self, clips: Sequence[Clip], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._clips = [(torch.from_numpy(c.rows), truth_of(c)) for c in clips]
        self._places = [torch.nonzero(t.kinds > 0)[:, 0].tolist() for _, t in self._clips]
        self._lively = [k for k, places in enumerate(self._places) if places]
        self._mirror = torch.tensor(load_schema("facs").mirror)

    def one(self) -> tuple[Tensor, Truth]:
        """(LENGTH, width()) float32 and its truth; what is too short is held at its end and not judged there."""
        rng = self._rng
        if self._lively and rng.random() < _WITH_EXPRESSION:
            k = int(rng.choice(self._lively))
            first = int(rng.choice(self._places[k])) - int(rng.integers(40, LENGTH - 40))
        else:
            k = int(rng.integers(len(self._clips)))
            first = int(rng.integers(-20, max(1, len(self._clips[k][0]) - LENGTH + 20)))
        rows, truth = self._clips[k]
        first = max(0, min(first, len(rows) - LENGTH))
        at = torch.arange(first, first + LENGTH).clamp(max=len(rows) - 1)
        late = torch.arange(first, first + LENGTH) >= len(rows)
        x, units = rows[at].float(), truth.units[at]
        if rng.random() < 0.5:
            x, units = mirrored(x), units[:, self._mirror]
        if rng.random() < 0.3:
            x = _silenced(x, rng)
        kinds, emotions = truth.kinds[at].masked_fill(late, -1), truth.emotions[at].masked_fill(late, -1)
        return x, Truth(kinds, truth.spans[at], units, emotions)

    def batch(self, size: int) -> tuple[Tensor, Truth]:
        """So many, stacked."""
        rows, truths = zip(*(self.one() for _ in range(size)), strict=True)
        parts = ("kinds", "spans", "units", "emotions")
        return torch.stack(rows), Truth(*(torch.stack([getattr(t, p) for t in truths]) for p in parts))


def _silenced(x: Tensor, rng: np.random.Generator) -> Tensor:
    regions = len(load_regions())
    gone = torch.from_numpy(rng.random(regions) < 0.1).repeat_interleave(2).repeat(2)
    return torch.cat([x[:, : 4 * regions] * ~gone, x[:, 4 * regions :]], dim=1)
