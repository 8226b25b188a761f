"""`random_sequence`: one integer in, what a face does over time out; frames only by sampling.

    clip = random_sequence(7, "micro", fps=200.0)
    clip.times_ns, clip.shapes, clip.events

Everything is a function of time in seconds first. The same seed, kind and length at 25, 30 or 200 fps is the same
movement looked at more or less often. Pictures: `render_sequence`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from mien.action_units.visibility import look_shapes
from mien.animate.idle import Gazing, Head
from mien.animate.motion import Pulse, weights
from mien.animate.timing import rate
from mien.core.arrays import Float32, Float64, Int64
from mien.core.measures import Gaze
from mien.core.schema import load_schema
from mien.lab.synth import distractors
from mien.lab.synth.expression_events import Event, macro_event, micro_event, pulses_of
from mien.lab.synth.expressions import EXCLUSIVE

KINDS = ("micro", "macro", "long", "neutral")
"""micro: one micro-expression. macro: one macro-expression, half of them prototypes or compounds with their class.
long: a video with macro- and micro-expressions at the rates of real long videos. neutral: distractors only."""
EXPRESSIONS = ("micro", "macro")
"""Kinds of events that are expressions; all others are distractors."""
FPS = (5.0, 1000.0)
_SECONDS = (1.0, 3600.0)
_STREAMS = ("expressions", "blinks", "gaze", "head", "speech", "light", "length")
_LENGTH_S = {"long": (30.0, 90.0), "neutral": (1.0, 4.0)}
_TURNS_PER_MINUTE = {"micro": 2.0, "macro": 4.0, "long": 3.0, "neutral": 8.0}
_SPEECH = {"micro": 0.04, "macro": 0.12, "long": 0.35, "neutral": 0.3}
"""Chance that there is speech at all."""
_APART_S = 0.1
"""Least time between two expressions."""
_WARM_UP_S = 120.0
"""So long before a long video bouts begin already, so that its start is as lively as its end."""


class Moving(NamedTuple):
    """What moves in a sequence, as functions of time; `light`: seconds → factor on all light, None = it stays 1."""

    pulses: list[Pulse]
    head: Head
    gaze: Gazing
    light: Callable[[Float64], Float64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FaceSequence:
    """What a face does, frame by frame.

    Attributes:
        seed, kind, fps: it was made from.
        seconds: length.
        times_ns: (T,) int64 from 0, the nearest nanosecond to k / fps.
        shapes: (T, 52) float32 schema "arkit52", with the eyeLook* weights of the gaze.
        gaze_deg: (T, 2, 2) float32: (yaw, pitch) of the left and the right eye, head frame.
        head_deg: (T, 3) float32: yaw, pitch, roll, to be added to those of the view.
        head_mm: (T, 3) float32: how far the middle of the face has moved, camera frame.
        light: (T,) float32 factor on all light.
        events: by onset; expressions and distractors. Some may reach over the ends.
    """

    seed: int
    kind: str
    fps: float
    seconds: float
    times_ns: Int64
    shapes: Float32
    gaze_deg: Float32
    head_deg: Float32
    head_mm: Float32
    light: Float32
    events: tuple[Event, ...]

    def __len__(self) -> int:
        return len(self.times_ns)

    @property
    def expressions(self) -> tuple[Event, ...]:
        """The micro- and macro-expressions."""
        return tuple(e for e in self.events if e.kind in EXPRESSIONS)

    def frames_of(self, event: Event) -> tuple[int, int, int]:
        """Frames nearest to the onset, apex and offset of an event, within the sequence."""
        times = np.array([event.onset_s, event.apex_s, event.offset_s])
        onset, apex, offset = np.clip(np.round(times * self.fps), 0, len(self) - 1).astype(int)
        return int(onset), int(apex), int(offset)

    def events_at(self, frame: int) -> tuple[Event, ...]:
        """The expressions that are under way in a frame."""
        t = self.times_ns[frame] / 1e9
        return tuple(e for e in self.expressions if e.onset_s <= t <= e.offset_s)


def random_sequence(
    seed: int, kind: str = "micro", fps: float = 200.0, seconds: float | None = None, emotion: str | None = None
) -> FaceSequence:
    """Make a sequence; the same arguments give the same numbers, and another `fps` the same movement.

    Args:
        seed: 0 or more.
        kind: out of `KINDS`.
        fps: 5 to 1000.
        seconds: length, 1 to 3600; None = chosen by the seed to fit. "micro" and "macro" get their event whole: a
            length it does not fit into is made longer.
        emotion: of the micro-expression of kind "micro"; None = as often as they occur.

    Raises:
        ValueError: an argument is outside its range.
    """
    if seed < 0 or kind not in KINDS or not FPS[0] <= fps <= FPS[1]:
        raise ValueError(
            f"random_sequence: expected seed ≥ 0, kind out of {KINDS}, fps in {FPS}; got {seed}, {kind!r}, {fps}"
        )
    if seconds is not None and not _SECONDS[0] <= seconds <= _SECONDS[1]:
        raise ValueError(f"random_sequence: seconds must be in {_SECONDS}, got {seconds}")
    streams = {name: np.random.default_rng([seed, KINDS.index(kind), i]) for i, name in enumerate(_STREAMS)}
    if kind in _LENGTH_S:
        length = seconds or float(streams["length"].uniform(*_LENGTH_S[kind]))
        expressions = _long_events(streams["expressions"], length) if kind == "long" else []
    else:
        event, length = _one_event(streams, kind, seconds, emotion)
        expressions = [event]
    pulses = [p for e in expressions for p in pulses_of(e, streams["expressions"])]
    blinks, more = distractors.random_blinks(streams["blinks"], length)
    pulses += more
    speech, more = _speech(streams["speech"], kind, length)
    pulses += more
    head, turns = distractors.random_head(streams["head"], length, _TURNS_PER_MINUTE[kind])
    gaze, shifts = distractors.random_gaze(streams["gaze"], length, head.turns)
    light, changes = distractors.random_lighting(streams["light"], length)

    events = sorted([*expressions, *blinks, *speech, *turns, *shifts, *changes], key=lambda e: e.onset_s)
    return sampled(
        (seed, kind, float(fps), length),
        int(np.ceil(length * fps - 1e-9)),
        Moving(pulses, head, gaze, light.at),
        [e for e in events if e.onset_s < length and e.offset_s > 0],
    )


def sampled(facts: tuple[int, str, float, float], frames: int, moving: Moving, events: Sequence[Event]) -> FaceSequence:
    """What moves, read at the times of the frames.

    Args:
        facts: `seed`, `kind`, `fps` and `seconds` of the sequence.
        frames: how many.
        moving: curves of time.
        events: by onset.
    """
    seed, kind, fps, seconds = facts
    times_ns = np.round(np.arange(frames) * (1e9 / fps)).astype(np.int64)
    t_s: Float64 = times_ns / 1e9
    degrees, mm = moving.head.at(t_s)
    gaze_deg = moving.gaze.at(t_s, degrees)
    light = np.ones(frames) if moving.light is None else moving.light(t_s)
    return FaceSequence(
        seed=seed,
        kind=kind,
        fps=fps,
        seconds=seconds,
        times_ns=times_ns,
        shapes=shapes_at(moving.pulses, t_s, gaze_deg),
        gaze_deg=gaze_deg.astype(np.float32),
        head_deg=degrees.astype(np.float32),
        head_mm=mm.astype(np.float32),
        light=light.astype(np.float32),
        events=tuple(events),
    )


def _one_event(
    streams: dict[str, np.random.Generator], kind: str, seconds: float | None, emotion: str | None
) -> tuple[Event, float]:
    """The expression of a clip and the clip's length."""
    rng = streams["expressions"]
    before, after = streams["length"].uniform(0.3, 0.8, 2)
    onset = float(before)
    prototype = bool(streams["length"].random() < 0.5)
    if seconds is not None:  # somewhere in it, by the same dice
        onset = float(0.1 + streams["length"].random() * max(0.0, seconds - 1.0))
    event = micro_event(rng, onset, emotion) if kind == "micro" else macro_event(rng, onset, prototype)
    if seconds is None:
        return event, max(_SECONDS[0], event.offset_s + float(after))
    return event, max(seconds, event.offset_s + 0.1)


