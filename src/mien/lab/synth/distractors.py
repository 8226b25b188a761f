"""What faces and cameras do besides expressions: blinks, gaze shifts, head movements, speech, changing light.

Sizes and rates are of the order of the literature named at each part; they are choices, not fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mien.animate import idle
from mien.animate.idle import Gazing, Head
from mien.animate.motion import Drift, Pulse, Step, positions
from mien.core.arrays import Float64
from mien.core.schema import load_schema
from mien.lab.synth.expression_events import Event

_NOTHING: MappingProxyType[str, float] = MappingProxyType({})
_LIPS = (
    *(("mouthFunnel",), ("mouthPucker",), ("mouthLowerDownLeft", "mouthLowerDownRight")),
    *(("mouthStretchLeft", "mouthStretchRight"), ("mouthPressLeft", "mouthPressRight"), ("mouthRollLower",)),
    *(("mouthUpperUpLeft", "mouthUpperUpRight"), ("mouthShrugLower",)),
)


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
    """Blinks (see `idle.random_blinks`) as events and pulses."""
    blinks = idle.random_blinks(rng, seconds)
    events = []
    for blink in blinks:
        level = 5.0 * blink.depth**2
        units = MappingProxyType({"AU45_L": level, "AU45_R": level})
        events.append(Event("blink", blink.onset_s, blink.apex_s, blink.offset_s, units))
    return events, [pulse for blink in blinks for pulse in blink.pulses]


def random_head(rng: np.random.Generator, seconds: float, turns_per_minute: float) -> tuple[Head, list[Event]]:
    """Movements of the head (see `idle.random_head`); events are the turns."""
    head = idle.random_head(rng, seconds, turns_per_minute)
    return head, [_event("turn", s) for s in head.turns]


def random_gaze(rng: np.random.Generator, seconds: float, turns: tuple[Step, ...]) -> tuple[Gazing, list[Event]]:
    """Where the eyes look (see `idle.random_gaze`); events are the shifts of 5° and more."""
    gaze = idle.random_gaze(rng, seconds, turns)
    return gaze, [_event("gaze", j) for j in gaze.jumps if np.hypot(j.by[0], j.by[1]) >= 5.0]


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
