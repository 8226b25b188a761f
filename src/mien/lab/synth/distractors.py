"""What faces and cameras do besides expressions: blinks, gaze shifts, head movements, speech, changing light.

Sizes and rates are of the order of the literature named at each part; they are choices, not fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mien.core.arrays import Float64
from mien.core.geometry import rotation_from_euler
from mien.core.schema import load_schema
from mien.lab.synth.expression_events import Event
from mien.lab.synth.motion import Drift, Pulse, Step, positions

_NOTHING: MappingProxyType[str, float] = MappingProxyType({})
_NECK_MM = np.array([0.0, 95.0, 85.0])
"""From where the neck turns to the middle of the face, head frame."""
_LIPS = (
    *(("mouthFunnel",), ("mouthPucker",), ("mouthLowerDownLeft", "mouthLowerDownRight")),
    *(("mouthStretchLeft", "mouthStretchRight"), ("mouthPressLeft", "mouthPressRight"), ("mouthRollLower",)),
    *(("mouthUpperUpLeft", "mouthUpperUpRight"), ("mouthShrugLower",)),
)


@dataclass(frozen=True, slots=True, eq=False)
class Gazing:
    """Where somebody looks, in the room: first place (yaw, pitch degrees), jumps, and half the angle of the eyes."""

    first: tuple[float, float]
    jumps: tuple[Step, ...]
    vergence_deg: float

    def at(self, t_s: Float64, head_deg: Float64) -> Float64:
        """(T, 2, 2) degrees: (yaw, pitch) of the left and the right eye in the head, which turned by (T, 3).

        The eyes hold their target while the head moves (vestibulo-ocular reflex).
        """
        target = positions(self.jumps, t_s, 2) + self.first - head_deg[:, :2]
        inward = np.array([[-self.vergence_deg, 0.0], [self.vergence_deg, 0.0]])
        both = target[:, None] + inward
        return np.asarray(np.clip(both, [-30.0, -25.0], [30.0, 25.0]), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Drift and turns: yaw, pitch, roll in degrees, then x, y, z in mm (camera frame)."""

    drift: Drift
    turns: tuple[Step, ...]

    def at(self, t_s: Float64) -> tuple[Float64, Float64]:
        """(T, 3) degrees and (T, 3) mm of the middle of the face; the head turns about the neck."""
        moved = self.drift.at(t_s)
        degrees = moved[:, :3] + positions(self.turns, t_s, 3)
        rest = rotation_from_euler(0.0, 0.0, 0.0)
        swing = np.array([(rotation_from_euler(*d) - rest) @ _NECK_MM for d in degrees]).reshape(-1, 3)
        return degrees, moved[:, 3:] + swing


@dataclass(frozen=True, slots=True, eq=False)
class Lighting:
    """How bright it is: mains hum seen through a shutter, slow changes, steps.

    Attributes:
        hum_hz, hum, phase, shutter_s: twice the mains frequency, size, phase, exposure time of the camera.
        slow: of the logarithm of the light.
        steps: likewise.
    """

    hum_hz: float
    hum: float
    phase: float
    shutter_s: float
    slow: Drift
    steps: tuple[Step, ...]

    def at(self, t_s: Float64) -> Float64:
        """(T,) factor on all light. A camera that samples the hum sees it aliased, as real ones do."""
        wave = self.hum * np.sinc(self.hum_hz * self.shutter_s) * np.sin(2 * np.pi * self.hum_hz * t_s + self.phase)
        change = self.slow.at(t_s)[:, 0] + positions(self.steps, t_s, 1)[:, 0]
        return np.asarray((1.0 + wave) * np.exp(change), dtype=np.float64)


def random_blinks(rng: np.random.Generator, seconds: float) -> tuple[list[Event], list[Pulse]]:
    """About 17 a minute (Bentivoglio et al. 1997, at rest); 8 % double, 15 % partial; sides differ by a few ms.

    Closing takes 70 to 110 ms, opening about twice as long (VanderWerf et al. 2003).
    """
    index = load_schema("arkit52").index
    events: list[Event] = []
    pulses: list[Pulse] = []
    t = float(rng.uniform(-0.5, 3.5))
    while t < seconds:
        depth = float(rng.uniform(0.35, 0.7)) if rng.random() < 0.15 else float(rng.uniform(0.92, 1.0))
        close, opening, shut = rng.uniform(0.07, 0.11), rng.uniform(0.14, 0.26), rng.uniform(0.05, 0.2)
        end = t + close + opening
        lag, uneven = float(rng.normal(0.0, 0.003)), float(rng.uniform(0.96, 1.0))
        for name, late, size in (("Left", 0.0, 1.0), ("Right", lag, uneven)):
            times = (t + late, t + close + late, end + late)
            pulses.append(Pulse(index("eyeBlink" + name), depth * size, *times, float(shut)))
        level = 5.0 * depth**2
        units = MappingProxyType({"AU45_L": level, "AU45_R": level})
        events.append(Event("blink", t, float(t + close), float(end), units))
        double = rng.random() < 0.08
        t = float(end + (rng.uniform(0.03, 0.2) if double else np.exp(rng.normal(np.log(2.7), 0.6))))
    return events, pulses


