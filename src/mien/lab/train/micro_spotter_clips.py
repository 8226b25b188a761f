"""Clips to train and to measure the micro-expression spotter on: movement that was made, not drawn.

Each clip: a person of a rig performs a sequence with all its distractors; `synth.faint_movement` reports what flow
would say of it, and `micro.signals` filters that as at run time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.errors import ConfigError
from mien.lab.rigs.catalogue import NAMES, load_rig
from mien.lab.synth import distractors
from mien.lab.synth.expression_events import Event, macro_event, micro_event, pulses_of
from mien.lab.synth.faint_movement import Performer, observe
from mien.lab.synth.sequence import FaceSequence, Moving, random_sequence, sampled
from mien.micro.grid import Grid, to_grid
from mien.micro.signals import STEP_S, STRIDE, signals_of

RATES = (25.0, 30.0, 30.0, 60.0, 60.0, 100.0, 200.0, 200.0)
_KINDS = (("micro", 0.4), ("macro", 0.12), ("long", 0.33), ("neutral", 0.15))
_SECONDS = (5.0, 14.0)
_DENSE_MICRO, _DENSE_SPEECH = 0.7, 0.35
PIXELS, _DENSE_PIXELS = 0.8, 0.85
"""Share of clips that are seen by flow; the others by landmarks alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """What the network sees of a clip, and the truth.

    Attributes:
        rows: (M, width()) float16, as `Signals.rows`.
        expressions: micro- and macro-expressions, in seconds.
        seconds: length.
        start_s: time of the first row.
    """

    rows: npt.NDArray[np.float16]
    expressions: tuple[Event, ...]
    seconds: float
    start_s: float

    @classmethod
    def of(cls, sequence: FaceSequence, grid: Grid) -> Clip:
        """A sequence as its grid shows it."""
        rows = signals_of(grid).rows.astype(np.float16)
        return cls(rows, sequence.expressions, sequence.seconds, int(grid.t_ns[0]) / 1e9)

    @property
    def times_s(self) -> npt.NDArray[np.float64]:
        """(M,) of the rows."""
        return np.asarray(self.start_s + np.arange(len(self.rows)) * (STRIDE * STEP_S))


def named_rigs(texts: Sequence[str]) -> list[tuple[str, Path | None]]:
    """(name, folder) of "NAME:FOLDER" each; "builtin" needs no folder.

    Raises:
        ConfigError: there is none, no such rig, or its folder is not named.
    """
    if not texts:
        raise ConfigError("--rig: name at least one whose people perform, as in --rig ict:FOLDER")
    rigs = []
    for name, _, folder in (text.partition(":") for text in texts):
        if name not in NAMES:
            raise ConfigError(f"--rig {name}: there is no such rig; choose one of {', '.join(NAMES)}")
        if name != "builtin" and not folder:
            raise ConfigError(f"--rig {name}: name the folder that holds its files, as in --rig {name}:FOLDER")
        rigs.append((name, Path(folder) if folder else None))
    return rigs


def performers(rigs: Sequence[tuple[str, Path | None]], each: int, first: int = 0) -> list[Performer]:
    """`each` persons of every rig, from number `first` on. Who a number is depends on the rig's place in the list: the
    same list gives the same people, another order others."""
    out = []
    for number, (name, folder) in enumerate(rigs):
        rig = load_rig(name, folder)
        out += [Performer.of(rig, np.random.default_rng([number, k])) for k in range(first, first + each)]
    return out


def other_performers(
    rigs: Sequence[tuple[str, Path | None]], each: int, first: int, known: Sequence[Performer]
) -> list[Performer]:
    """`performers` without those who are known by name: a rig of few people draws one of them again.

    Raises:
        ConfigError: nobody is left.
    """
    names = {p.name for p in known}
    if not (out := [p for p in performers(rigs, each, first) if p.name not in names]):
        raise ConfigError("everybody of the rigs whom the sureness would be fitted on was trained on: fewer --people")
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Who does what, and the dice that draw camera and errors."""

    performer: Performer
    sequence: FaceSequence
    pixels: bool
    rng: np.random.Generator

    def grid(self) -> Grid | None:
        """Its movement as flow (or landmarks) would report it. To be asked once: the dice go on."""
        return to_grid(observe(self.performer, self.sequence, self.rng, pixels=self.pixels), self.sequence.fps)


def random_scenes(people: Sequence[Performer], clips: int, seed: int, rate: float | None = None) -> Iterator[Scene]:
    """Scenes with the rates of real videos; the same seed gives the same ones.

    Args:
        people: who performs, at random.
        clips: how many.
        seed: of the dice.
        rate: frames per second, all seen by flow; None = `RATES`, some by landmarks alone.
    """
    names, shares = [n for n, _ in _KINDS], [s for _, s in _KINDS]
    for k in range(clips):
        rng = np.random.default_rng([seed, k])
        kind = str(rng.choice(names, p=shares))
        seconds = float(rng.uniform(*_SECONDS)) * (2.0 if kind == "long" else 1.0)
        fps = float(rng.choice(RATES))
        sequence = random_sequence(1_000_000 * seed + k, kind, fps=rate or fps, seconds=seconds)
        who = people[int(rng.integers(len(people)))]
        yield Scene(who, sequence, bool(rng.random() < PIXELS) or rate is not None, rng)


def dense_scenes(people: Sequence[Performer], clips: int, seed: int) -> Iterator[Scene]:
    """Scenes of `dense_sequence`; the same seed gives the same ones."""
    for k in range(clips):
        rng = np.random.default_rng([seed, k, 7])
        sequence = dense_sequence(1_000_000 * seed + k, float(rng.choice(RATES)))
        who = people[int(rng.integers(len(people)))]
        yield Scene(who, sequence, bool(rng.random() < _DENSE_PIXELS), rng)


def scenes_to_learn(people: Sequence[Performer], clips: int, dense: int, seeds: Sequence[int]) -> Iterator[Scene]:
    """`clips` scenes with the rates of real videos of each seed, then `dense` of one expression after another."""
    for seed in seeds:
        yield from random_scenes(people, clips, seed)
    for seed in seeds:
        yield from dense_scenes(people, dense, seed)


def clips_of(scenes: Iterator[Scene]) -> Iterator[Clip]:
    """Scenes as the network sees them."""
    for scene in scenes:
        grid = scene.grid()
        if grid is not None:
            yield Clip.of(scene.sequence, grid)


def dense_sequence(seed: int, fps: float, seconds: float = 12.0) -> FaceSequence:
    """Expressions one after another with all distractors: many times as many examples in a second as a real video has.

    What is learned from it expects too many expressions: the threshold must be chosen on `random_scenes`.
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
    return sampled((seed, "long", fps, seconds), int(seconds * fps), Moving(pulses, head, gaze, light.at), events)
