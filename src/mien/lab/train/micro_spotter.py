"""Train the micro-expression spotter on movement that was made, not drawn: python -m mien.lab.train.micro_spotter

People of the given rigs perform; on other people of the same rigs is fitted how sure a finding is. Nothing of a rig
that is not given is seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mien.core.schema import load_schema
from mien.errors import ConfigError
from mien.lab.metrics.spans import matched
from mien.lab.models.spotter_net import SpotterNet
from mien.lab.synth.expression_events import SHOWN, Event
from mien.lab.train.micro_spotter_clips import Clip, clips_of, dense_scenes, named_rigs, performers, random_scenes
from mien.micro.decision import EMOTIONS, KINDS, Verdict
from mien.micro.findings import tell
from mien.micro.regions import load_regions
from mien.micro.threshold import FLOOR

LENGTH = 384
"""Rows of a piece that is learned from."""
_BATCH = 12
_WITH_EXPRESSION = 0.6
_CORE, _CORE_LEAST_S = 0.25, 0.03
"""A moment lies in the middle of an expression up to this share of its length from its centre."""
VALIDATION_FIRST, VALIDATION_SEED = 40, 501
"""Number of the first person of a rig who is not trained on, and the seed of what they do."""


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


def loss_of(net: SpotterNet, rows: Tensor, truth: Truth) -> Tensor:
    """Cross-entropy of the kinds per middle moment, 1 − overlap of the spans, error of the rise's share,
    cross-entropies of units and emotions."""
    kinds, spans, units, emotions = net.raw(rows)
    inside = truth.kinds > 0
    each = F.cross_entropy(kinds.transpose(1, 2), truth.kinds.clamp(min=0), reduction="none")
    loss = (each * (truth.kinds >= 0)).sum() / inside.sum().clamp(min=10)
    if not inside.any():
        return loss
    said, true = spans[inside], truth.spans[inside]
    shared = torch.minimum(said[:, :2], true[:, :2]).sum(dim=1)
    loss = loss + (1 - shared / torch.maximum(said[:, :2], true[:, :2]).sum(dim=1)).mean()
    loss = loss + (said[:, 2] - true[:, 2]).abs().mean()
    loss = loss + F.binary_cross_entropy_with_logits(units[inside], truth.units[inside])
    named = truth.emotions >= 0
    return loss + 0.3 * F.cross_entropy(emotions[named], truth.emotions[named]) if named.any() else loss


def train(
    clips: Sequence[Clip], steps: int, seed: int = 1, said: Callable[[int, float], None] | None = None
) -> SpotterNet:
    """Fit the network; `said` hears step and mean loss now and then."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    net, pieces = SpotterNet(), Pieces(clips, seed)
    net.fit_scale(torch.cat([torch.from_numpy(c.rows[::7]).float() for c in clips]))
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.1)
    net.train()
    total = 0.0
    for step in range(1, steps + 1):
        loss = loss_of(net, *pieces.batch(_BATCH))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if said is not None and step % 50 == 0:
            said(step, total / 50)
            total = 0.0
    return net.eval()


def fit_sureness(net: SpotterNet, clips: Sequence[Clip]) -> None:
    """Set `net.sure` so that a finding's confidence is the share of such findings that are true (Platt 1999).

    Args:
        net: trained.
        clips: of people it was not trained on, with the rates of real videos.

    Raises:
        ConfigError: nothing was found on them, or nothing true, or nothing false.
    """
    net.sure.copy_(torch.tensor([1.0, 0.0]))
    logits, true = [], []
    for clip in clips:
        told = tell(judged(net, clip), FLOOR)
        expressions = [(e.onset_s - clip.start_s, e.offset_s - clip.start_s) for e in clip.expressions]
        hits = matched([(t.onset_s, t.offset_s) for t in told], expressions)
        logits += [float(np.log(t.confidence) - np.log1p(-min(t.confidence, 1 - 1e-6))) for t in told]
        true += [k in hits for k in range(len(told))]
    if not 0 < sum(true) < len(true):
        found = f"{sum(true)} of {len(true)} findings on {len(clips)} clips are true"
        raise ConfigError(f"{found}: how sure they are needs true and false ones; more --check clips or --steps")
    x, y = torch.tensor(logits), torch.tensor(true, dtype=torch.float32)
    line = torch.tensor([1.0, 0.0], requires_grad=True)
    optimizer = torch.optim.LBFGS([line], max_iter=100)

    def miss() -> Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(line[0] * x + line[1], y)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(miss)  # type: ignore[no-untyped-call]
    net.sure.copy_(line.detach())


def judged(net: SpotterNet, clip: Clip) -> Verdict:
    """What a network in training says of a clip."""
    with torch.inference_mode():
        return Verdict(*(o[0].numpy() for o in net(torch.from_numpy(clip.rows[None]).float())))


def main(arguments: list[str] | None = None) -> None:
    """Command line of the module."""
    from mien.lab.train.micro_spotter_card import write

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", action="append", default=[], metavar="NAME:FOLDER", help="ict:…, makehuman:…, valid:…")
    parser.add_argument("--people", type=int, default=10, help="persons of each rig")
    parser.add_argument("--clips", type=int, default=200, help="per seed, with the rates of real videos")
    parser.add_argument("--dense", type=int, default=150, help="per seed, one expression after another")
    parser.add_argument("--seeds", type=int, nargs="+", default=[601, 602, 603, 604, 605])
    parser.add_argument("--dense-seeds", type=int, nargs="+", default=[601, 602, 603, 604, 605])
    parser.add_argument("--check", type=int, default=90, help="clips of other people, for how sure a finding is")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    given = parser.parse_args(arguments)
    rigs = named_rigs(given.rig)
    if low := [f"--{name}" for name in ("people", "check", "steps") if getattr(given, name) < 1]:
        raise ConfigError(f"{low[0]}: at least 1 is needed")
    people = performers(rigs, given.people)
    scenes = [random_scenes(people, given.clips, s) for s in given.seeds]
    scenes += [dense_scenes(people, given.dense, s) for s in given.dense_seeds]
    if not (clips := list(clips_of(chain.from_iterable(scenes)))):
        raise ConfigError("--clips and --dense leave nothing to learn from")
    net = train(clips, given.steps, said=lambda step, loss: print(step, f"{loss:.3f}", flush=True))  # noqa: T201
    others = performers(rigs, 3, VALIDATION_FIRST)
    fit_sureness(net, list(clips_of(random_scenes(others, given.check, VALIDATION_SEED))))
    write(net, given.out, clips, [name for name, _ in rigs])


if __name__ == "__main__":
    main()