def random_speech(rng: np.random.Generator, start_s: float, end_s: float) -> tuple[Event, list[Pulse]]:
    """Syllables, 3 to 5.5 a second, each with the jaw and now and then the lips."""
    index = load_schema("arkit52").index
    pulses: list[Pulse] = []
    t, rate_hz, loud = start_s, float(rng.uniform(3.0, 5.5)), float(rng.uniform(0.6, 1.3))
    while t < end_s - 0.3:
        rise, fall = float(rng.uniform(0.07, 0.12)), float(rng.uniform(0.09, 0.16))
        times = (t, t + rise, t + rise + fall)
        pulses.append(Pulse(index("jawOpen"), min(loud * float(rng.beta(2.0, 4.0)) * 0.5, 0.6), *times))
        if rng.random() < 0.6:
            size = loud * float(rng.uniform(0.08, 0.35))
            wide = (t - 0.03, t + rise, t + rise + fall + 0.04)
            pulses += [Pulse(index(n), size, *wide) for n in _LIPS[int(rng.integers(len(_LIPS)))]]
        t += float(np.exp(rng.normal(0.0, 0.25))) / rate_hz
        if rng.random() < 0.08:
            t += float(rng.uniform(0.2, 0.6))  # a pause
    return Event("speech", start_s, (start_s + end_s) / 2, end_s, _NOTHING), pulses


def random_head(rng: np.random.Generator, seconds: float, turns_per_minute: float) -> tuple[Head, list[Event]]:
    """Slow drift of about a degree and a millimetre, and turns of up to 25° that mostly go back."""
    calm = float(np.exp(rng.normal(-0.2, 0.45)))
    sizes = np.array([0.9, 0.6, 0.5, 1.2, 0.8, 1.6]) * calm
    steps: list[Step] = []
    t = float(rng.exponential(60.0 / turns_per_minute))
    while t < seconds:
        by = np.clip(rng.normal(0.0, [11.0, 5.0, 3.5]), [-25.0, -12.0, -8.0], [25.0, 12.0, 8.0])
        length = float(rng.uniform(0.35, 0.7) + 0.012 * abs(by[0]))
        steps.append(Step(t, length, (float(by[0]), float(by[1]), float(by[2]))))
        t += length
        back = 1.0 if rng.random() < 0.7 else 0.5
        t += float(rng.uniform(0.3, 2.0))
        steps.append(Step(t, length * 1.2, tuple(float(-back * v) for v in by)))
        t += length * 1.2 + float(rng.exponential(60.0 / turns_per_minute))
    return Head(Drift.random(rng, sizes, (0.03, 0.35)), tuple(steps)), [_event("turn", s) for s in steps]


def random_gaze(rng: np.random.Generator, seconds: float, turns: tuple[Step, ...]) -> tuple[Gazing, list[Event]]:
    """Fixations of about a second and saccades between them (21 ms + 2.2 ms per degree, Carpenter 1988).

    Where the head turns, the eyes go first. Events are the shifts of 5° and more.
    """
    jumps = [Step(t.start_s - 0.05, 0.021 + 0.0022 * float(np.hypot(t.by[0], t.by[1])), t.by[:2]) for t in turns]
    first = np.clip(rng.normal(0.0, [3.0, 2.0]), -8.0, 8.0)
    offset = np.zeros(2)
    t = float(rng.exponential(0.8))
    while t < seconds:
        goal = np.clip(rng.normal(0.0, [6.0, 4.0]) if rng.random() < 0.2 else offset + rng.normal(0.0, 1.2, 2), -14, 14)
        by, offset = goal - offset, goal
        length = 0.021 + 0.0022 * float(np.hypot(by[0], by[1]))
        jumps.append(Step(t, length, (float(by[0]), float(by[1]))))
        t += length + float(np.exp(rng.normal(np.log(0.9), 0.7)))
    events = [_event("gaze", j) for j in jumps if np.hypot(j.by[0], j.by[1]) >= 5.0]
    return Gazing((float(first[0]), float(first[1])), tuple(jumps), float(rng.uniform(0.4, 2.0))), events


def random_lighting(rng: np.random.Generator, seconds: float) -> tuple[Lighting, list[Event]]:
    """Hum in 40 % of the rooms, slow changes of about 1 %, now and then a step of 4 to 12 %."""
    hum = float(min(abs(rng.normal(0.0, 0.03)), 0.08)) if rng.random() < 0.4 else 0.0
    steps: list[Step] = []
    t = float(rng.exponential(25.0))
    while t < seconds:
        size = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.04, 0.12))
        length = float(rng.uniform(0.08, 1.2))
        # Back again, so that a long video does not run into darkness.
        steps += [Step(t, length, (size,)), Step(t + length + float(rng.uniform(0.3, 5.0)), length, (-size,))]
        t += float(rng.exponential(25.0)) + 6.0
    slow = Drift.random(rng, [float(abs(rng.normal(0.0, 0.012)))], (0.02, 0.3))
    phase, shutter = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.001, 0.005))
    hum_hz = float(rng.choice([100.0, 120.0]))
    return Lighting(hum_hz, hum, phase, shutter, slow, tuple(steps)), [_event("light", s) for s in steps]


def _event(kind: str, step: Step) -> Event:
    half = step.length_s / 2
    return Event(kind, step.start_s, step.start_s + half, step.start_s + step.length_s, _NOTHING)