def _long_events(rng: np.random.Generator, seconds: float) -> list[Event]:
    """Bouts of expressions that do not overlap; see `timing.Rate`. None starts in the first half second.

    One that would overlap waits until the other is over, so that rates stay as they are fitted.
    """
    out: list[Event] = []
    for kind in ("macro", "micro"):
        how = rate(kind)
        start = float(rng.exponential(60.0 / how.bouts_per_minute)) - _WARM_UP_S
        while start < seconds:
            t = start
            while True:
                event = micro_event(rng, t) if kind == "micro" else macro_event(rng, t)
                event = _after(event, out)
                out.append(event)
                if rng.random() >= how.again:
                    break
                t = event.offset_s + how.draw_gap(rng)
            start += float(rng.exponential(60.0 / how.bouts_per_minute))
    return sorted((e for e in out if e.onset_s >= 0.5 and e.offset_s < seconds), key=lambda e: e.onset_s)


def _after(event: Event, others: list[Event]) -> Event:
    """The event, moved behind whatever it is within a tenth of a second of."""
    for other in sorted(others, key=lambda e: e.onset_s):
        if other.onset_s - _APART_S < event.offset_s and event.onset_s < other.offset_s + _APART_S:
            late = other.offset_s + _APART_S - event.onset_s
            times = (event.onset_s + late, event.apex_s + late, event.offset_s + late)
            event = replace(event, onset_s=times[0], apex_s=times[1], offset_s=times[2])
    return event


def _speech(rng: np.random.Generator, kind: str, seconds: float) -> tuple[list[Event], list[Pulse]]:
    events: list[Event] = []
    pulses: list[Pulse] = []
    if rng.random() < _SPEECH[kind]:
        t = float(rng.uniform(0.0, 0.5)) if kind != "long" else float(rng.exponential(10.0))
        while t < seconds - 0.6:
            event, more = distractors.random_speech(rng, t, min(seconds, t + float(rng.uniform(0.8, 4.0))))
            events.append(event)
            pulses += more
            t = event.offset_s + float(rng.exponential(12.0)) + 0.5
    return events, pulses


def shapes_at(pulses: list[Pulse], t_s: Float64, gaze_deg: Float64) -> Float32:
    """(T, 52): what opposites have in common is taken from both, which never jumps."""
    schema = load_schema("arkit52")
    out = weights(pulses, t_s, len(schema))
    for one, other in EXCLUSIVE:
        i, j = schema.index(one), schema.index(other)
        common = np.minimum(out[:, i], out[:, j])
        out[:, i] -= common
        out[:, j] -= common
    for row, both in zip(out, gaze_deg, strict=True):
        looks, _ = look_shapes(Gaze(*np.array([*both, (1.0, 1.0)], np.float32)))
        row[np.isfinite(looks)] = looks[np.isfinite(looks)]
    return np.clip(out, 0.0, 1.0).astype(np.float32)
