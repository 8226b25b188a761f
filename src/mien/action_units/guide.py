"""The guided two minutes: what somebody is asked to do in front of the camera, in which order, and what it reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mien.core.schema import load_schema
from mien.core.timebase import NS_PER_S


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes:
        name: short, for files and pictures.
        words: what is said.
        reaches: shape, or pair of shapes without their side → weight that it is taken to reach; empty = at rest.
        along: shapes, or pairs without their side, that move along on real faces; whatever else is read meanwhile is
            a misreading (`calibration`).
        seconds: for how long.
    """

    name: str
    words: str
    reaches: Mapping[str, float] = field(default_factory=dict)
    along: tuple[str, ...] = ()
    seconds: float = 7.5


_LIPS_IN = ("mouthPress", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthClose")

GUIDE: Sequence[Step] = (
    Step("neutral", "Look into the camera. Let your face rest, eyes open, lips closed.", seconds=10.0),
    Step(
        "blink",
        "Close your eyes firmly and open them, again and again.",
        {"eyeBlink": 1.0},
        ("eyeSquint", "cheekSquint", "browDown", "noseSneer"),
    ),
    Step(
        "wide", "Open your eyes as wide as you can, and relax; twice.", {"eyeWide": 1.0}, ("browInnerUp", "browOuterUp")
    ),
    Step(
        "brows up",
        "Raise your brows as high as you can, and relax; twice.",
        {"browInnerUp": 1.0, "browOuterUp": 1.0},
        ("eyeWide",),
    ),
    Step(
        "brows down",
        "Draw your brows together and down, as if angry, and relax; twice.",
        {"browDown": 1.0},
        ("eyeSquint", "noseSneer", "cheekSquint"),
    ),
    Step(
        "sneer",
        "Wrinkle your nose as at a bad smell, and relax; twice.",
        {"noseSneer": 1.0},
        ("mouthUpperUp", "cheekSquint", "eyeSquint", "browDown", "mouthShrugUpper"),
    ),
    Step(
        "smile",
        "Smile as broadly as you can with closed lips, and relax; twice.",
        {"mouthSmile": 1.0},
        ("cheekSquint", "eyeSquint", "mouthDimple", "mouthStretch", "mouthPress", "mouthUpperUp"),
    ),
    Step(
        "frown",
        "Pull the corners of your mouth down, and relax; twice.",
        {"mouthFrown": 1.0},
        ("mouthShrugUpper", "mouthLowerDown", "mouthStretch", *_LIPS_IN),
    ),
    Step(
        "pucker", "Pucker your lips as for a kiss, and relax; twice.", {"mouthPucker": 1.0}, ("mouthFunnel", *_LIPS_IN)
    ),
    Step(
        "funnel",
        "Form your lips as for a long O, and relax; twice.",
        {"mouthFunnel": 1.0},
        ("mouthPucker", "jawOpen", "mouthUpperUp", "mouthLowerDown"),
    ),
    Step(
        "press",
        "Press your lips together firmly, and relax; twice.",
        {"mouthPress": 1.0},
        ("mouthShrugUpper", "mouthDimple", "mouthPucker", "mouthStretch", *_LIPS_IN),
    ),
    Step(
        "lips in",
        "Roll both lips in over your teeth, and relax; twice.",
        {"mouthRollLower": 1.0, "mouthRollUpper": 1.0},
        ("mouthPress", "mouthClose", "mouthDimple", "mouthStretch", "mouthShrugLower", "mouthShrugUpper"),
    ),
    Step(
        "chin up",
        "Push your lower lip up with your chin, as in doubt, and relax; twice.",
        {"mouthShrugLower": 1.0},
        ("mouthShrugUpper", "mouthFrown", "mouthPucker", *_LIPS_IN),
    ),
    Step(
        "jaw",
        "Open your mouth as wide as you can, and close it; twice.",
        {"jawOpen": 1.0},
        ("mouthStretch", "mouthLowerDown", "mouthUpperUp", "mouthFunnel", "eyeWide", "browInnerUp", "jawForward"),
    ),
    Step("puff", "Puff your cheeks, and relax; twice.", {"cheekPuff": 1.0}, ("mouthPucker", *_LIPS_IN)),
)
"""In the order in which they are asked for; 115 s."""


def guide_seconds(guide: Sequence[Step]) -> float:
    """How long it takes."""
    return sum(step.seconds for step in guide)


def step_at(guide: Sequence[Step], since_ns: int) -> int | None:
    """Which step is under way so long after the start; None = before it or over."""
    end = 0.0
    if since_ns < 0:
        return None
    for k, step in enumerate(guide):
        end += step.seconds
        if since_ns < end * NS_PER_S:
            return k
    return None


def reached_shapes(step: Step) -> Mapping[str, float]:
    """Shapes of schema "arkit52" → weight, both sides of pairs."""
    return {side: weight for name, weight in step.reaches.items() for side in _sides(name)}


def moving_along(step: Step) -> frozenset[str]:
    """Shapes of schema "arkit52" that are asked for or may move along."""
    return frozenset(side for name in (*step.reaches, *step.along) for side in _sides(name))


def _sides(name: str) -> tuple[str, ...]:
    return (name,) if name in load_schema("arkit52") else (name + "Left", name + "Right")
