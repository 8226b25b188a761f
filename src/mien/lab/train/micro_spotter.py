"""Train the micro-expression spotter on movement that was made, not drawn: python -m mien.lab.train.micro_spotter

People of the given rigs perform; on other people of the same rigs is fitted how sure a finding is. Nothing of a rig
that is not given is seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mien.errors import ConfigError
from mien.lab.metrics.spans import matched
from mien.lab.models.spotter_net import SpotterNet
from mien.lab.synth.mixed_performers import mixed_performers
from mien.lab.train.micro_spotter_clips import (
    Clip,
    clips_of,
    named_rigs,
    other_performers,
    performers,
    random_scenes,
    scenes_to_learn,
)
from mien.lab.train.micro_spotter_pieces import Pieces, Truth
from mien.micro.decision import Verdict
from mien.micro.findings import tell
from mien.micro.threshold import FLOOR

_BATCH = 12
_MEMORY = 2 / 9
"""The weights that are kept are a running mean over about this share of the steps: the last ones alone are no worse
once `fit_sureness` has seen them, but surer of themselves before. No figure speaks for it: best F1 of the third weights
0.779 (last), 0.774 (mean)."""
_MIXED_SEED = 1
VALIDATION_FIRST, VALIDATION_SEED = 40, 501
"""Number of the first person of a rig who is not trained on, and the seed of what they do."""


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
    """Fit the network; `said` hears step and mean loss now and then. What is kept is a running mean of the
    weights."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    net, pieces = SpotterNet(), Pieces(clips, seed)
    net.fit_scale(torch.cat([torch.from_numpy(c.rows[::7]).float() for c in clips]))
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.1)
    averaged = get_ema_multi_avg_fn(1 - 1 / max(1.0, _MEMORY * steps))  # type: ignore[no-untyped-call]
    mean = AveragedModel(net, multi_avg_fn=averaged, use_buffers=True)
    net.train()
    total = 0.0
    for step in range(1, steps + 1):
        loss = loss_of(net, *pieces.batch(_BATCH))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        mean.update_parameters(net)
        total += loss.item()
        if said is not None and step % 50 == 0:
            said(step, total / 50)
            total = 0.0
    net.load_state_dict(mean.module.state_dict())
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
    parser.add_argument("--mixed", type=int, default=0, help="people between the rigs (mixed_performers); 0 = none")
    parser.add_argument("--mixed-seeds", type=int, nargs="+", default=[641], help="--clips and --dense each of them")
    parser.add_argument("--check", type=int, default=90, help="clips of other people, for how sure a finding is")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    given = parser.parse_args(arguments)
    rigs = named_rigs(given.rig)
    if low := [f"--{name}" for name in ("people", "check", "steps") if getattr(given, name) < 1]:
        raise ConfigError(f"{low[0]}: at least 1 is needed")
    if given.people > VALIDATION_FIRST:
        raise ConfigError(f"--people: {VALIDATION_FIRST} at most; from that number on they are checked on")
    people = performers(rigs, given.people)
    others = other_performers(rigs, 3, VALIDATION_FIRST, people)
    scenes = scenes_to_learn(people, given.clips, given.dense, given.seeds)
    if given.mixed:
        mixed = mixed_performers(people, given.mixed, _MIXED_SEED)
        scenes = chain(scenes, scenes_to_learn(mixed, given.clips, given.dense, given.mixed_seeds))
    if not (clips := list(clips_of(scenes))):
        raise ConfigError("--clips and --dense leave nothing to learn from")
    net = train(clips, given.steps, said=lambda step, loss: print(step, f"{loss:.3f}", flush=True))  # noqa: T201
    fit_sureness(net, list(clips_of(random_scenes(others, given.check, VALIDATION_SEED))))
    write(net, given.out, clips, [name for name, _ in rigs])


if __name__ == "__main__":
    main()
