"""All choices of a sample from one integer. Plain frozen data; nothing is drawn here.

Each group of choices has its own stream of numbers, so that asking for one thing ("blurred, please") leaves all
others as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mien.lab.render.camera import Faults, random_faults
from mien.lab.render.looks import Look, random_look
from mien.lab.render.prototypes import Face, random_face
from mien.lab.synth.expressions import random_gaze

ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
"""WFLW's six, in its order."""
_STREAMS = ("identity", "look", "face", "view", "light", "things", "camera", "paint", "background")
LARGE_TURN_DEG = 40.0
"""From this yaw, or 30° of pitch or roll, a pose counts as large."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked of samples; everything else is random.

    Attributes:
        size_px: pictures are square.
        backgrounds: folder of photographs; None = made-up walls.
        attributes: WFLW attribute → must be so; missing = left to chance.
        max_yaw_deg: heads turn at most so far.
        people: how many persons there are; a person's face and skin stay the same, hair and make-up change.
    """

    size_px: int = 256
    backgrounds: Path | None = None
    attributes: Mapping[str, bool] = field(default_factory=dict)
    max_yaw_deg: float = 80.0
    people: int = 256

    def __post_init__(self) -> None:
        unknown = set(self.attributes) - set(ATTRIBUTES)
        if unknown:
            raise ValueError(f"Wishes.attributes: no attribute {', '.join(sorted(unknown))}; there are {ATTRIBUTES}")
        if not 32 <= self.size_px <= 1024:
            raise ValueError(f"Wishes.size_px: expected 32 to 1024, got {self.size_px}")


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera stands.

    Attributes:
        yaw_deg, pitch_deg, roll_deg: of the head, convention of `core.geometry`.
        distance_mm: camera to head.
        share: height of the face as a share of the picture.
        centre: where the middle of the face is, as shares of the picture from its middle.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    distance_mm: float
    share: float
    centre: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """One sample's choices.

    Attributes:
        seed: they all come from it.
        wishes: what was asked for.
        person: number of the person, 0 to `people` - 1.
        look, face, view, faults: see there.
        gaze_deg: ((yaw, pitch) of the left eye, of the right eye), head frame.
        things: out of "glasses", "sunglasses", "mask", "hand", "object".
    """

    seed: int
    wishes: Wishes
    person: int
    look: Look
    face: Face
    view: View
    faults: Faults
    gaze_deg: tuple[tuple[float, float], tuple[float, float]]
    things: tuple[str, ...]

    def stream(self, name: str) -> np.random.Generator:
        """Random numbers of a group of choices. Raises `ValueError` for a group that does not exist."""
        return _stream(self.seed, name)


def _stream(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, _STREAMS.index(name)])


def person_of(seed: int, people: int) -> int:
    """Number of the person that a seed shows, 0 to `people` - 1: that of `choose`, at less cost."""
    return int(_stream(seed, "identity").integers(people))


def choose(seed: int, wishes: Wishes | None = None) -> Choices:
    """The choices of a seed (0 or more)."""
    if seed < 0:
        raise ValueError(f"choose: seed must be 0 or more, got {seed}")
    asked = wishes or Wishes()
    want = asked.attributes.get
    face_rng = _stream(seed, "face")
    gaze = random_gaze(face_rng, 1)[0]
    left, right = ((float(e[0]), float(e[1])) for e in gaze)
    # Low light and harsh light are both what WFLW calls extreme illumination.
    dim = None if want("illumination") is None else bool(want("illumination")) and seed % 3 == 0
    person = person_of(seed, asked.people)
    return Choices(
        seed=seed,
        wishes=asked,
        person=person,
        look=random_look(np.random.default_rng([person, 1]), _stream(seed, "look"), want("make-up")),
        face=random_face(face_rng, want("expression")),
        view=_view(_stream(seed, "view"), want("pose"), asked.max_yaw_deg),
        faults=random_faults(_stream(seed, "camera"), want("blur"), dim),
        gaze_deg=(left, right),
        things=_things(_stream(seed, "things"), want("occlusion")),
    )


def _view(rng: np.random.Generator, large: bool | None, max_yaw: float) -> View:
    yaw, pitch, roll = rng.normal(0.0, 26.0), rng.normal(0.0, 11.0), rng.normal(0.0, 9.0)
    if large:
        yaw = rng.choice([-1.0, 1.0]) * rng.uniform(LARGE_TURN_DEG + 1.0, max(max_yaw, LARGE_TURN_DEG + 2.0))
    elif large is False:
        yaw = np.clip(yaw, 1.0 - LARGE_TURN_DEG, LARGE_TURN_DEG - 1.0)
        pitch, roll = np.clip([pitch, roll], -28.0, 28.0)
    return View(
        yaw_deg=float(np.clip(yaw, -max_yaw, max_yaw)),
        pitch_deg=float(np.clip(pitch, -38.0, 38.0)),
        roll_deg=float(np.clip(roll, -40.0, 40.0)),
        distance_mm=float(np.exp(rng.uniform(np.log(380.0), np.log(1600.0)))),
        share=float(rng.uniform(0.48, 0.80)),
        centre=(float(rng.normal(0.0, 0.03)), float(rng.normal(0.0, 0.03))),
    )


def _things(rng: np.random.Generator, occluded: bool | None) -> tuple[str, ...]:
    """What is on or before the face. Clear glasses are no occlusion; they occur either way."""
    out = []
    roll = rng.random()
    # A thin bar may miss every point: what must hide something is large.
    odds = [0.3, 0.3, 0.4, 0.0] if occluded else [0.22, 0.2, 0.33, 0.25]
    covering = str(rng.choice(["sunglasses", "mask", "hand", "object"], p=odds))
    if rng.random() < 0.22:
        out.append("glasses")
    if occluded or (occluded is None and roll < 0.22):
        out = [t for t in out if covering != "sunglasses"]
        out.append(covering)
    return tuple(out)
