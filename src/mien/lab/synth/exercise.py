"""`exercise`: everything a face can do, once each, in an order of its own: the known curves of the synthetic loop.

Unlike `random_sequence`, which moves as people do, it leaves no shape out: what a capture never follows is dead, not
merely rare. First the face is calm, so that a neutral can be learned; the last gestures come with the head turned away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from mien.animate.idle import Gazing, Head
from mien.animate.motion import Drift, Pulse, Step
from mien.core.schema import load_schema
from mien.lab.synth import distractors
from mien.lab.synth.expression_events import Event
from mien.lab.synth.expressions import EXCLUSIVE
from mien.lab.synth.sequence import FPS, FaceSequence, Moving, sampled

CALM_S = 2.0
"""Neutral at the start."""
_APART_S = (0.5, 0.75)
"""From one gesture to the next; a gesture lasts about 1.3 s, so that two or three are under way."""
_RISE_S, _FALL_S = (0.25, 0.5), (0.4, 0.8)
_ONE_SIDED = 4
"""So many gestures come once more, on one side."""
_NEIGHBOURS = 3
"""So many gestures may still be under way when the next one begins: none of them excludes it."""
_TURNED = 0.15
"""Share of the clip, at its end, in which the head is turned away."""
_FAR_DEG = (32.0, 46.0)
SIDED = (
    *("eyeBlink", "eyeWide", "eyeSquint", "browDown", "browOuterUp", "cheekSquint", "noseSneer", "mouthSmile"),
    *("mouthFrown", "mouthDimple", "mouthStretch", "mouthPress", "mouthLowerDown", "mouthUpperUp"),
)
TOGETHER: tuple[Mapping[str, float], ...] = (
    *({n: 1.0} for n in ("browInnerUp", "cheekPuff", "jawOpen", "jawForward", "jawLeft", "jawRight")),
    *({n: 1.0} for n in ("mouthLeft", "mouthRight", "mouthFunnel", "mouthPucker", "mouthRollLower")),
    *({n: 1.0} for n in ("mouthRollUpper", "mouthShrugLower", "mouthShrugUpper")),
    {"mouthRollLower": 1.0, "mouthRollUpper": 1.0},
    {"jawOpen": 0.7, "mouthClose": 0.7},
    {"jawOpen": 0.5, "tongueOut": 1.0},
    {"mouthSmile": 0.9, "cheekSquint": 0.8, "eyeSquint": 0.5, "mouthUpperUp": 0.3},
    {"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.8, "jawOpen": 0.5},
    {"browDown": 0.9, "noseSneer": 0.7, "eyeSquint": 0.5},
)
_LOOKS = ((22.0, 0.0), (-22.0, 0.0), (0.0, 16.0), (0.0, -16.0))
"""Yaw and pitch that the eyes go to in turn, degrees."""
_NOTHING: Mapping[str, float] = MappingProxyType({})


def exercise(seed: int, fps: float = 15.0) -> FaceSequence:
    """A sequence of kind "exercise", about 27 s long; the same seed at another `fps` is the same movement.

    Raises:
        ValueError: an argument is outside its range.
    """
    rng = _stream(seed, fps, 1)
    pulses: list[Pulse] = []
    events: list[Event] = []
    t = CALM_S
    for wanted, wait_s in _in_some_order(rng):
        t += wait_s
        apex = t + float(rng.uniform(*_RISE_S))
        times = (t, apex, apex + 0.3 + float(rng.uniform(*_FALL_S)))
        pulses += _gesture(wanted, float(rng.uniform(0.6, 1.0)), times)
        events.append(Event("gesture", *times, _NOTHING))
        t += float(rng.uniform(*_APART_S))
    seconds = t + 1.5
    blinks, more = distractors.random_blinks(rng, seconds)
    away = (1 - _TURNED) * seconds
    far = float(rng.choice([-1.0, 1.0]) * rng.uniform(*_FAR_DEG))
    turn = (Step(away, 0.6, (far, 0.0, 0.0)), Step(seconds - 1.0, 0.6, (-far, 0.0, 0.0)))
    head, turns = distractors.random_head(rng, away, 5.0)
    moved = Head(head.drift, (*(s for s in head.turns if s.start_s + s.length_s < away), *turn))
    looking = Gazing((0.0, 0.0), _looks(rng, seconds), 1.0)
    return _sampled("exercise", (seed, fps, seconds), [*pulses, *more], (moved, looking), [*events, *blinks, *turns])


def performed(
    seed: int, steps: Sequence[tuple[Mapping[str, float], float]], fps: float = 15.0, times: int = 2
) -> FaceSequence:
    """A sequence of kind "guided": one gesture after another, as somebody does what a guide asks for.

    Args:
        seed: how exactly it is done: sizes 0.85–1 of what is asked, moments, drift of the head.
        steps: what is asked (name of a shape or of a pair without its side → weight; nothing = rest), and for how many
            seconds.
        fps: frame rate.
        times: how often each gesture is done within its step.

    Raises:
        ValueError: an argument is outside its range.
    """
    rng = _stream(seed, fps, 2)
    pulses: list[Pulse] = []
    events: list[Event] = []
    start = 0.0
    for wanted, seconds in steps:
        each = seconds / times
        for k in range(times if wanted else 0):
            on = start + k * each + float(rng.uniform(0.05, 0.15)) * each
            quick = "eyeBlink" in wanted
            rise, fall = (0.1, 0.25) if quick else (0.3 * each, 0.3 * each)
            span = (on, on + rise, on + rise + fall + (0.1 if quick else 0.2 * each))
            pulses += _gesture(wanted, float(rng.uniform(0.85, 1.0)), span)
            events.append(Event("gesture", *span, _NOTHING))
        start += seconds
    still = Head(Drift.random(rng, [0.9, 0.6, 0.5, 1.2, 0.8, 1.6], (0.03, 0.35)), ())
    looking = Gazing((0.0, 0.0), (), 1.0)
    return _sampled("guided", (seed, fps, start), pulses, (still, looking), events)


def _stream(seed: int, fps: float, number: int) -> np.random.Generator:
    if seed < 0 or not FPS[0] <= fps <= FPS[1]:
        raise ValueError(f"exercise: expected seed ≥ 0 and fps in {FPS}; got {seed} and {fps}")
    return np.random.default_rng([seed, 5200 + number])


def _in_some_order(rng: np.random.Generator) -> list[tuple[Mapping[str, float], float]]:
    """Every gesture and the seconds to wait before it, so that none meets another that excludes it."""
    left: list[Mapping[str, float]] = [*({n: 1.0} for n in SIDED), *TOGETHER]
    for name in rng.choice(SIDED, _ONE_SIDED, replace=False):
        left.append({f"{name}{rng.choice(['Left', 'Right'])}": 1.0})
    out: list[tuple[Mapping[str, float], float]] = []
    while left:
        before = [w for w, _ in out[-_NEIGHBOURS:]]
        free = [i for i, w in enumerate(left) if not any(_exclude(w, b) for b in before)]
        chosen = left.pop(int(rng.choice(free or range(len(left)))))
        out.append((chosen, 0.0 if free else _RISE_S[1] + 0.3 + _FALL_S[1]))
    return out


def _exclude(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether a shape of the one and a shape of the other exclude each other."""
    these, those = ({n for w in g for n in _names(w)} for g in (one, other))
    return any((a in these and b in those) or (b in these and a in those) for a, b in EXCLUSIVE)


