"""Spotting on made movement of a rig that was not trained on, recall by how far a movement stands out of the noise, and
what is read of those found (`micro_reading`).

    python -m mien.lab.evaluate.micro_spotting --rig builtin --rate 200 --clips 120

The threshold was chosen on the validation clips, people 40 to 42 of every rig that was trained on (numbered by the
place of the rig in the list), with the rates of real videos:

    python -m mien.lab.evaluate.micro_spotting --rig ict:DIR --rig makehuman:DIR --rig valid:DIR \\
        --first 40 --seed 501 --clips 90 --rate mixed --threshold 0.3 0.35 0.4 0.45 0.5 0.55 0.6

Challenge rules: one-to-one, overlap (intersection over union) of 0.5 or more, within the kind. A micro-expression's
strength is the largest displacement that it alone adds to a region, in noises of that region: the same scene is made
twice with the same errors, once without its micro-expressions.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from mien.core.arrays import Float64
from mien.errors import ConfigError
from mien.lab.evaluate.micro_reading import Reading, report
from mien.lab.metrics.intervals import Interval, match_videos, spotting_f1
from mien.lab.metrics.spans import matched
from mien.lab.render.prototypes import shapes_of
from mien.lab.synth.expression_events import SHOWN, Event
from mien.lab.synth.sequence import FaceSequence
from mien.lab.train.micro_spotter_clips import Scene, named_rigs, performers, random_scenes
from mien.micro.decision import MODEL, Decision
from mien.micro.grid import Grid
from mien.micro.signals import STEP_S, signals_of
from mien.micro.spotter import Spotted, judge
from mien.micro.threshold import FLOOR, THRESHOLD, checked

STRENGTHS = (0.0, 2.0, 4.0, 8.0, 16.0, np.inf)
"""Edges of the curve, in noises."""


@dataclass(frozen=True, slots=True)
class TrueMicro:
    """A true micro-expression.

    Attributes:
        span_s: onset, apex, offset.
        strength: noises.
        amplitude: % of the eye distance, as flow shows it.
        units: entries of schema "facs" that take part.
        emotion: as the datasets name it.
    """

    span_s: tuple[float, float, float]
    strength: float
    amplitude: float
    units: frozenset[str] = frozenset()
    emotion: str = "others"


@dataclass(slots=True)
class Looked:
    """A clip with what is true and everything that was found from `FLOOR` on.

    Attributes:
        seconds: length.
        micro: true micro-expressions.
        macro: (onset, offset) of true macro-expressions, s.
        found: by onset.
    """

    seconds: float
    micro: list[TrueMicro]
    macro: list[tuple[float, float]]
    found: list[Spotted] = field(default_factory=list)


def without_micro(sequence: FaceSequence) -> FaceSequence:
    """The same without its micro-expressions: their shapes run straight from onset to offset."""
    shapes = sequence.shapes.copy()
    for event in (e for e in sequence.events if e.kind == "micro"):
        own = sorted({s for entry in event.units for s in shapes_of(entry)})
        first = max(0, int(np.floor(event.onset_s * sequence.fps)))
        last = min(len(sequence) - 1, int(np.ceil(event.offset_s * sequence.fps)))
        share = np.linspace(0.0, 1.0, last - first + 1)[:, None]
        ends = sequence.shapes[[first, last]][:, own]
        shapes[first : last + 1, own] = (1 - share) * ends[0] + share * ends[1]
    return replace(sequence, shapes=shapes)


def look(scene: Scene, decision: Decision) -> Looked | None:
    """Judge a scene; None if it is too short for a grid.

    Raises:
        ConfigError: its twin without micro-expressions is too short: how far they stand out cannot be said, and left
            out they would be missing from the score.
    """
    dice = copy.deepcopy(scene.rng)
    grid = scene.grid()
    if grid is None:
        return None
    events = [e for e in scene.sequence.expressions if e.kind == "micro"]
    true = []
    if events:
        quiet = replace(scene, sequence=without_micro(scene.sequence), rng=dice).grid()
        if quiet is None:
            raise ConfigError(f"clip {scene.sequence.seed}: without its micro-expressions it is too short to look at")
        true = [_true(grid, quiet, e) for e in events]
    macro = [(e.onset_s, e.offset_s) for e in scene.sequence.expressions if e.kind == "macro"]
    return Looked(scene.sequence.seconds, true, macro, judge(grid, decision, 0, FLOOR))


def _true(grid: Grid, quiet: Grid, event: Event) -> TrueMicro:
    moved, rest = signals_of(grid), signals_of(quiet)
    start = int(grid.t_ns[0]) / 1e9
    first, last = (int(np.clip((s - start) / STEP_S, 0, len(grid) - 1)) for s in (event.onset_s, event.offset_s))
    rows = slice(first, last + 1)
    strength = np.linalg.norm(moved.short[rows] - rest.short[rows], axis=2) / rest.noise
    amplitude = 100 * np.linalg.norm(grid.regions[rows] - quiet.regions[rows], axis=2).max()
    units = frozenset(name for name, level in event.units.items() if level > SHOWN)
    times = (event.onset_s, event.apex_s, event.offset_s)
    return TrueMicro(times, float(strength.max()), float(amplitude), units, event.emotion or "others")


def _interval(kind: str, onset_s: float, offset_s: float, score: float = 0.0) -> Interval:
    return Interval(round(1000 * onset_s), round(1000 * offset_s), kind, score=score)


def table(looked: Sequence[Looked], thresholds: Iterable[float]) -> str:
    """F1 of both kinds, false micro per minute and errors of the times at each threshold, as Markdown."""
    head = "threshold | micro F1 | found, false, missed | macro F1 | false micro per minute | median error, ms"
    lines = [f"| {head} |", "|---" * 6 + "|"]
    minutes = sum(c.seconds for c in looked) / 60
    truth = {
        str(k): [_interval("micro", m.span_s[0], m.span_s[2]) for m in c.micro]
        + [_interval("macro", *m) for m in c.macro]
        for k, c in enumerate(looked)
    }
    for threshold in thresholds:
        found = {str(k): [_of(s) for s in c.found if s.event.confidence >= threshold] for k, c in enumerate(looked)}
        parts = spotting_f1(truth, found).parts
        pairs = match_videos(_micro(truth), _micro(found))
        hits = sum(m.truth is not None and m.found is not None for m in pairs)
        false, missed = (sum(getattr(m, part) is None for m in pairs) for part in ("truth", "found"))
        errors = np.median(np.abs(errors_ms(looked, threshold)), axis=0) if hits else np.full(3, np.nan)
        scores = [f"{parts[kind].value:.2f}" if kind in parts else "–" for kind in ("micro", "macro")]
        cells = [f"{threshold:g}", scores[0], f"{hits}, {false}, {missed}", scores[1], f"{false / minutes:.2f}"]
        lines.append(f"| {' | '.join([*cells, ', '.join(f'{e:.0f}' for e in errors)])} |")
    return "\n".join([f"{len(looked)} clips, {minutes:.1f} minutes\n", *lines])


def _micro(videos: Mapping[str, list[Interval]]) -> dict[str, list[Interval]]:
    return {name: [i for i in own if i.kind == "micro"] for name, own in videos.items()}


def _of(spotted: Spotted) -> Interval:
    event = spotted.event
    return _interval(event.kind, event.onset_ns / 1e9, event.offset_ns / 1e9, event.confidence)


def _hits(clip: Looked, threshold: float) -> list[tuple[Spotted, TrueMicro]]:
    found = [s for s in clip.found if s.event.kind == "micro" and s.event.confidence >= threshold]
    spans = [(s.event.onset_ns / 1e9, s.event.offset_ns / 1e9) for s in found]
    pairs = matched(spans, [(m.span_s[0], m.span_s[2]) for m in clip.micro])
    return [(found[i], clip.micro[j]) for i, j in pairs.items()]


def errors_ms(looked: Sequence[Looked], threshold: float) -> Float64:
    """(H, 3) onset, apex, offset minus the true ones, ms, of the micro-expressions found."""
    hits = [hit for clip in looked for hit in _hits(clip, threshold)]
    times = [(s.event.onset_ns, s.event.apex_ns, s.event.offset_ns) for s, _ in hits]
    true = np.array([m.span_s for _, m in hits], dtype=np.float64).reshape(-1, 3)
    return np.asarray(np.array(times, dtype=np.float64).reshape(-1, 3) / 1e6 - 1000 * true)


def readings(looked: Sequence[Looked], threshold: float) -> list[Reading]:
    """Of the micro-expressions found, what was read and what is true."""
    return [Reading(s, m.units, m.emotion) for clip in looked for s, m in _hits(clip, threshold)]


def curve(looked: Sequence[Looked], threshold: float) -> str:
    """Recall of micro-expressions by strength, as Markdown."""
    found = {id(m) for clip in looked for _, m in _hits(clip, threshold)}
    every = [m for clip in looked for m in clip.micro]
    lines = ["| strength, noises | found | median amplitude, % |", "|---|---|---|"]
    for low, high in pairwise(STRENGTHS):
        own = [m for m in every if low <= m.strength < high]
        size = f"{np.median([m.amplitude for m in own]):.2f}" if own else "–"
        upper = f"–{high:g}" if np.isfinite(high) else " and more"
        lines.append(f"| {low:g}{upper} | {sum(id(m) in found for m in own)} of {len(own)} | {size} |")
    return "\n".join(lines)


def _rate(text: str) -> float | None:
    return None if text == "mixed" else float(text)


def main(arguments: list[str] | None = None) -> None:
    """Command line of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", action="append", metavar="NAME[:FOLDER]", help="builtin (default), ict:FOLDER …")
    parser.add_argument("--people", type=int, default=3, help="persons of each rig")
    parser.add_argument("--first", type=int, default=0, help="number of the first person")
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--rate", type=_rate, default=200.0, help="frames per second, or mixed: those of real videos")
    parser.add_argument("--seed", type=int, default=911)
    parser.add_argument("--model", default=MODEL, help="name of a shipped model, or a folder")
    parser.add_argument("--threshold", type=float, nargs="+", default=[THRESHOLD])
    given = parser.parse_args(arguments)
    thresholds = [checked(t) for t in given.threshold]
    people = performers(named_rigs(given.rig or ["builtin"]), given.people, given.first)
    decision = Decision(given.model)
    scenes = random_scenes(people, given.clips, given.seed, given.rate)
    looked = [one for scene in scenes if (one := look(scene, decision)) is not None]
    decision.close()
    print(table(looked, thresholds))  # noqa: T201  a command's answer
    print(curve(looked, thresholds[0]), report(readings(looked, thresholds[0])), sep="\n\n")  # noqa: T201


if __name__ == "__main__":
    main()
