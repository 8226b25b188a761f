"""Groups of drawn faces that teach the pixel reader: crops placed as at run time, with the weights of all 52 shapes.

A group is one person in one light before one camera: two faces at rest, then faces that do something, heads and eyes
turned anew in each. Persons are of the wanted split only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from mien.action_units.features import apparent_yaw_pitch
from mien.action_units.visibility import GAZE_SHAPES, Visibility
from mien.core.arrays import Float32, UInt8
from mien.core.schema import load_schema
from mien.lab.datasets.splits import hashed_split
from mien.lab.render.assemble import stage
from mien.lab.render.camera import take
from mien.lab.render.prototypes import Face as Doing
from mien.lab.render.random_scene import Choices, View, Wishes, choose
from mien.lab.render.rasterize import draw
from mien.lab.render.sample import RenderedSample, label
from mien.lab.rigs.rig import Identity, Rig
from mien.lab.synth.expressions import random_gaze
from mien.lab.synth.single_shapes import random_shapes
from mien.lab.train.shape_views import Look

IN_GROUP, AT_REST = 8, 2
"""Faces of a group, and how many of them, the first ones, are at rest."""
PEOPLE = 256
_TURN_DEG = (9.0, 6.0, 5.0)
"""Standard deviations of yaw, pitch and roll within a group."""
_MAX_YAW = 55.0
_PLAIN_TURN = 0.5
_CLOSED = 0.6
"""Blink from which nobody can tell where the eye looks."""
_ARKIT = load_schema("arkit52")
_BLINKS = [[_ARKIT.index(f"eyeBlink{s}")] * 4 for s in ("Left", "Right")]


class Labelled(NamedTuple):
    """A face of a group.

    crop: (h, w, 3) uint8, with a margin. plain: (52,) weights that the face shows. moved: (52,) change from the group's
    faces at rest. read: (52,) what the landmark solver says, None = not asked. NaN = not known, cannot be seen, or not
    shown by the rig.
    """

    crop: UInt8
    plain: Float32
    moved: Float32
    read: Float32 | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """What drawn groups are like.

    Attributes:
        split: of the persons.
        size_px: side of the pictures.
        first_seed: groups take the seeds from here on that show persons of the split.
        readings: ask the landmark solver too: for fusing both.
        people: of each rig; the more there are, the fewer groups show the same one (VALID has its 30 only).
        plain: as before a webcam: nothing before the face, turned half as far, mostly two or three gestures at once.
    """

    split: str = "train"
    size_px: int = 256
    first_seed: int = 500000
    readings: bool = False
    people: int = PEOPLE
    plain: bool = False

    def wishes(self) -> Wishes:
        """Of the scenes."""
        attributes = {"occlusion": False} if self.plain else {}
        return Wishes(size_px=self.size_px, attributes=attributes, max_yaw_deg=_MAX_YAW, people=self.people)


def drawn_groups(rig: Rig, how: Drawn, look: Look) -> Iterator[list[Labelled]]:
    """Groups without end; of a scene in which the face cannot be placed there is none."""
    seed = how.first_seed
    while True:
        seed += 1
        still = choose(seed, how.wishes())
        if how.plain:
            still = replace(still, view=_nearly_ahead(still.view))
        identity = rig.identity(np.random.default_rng([still.person, 0]))
        if hashed_split("synthetic", f"{rig.name}/{identity.name}") != how.split:
            continue
        rng = np.random.default_rng([seed, 77])
        shows = shown(identity)
        samples = [_drawn(rig, _varied(still, rng, at_rest=k < AT_REST, busy=how.plain)) for k in range(IN_GROUP)]
        first = samples[0]
        off = look.offset(first.image, first.landmarks.xy, first.pose, rng)
        if off is None:
            continue
        crops = [look.cut(s.image, s.landmarks.xy, s.pose, off) for s in samples]
        truths = [_truth(s, shows) for s in samples]
        read = None
        if how.readings:
            read = look.readings([s.image for s in samples], [s.landmarks.xy for s in samples], AT_REST)
        found = [
            Labelled(c, t, t, None if read is None else read[k])
            for k, (c, t) in enumerate(zip(crops, truths, strict=True))
            if c is not None
        ]
        if len(found) == IN_GROUP:
            yield found


def shown(identity: Identity) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(52,) whether a shape moves this person at all; eyes turn on every rig."""
    out = np.array([len(identity.shapes.moved(i)) > 0 for i in range(len(_ARKIT))])
    out[GAZE_SHAPES] = True
    return out


def _nearly_ahead(view: View) -> View:
    return replace(
        view,
        yaw_deg=_PLAIN_TURN * view.yaw_deg,
        pitch_deg=_PLAIN_TURN * view.pitch_deg,
        roll_deg=_PLAIN_TURN * view.roll_deg,
    )


def _varied(still: Choices, rng: np.random.Generator, *, at_rest: bool, busy: bool) -> Choices:
    """The same scene with another face, gaze, turn of the head and grain."""
    yaw, pitch, roll = (float(v) for v in rng.normal(0.0, _TURN_DEG))
    view = still.view
    turned = replace(
        view,
        yaw_deg=float(np.clip(view.yaw_deg + yaw, -_MAX_YAW, _MAX_YAW)),
        pitch_deg=view.pitch_deg + pitch,
        roll_deg=view.roll_deg + roll,
    )
    shapes = np.zeros(len(_ARKIT), np.float32) if at_rest else random_shapes(rng, busy=busy)
    left, right = random_gaze(rng, 1)[0] * (0.3 if at_rest else 1.0)
    row, column = rng.integers(1 << 20, size=2)
    return replace(
        still,
        face=Doing("other", 0.0, shapes),
        view=turned,
        gaze_deg=((float(left[0]), float(left[1])), (float(right[0]), float(right[1]))),
        faults=replace(still.faults, noise_at=(int(row), int(column))),
    )


def _drawn(rig: Rig, choices: Choices) -> RenderedSample:
    staged = stage(rig, choices)
    drawing = draw(staged.scene)
    return label(rig.name, take(drawing.linear, choices.faults), choices, staged, drawing)


def _truth(sample: RenderedSample, shows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Float32:
    """(52,) weights, NaN where nobody could tell."""
    truth = sample.blendshapes.values.copy()
    truth[~shows | hidden(sample)] = np.nan
    return truth


def hidden(sample: RenderedSample) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(52,) shapes of whose region hardly anything can be seen, and the gaze of closed eyes."""
    everything = Visibility(np.ones(len(_ARKIT), np.float32), _MAX_YAW)
    points = sample.landmarks
    out = everything.hidden(points.confidence, points.xy) | everything.turned(_yaw_deg(sample))
    weights = sample.blendshapes.values
    for side, blinks in zip(("Left", "Right"), _BLINKS, strict=True):
        of_eye = [i for i in GAZE_SHAPES if _ARKIT.names[i].endswith(side)]
        out[of_eye] |= weights[blinks] > _CLOSED
    return np.asarray(out)


def _yaw_deg(sample: RenderedSample) -> float:
    pose = sample.pose
    return float(np.degrees(apparent_yaw_pitch(pose.rotation[None], pose.translation_mm[None])[0, 0]))
