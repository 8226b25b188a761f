"""Train the micro-expression spotter on movement that was made, not drawn: python -m mien.lab.train.micro_spotter

Each clip: a person of a rig that is not held out performs a sequence with all its distractors at a random frame rate;
`synth.faint_movement` reports it; candidates are found as at run time and labelled by the true events they overlap by
half or more. Nothing of the held-out rig is seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from mien.core.arrays import Float32, Int64
from mien.core.schema import load_schema
from mien.lab.models.spotter_mlp import SpotterMlp
from mien.lab.rigs.catalogue import load_rig
from mien.lab.synth import distractors
from mien.lab.synth.expression_events import Event, macro_event, micro_event, pulses_of
from mien.lab.synth.faint_movement import Performer, observe
from mien.lab.synth.sequence import FaceSequence, random_sequence, shapes_at
from mien.micro.candidates import Candidate, find_candidates
from mien.micro.decision import EMOTIONS, KINDS, rows_of
from mien.micro.features import feature_names
from mien.micro.grid import Grid, to_grid
from mien.micro.regions import load_regions

RATES = (25.0, 30.0, 30.0, 60.0, 60.0, 100.0, 200.0, 200.0)
_KINDS = (("micro", 0.4), ("macro", 0.12), ("long", 0.33), ("neutral", 0.15))
_SECONDS = (5.0, 14.0)
OVERLAP = 0.5
_DENSE_MICRO, _DENSE_SPEECH = 0.7, 0.35


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Judged candidates.

    Attributes:
        rows: (C, width()) float32.
        kinds: (C,) int64 positions in `KINDS`.
        units: (C, U) float32 0 or 1, schema "facs"; NaN = not an expression.
        emotions: (C,) int64 positions in `EMOTIONS`; −1 = none.
    """

    rows: Float32
    kinds: Int64
    units: Float32
    emotions: Int64


def overlap(candidate: tuple[float, float], event: tuple[float, float]) -> float:
    """Intersection over union of two spans of time."""
    shared = min(candidate[1], event[1]) - max(candidate[0], event[0])
    return max(0.0, shared) / max(max(candidate[1], event[1]) - min(candidate[0], event[0]), 1e-9)


def examples_of(sequence: FaceSequence, grid: Grid) -> Examples:
    """Candidates of a clip with what they really are."""
    found, bands = find_candidates(grid)
    rows = rows_of(grid, bands, found)
    truth = [_truth(c, grid, sequence.expressions) for c in found]
    kinds = np.array([0 if e is None else KINDS.index(e.kind) for e in truth], dtype=np.int64)
    units = np.array([_units(e) for e in truth], dtype=np.float32).reshape(len(found), -1)
    emotions = [EMOTIONS.index(e.emotion) if e and e.kind == "micro" and e.emotion in EMOTIONS else -1 for e in truth]
    return Examples(rows, kinds, units, np.array(emotions, dtype=np.int64))


def _truth(candidate: Candidate, grid: Grid, events: Sequence[Event]) -> Event | None:
    start = int(grid.t_ns[0]) / 1e9
    span = (start + candidate.onset * 0.01, start + candidate.offset * 0.01)
    scored = [(overlap(span, (e.onset_s, e.offset_s)), k) for k, e in enumerate(events)]
    best = max(scored, default=(0.0, -1))
    return events[best[1]] if best[0] >= OVERLAP else None


def _units(event: Event | None) -> Float32:
    names = load_schema("facs").names
    if event is None:
        return np.full(len(names), np.nan, dtype=np.float32)
    return np.array([event.units.get(n, 0.0) > 0.3 for n in names], dtype=np.float32)


def performers(rigs: Sequence[tuple[str, Path | None]], each: int) -> list[Performer]:
    """`each` persons of every rig."""
    out = []
    for number, (name, folder) in enumerate(rigs):
        rig = load_rig(name, folder)
        out += [Performer.of(rig, np.random.default_rng([number, k])) for k in range(each)]
    return out


def random_examples(people: Sequence[Performer], clips: int, seed: int) -> Iterator[Examples]:
    """Examples of so many clips; the same seed gives the same ones."""
    names, shares = [n for n, _ in _KINDS], [s for _, s in _KINDS]
    for k in range(clips):
        rng = np.random.default_rng([seed, k])
        kind = str(rng.choice(names, p=shares))
        seconds = float(rng.uniform(*_SECONDS)) * (2.0 if kind == "long" else 1.0)
        fps = float(rng.choice(RATES))
        sequence = random_sequence(1_000_000 * seed + k, kind, fps=fps, seconds=seconds)
        moves = observe(people[int(rng.integers(len(people)))], sequence, rng, pixels=bool(rng.random() < 0.8))
        grid = to_grid(moves, fps)
        if grid is not None:
            yield examples_of(sequence, grid)