def _names(name: str) -> list[str]:
    """The shape, or both sides' shapes of a name without its side."""
    return [name] if name in load_schema("arkit52") else [name + "Left", name + "Right"]


def _gesture(wanted: Mapping[str, float], size: float, times: tuple[float, float, float]) -> list[Pulse]:
    """Pulses of all its shapes."""
    index = load_schema("arkit52").index
    return [
        Pulse(index(name), weight * size, *times, hold=0.35) for both, weight in wanted.items() for name in _names(both)
    ]


def _looks(rng: np.random.Generator, seconds: float) -> tuple[Step, ...]:
    """Saccades to all sides and back, twice over."""
    steps = []
    every = seconds / (2 * len(_LOOKS) + 1)
    for k, goal in enumerate([_LOOKS[i] for i in (*rng.permutation(4), *rng.permutation(4))]):
        t = (k + 0.6) * every
        steps.append(Step(t, 0.06, goal))
        steps.append(Step(t + 0.6 * every, 0.06, (-goal[0], -goal[1])))
    return tuple(steps)


def _sampled(
    kind: str,
    how: tuple[int, float, float],
    pulses: list[Pulse],
    moving: tuple[Head, Gazing],
    events: list[Event],
) -> FaceSequence:
    seed, fps, seconds = how
    facts = (seed, kind, float(fps), seconds)
    return sampled(facts, int(np.ceil(seconds * fps)), Moving(pulses, *moving), sorted(events, key=lambda e: e.onset_s))
