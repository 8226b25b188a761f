"""What a face does by itself: blinks, small head movements, saccades.

Sizes and rates are of the order of the literature named at each part; they are choices, not fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.animate.motion import Drift, Pulse, Step, positions
from mien.core.arrays import Float64
from mien.core.geometry import rotation_from_euler
from mien.core.schema import load_schema

_NECK_MM = np.array([0.0, 95.0, 85.0])
"""From where the neck turns to the middle of the face, head frame."""


@dataclass(frozen=True, slots=True)
class Blink:
    """The lids close and open.

    Attributes:
        onset_s, apex_s, offset_s: of the left eye.
        depth: weight of eyeBlinkLeft at the apex.
        pulses: of both lids.
    """

    onset_s: float
    apex_s: float
    offset_s: float
    depth: float
    pulses: tuple[Pulse, ...]


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


def random_blinks(rng: np.random.Generator, seconds: float, often: float = 1.0) -> list[Blink]:
    """About 17 a minute (Bentivoglio et al. 1997, at rest); 8 % double, 15 % partial; sides differ by a few ms.

    Closing takes 70 to 110 ms, opening about twice as long (VanderWerf et al. 2003).

    Args:
        rng: decides.
        seconds: how long.
        often: the pauses between blinks are divided by this.
    """
    index = load_schema("arkit52").index
    blinks: list[Blink] = []
    t = float(rng.uniform(-0.5, 3.5))
    while t < seconds:
        depth = float(rng.uniform(0.35, 0.7)) if rng.random() < 0.15 else float(rng.uniform(0.92, 1.0))
        close, opening, shut = rng.uniform(0.07, 0.11), rng.uniform(0.14, 0.26), rng.uniform(0.05, 0.2)
        end = t + close + opening
        lag, uneven = float(rng.normal(0.0, 0.003)), float(rng.uniform(0.96, 1.0))
        pulses = []
        for name, late, size in (("Left", 0.0, 1.0), ("Right", lag, uneven)):
            times = (t + late, t + close + late, end + late)
            pulses.append(Pulse(index("eyeBlink" + name), depth * size, *times, float(shut)))
        blinks.append(Blink(t, float(t + close), float(end), depth, tuple(pulses)))
        double = rng.random() < 0.08
        t = float(end + (rng.uniform(0.03, 0.2) if double else np.exp(rng.normal(np.log(2.7), 0.6)) / often))
    return blinks


def random_head(rng: np.random.Generator, seconds: float, turns_per_minute: float) -> Head:
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
    return Head(Drift.random(rng, sizes, (0.03, 0.35)), tuple(steps))


def random_gaze(rng: np.random.Generator, seconds: float, turns: tuple[Step, ...]) -> Gazing:
    """Fixations of about a second and saccades between them (21 ms + 2.2 ms per degree, Carpenter 1988).

    Where the head turns, the eyes go first.
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
    return Gazing((float(first[0]), float(first[1])), tuple(jumps), float(rng.uniform(0.4, 2.0)))