def dense_sequence(seed: int, fps: float, seconds: float = 12.0) -> FaceSequence:
    """Expressions one after another with all distractors: many times as many examples in a second as a real video has.

    What is learned from it expects too many expressions: the threshold must be chosen on `random_examples`.
    """
    streams = [np.random.default_rng([seed, 99, k]) for k in range(6)]
    rng, events = streams[0], list[Event]()
    t = float(rng.uniform(0.4, 1.2))
    while t < seconds - 1.0:
        event = micro_event(rng, t) if rng.random() < _DENSE_MICRO else macro_event(rng, t)
        if event.offset_s < seconds - 0.2:
            events.append(event)
        t = event.offset_s + float(rng.uniform(0.3, 1.4))
    pulses = [p for e in events for p in pulses_of(e, rng)]
    pulses += distractors.random_blinks(streams[1], seconds)[1]
    if rng.random() < _DENSE_SPEECH:
        start = float(rng.uniform(0.0, seconds - 3.0))
        pulses += distractors.random_speech(rng, start, start + float(rng.uniform(1.0, 3.0)))[1]
    head, _ = distractors.random_head(streams[2], seconds, 4.0)
    gaze, _ = distractors.random_gaze(streams[3], seconds, head.turns)
    light, _ = distractors.random_lighting(streams[4], seconds)
    times_ns = np.round(np.arange(int(seconds * fps)) * (1e9 / fps)).astype(np.int64)
    t_s = times_ns / 1e9
    degrees, mm = head.at(t_s)
    gaze_deg = gaze.at(t_s, degrees)
    return FaceSequence(
        seed=seed,
        kind="long",
        fps=fps,
        seconds=seconds,
        times_ns=times_ns,
        shapes=shapes_at(pulses, t_s, gaze_deg),
        gaze_deg=gaze_deg.astype(np.float32),
        head_deg=degrees.astype(np.float32),
        head_mm=mm.astype(np.float32),
        light=light.at(t_s).astype(np.float32),
        events=tuple(events),
    )


def dense_examples(people: Sequence[Performer], clips: int, seed: int) -> Iterator[Examples]:
    """Examples of so many dense clips; the same seed gives the same ones."""
    for k in range(clips):
        rng = np.random.default_rng([seed, k, 7])
        fps = float(rng.choice(RATES))
        sequence = dense_sequence(1_000_000 * seed + k, fps)
        moves = observe(people[int(rng.integers(len(people)))], sequence, rng, pixels=bool(rng.random() < 0.85))
        grid = to_grid(moves, fps)
        if grid is not None:
            yield examples_of(sequence, grid)


def joined(parts: Sequence[Examples]) -> Examples:
    """All in one."""
    return Examples(
        np.concatenate([p.rows for p in parts]),
        np.concatenate([p.kinds for p in parts]),
        np.concatenate([p.units for p in parts]),
        np.concatenate([p.emotions for p in parts]),
    )


def mirrored(data: Examples) -> Examples:
    """The same of the mirrored face: the features are those of both sides together, the places change sides."""
    regions, schema, own = load_regions(), load_schema("facs"), len(feature_names())
    shape = data.rows[:, own:].reshape(len(data.rows), -1, 2)[:, regions.mirror] * np.array([-1, 1], dtype=np.float32)
    rows = np.concatenate([data.rows[:, :own], shape.reshape(len(data.rows), -1)], axis=1)
    return Examples(rows, data.kinds, data.units[:, schema.mirror], data.emotions)


def train(data: Examples, steps: int = 1500, batch: int = 256, seed: int = 1) -> SpotterMlp:
    """Fit the network: cross-entropy of the kinds (expressions weighted up), of the units and of the emotion."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    data = joined([data, mirrored(data)])
    net = SpotterMlp()
    rows = torch.from_numpy(data.rows)
    net.fit_scale(rows)
    kinds, emotions = torch.from_numpy(data.kinds), torch.from_numpy(data.emotions)
    units = torch.from_numpy(data.units)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    chance = torch.where(kinds > 0, 3.0, 1.0)
    generator = torch.Generator().manual_seed(seed)
    net.train()
    for _ in range(steps):
        pick = torch.multinomial(chance, batch, replacement=True, generator=generator)
        # The sampling favours expressions threefold; the weights take that back, so that probabilities stay true.
        k_logits, u_logits, e_logits = net.logits(rows[pick])
        loss = (F.cross_entropy(k_logits, kinds[pick], reduction="none") / chance[pick]).sum() / (
            1 / chance[pick]
        ).sum()
        real = kinds[pick] > 0
        if real.any():
            loss = loss + F.binary_cross_entropy_with_logits(u_logits[real], units[pick][real])
        named = emotions[pick] >= 0
        if named.any():
            loss = loss + 0.3 * F.cross_entropy(e_logits[named], emotions[pick][named])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return net.eval()


def main(arguments: list[str] | None = None) -> None:
    """Command line of the module."""
    from mien.lab.train.micro_spotter_card import write

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", action="append", default=[], metavar="NAME:FOLDER", help="ict:…, makehuman:…, valid:…")
    parser.add_argument("--people", type=int, default=12, help="persons of each rig")
    parser.add_argument("--clips", type=int, default=300, help="of either kind: as in videos, and dense")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=Path, help="keep the examples in this .npz, or use those that are there")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    given = parser.parse_args(arguments)
    data = _kept(given)
    net = train(data, given.steps, seed=given.seed)
    write(net, given.out, data, [r.partition(":")[0] for r in given.rig])


def _kept(given: argparse.Namespace) -> Examples:
    if given.examples is not None and given.examples.is_file():
        with np.load(given.examples, allow_pickle=False) as z:
            return Examples(z["rows"], z["kinds"], z["units"], z["emotions"])
    rigs = [(name, Path(folder)) for name, _, folder in (r.partition(":") for r in given.rig)]
    people = performers(rigs, given.people)
    data = joined(
        [
            *random_examples(people, given.clips, given.seed),
            *dense_examples(people, given.clips, given.seed),
        ]
    )
    if given.examples is not None:
        np.savez_compressed(given.examples, rows=data.rows, kinds=data.kinds, units=data.units, emotions=data.emotions)
    return data


if __name__ == "__main__":
    main()
