"""Projections of random rig faces as a landmark backend would report them, with the weights that made them.

What separates a backend's points from the rig's is drawn at random for every person and held: where its points
lie, how strongly it follows an expression, how far lids and lips close in it, how it sees the head's turn.
The mean of that difference (`Gap`) can be measured on photos and is part of the model's training, not of this file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.action_units.features import apparent_yaw_pitch, front_view
from mien.action_units.visibility import GAZE_DEG_AT_ONE
from mien.core.arrays import Float32, Float64
from mien.core.geometry import rotation_from_euler
from mien.core.schema import load_schema
from mien.lab.rigs.ict import rig_from_arkit
from mien.lab.rigs.ict98 import Rig98, Shape98
from mien.lab.synth.expressions import random_gaze, random_weights
from mien.lab.synth.people import LID_PAIRS, Habits, beyond_the_rig, unlike_the_rig

IDENTITIES = 100
MAX_YAW_DEG = 55.0
"""How far training heads turn: what the stage's `max_yaw_deg` may trust."""
LIP_PAIRS = ((89, 95), (90, 94), (91, 93))
_PARTS: dict[str, tuple[int, ...]] = {
    "contour": tuple(range(33)),
    "right_brow": tuple(range(33, 42)),
    "left_brow": tuple(range(42, 51)),
    "nose": tuple(range(51, 60)),
    "right_eye": (*range(60, 68), 96),
    "left_eye": (*range(68, 76), 97),
    "mouth": tuple(range(76, 96)),
}
_POINT_SD_MM = {"contour": 2.5, "right_brow": 0.9, "left_brow": 0.9, "nose": 0.7, "right_eye": 0.35, "left_eye": 0.35}
_PART_SD_MM = {"contour": 2.0, "right_brow": 1.8, "left_brow": 1.8, "nose": 1.0, "right_eye": 0.6, "left_eye": 0.6}
_FOLLOW = {"contour": 0.5, "right_brow": 0.55, "left_brow": 0.55, "nose": 0.5}
"""How little of an expression a backend may show, at worst; 0.8 where nothing is said."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A batch.

    Attributes:
        xy_px: (B, 98, 2) float32 image px about the principal point.
        yaw_pitch_rad: (B, 2) float64 apparent turn as a head pose stage would give it.
        neutral_xy_px, neutral_yaw_pitch_rad: the same person without an expression, near frontal.
        weights: (B, 52) float32, 0–1; eyeLook* from the gaze.
    """

    xy_px: Float32
    yaw_pitch_rad: Float64
    neutral_xy_px: Float32
    neutral_yaw_pitch_rad: Float64
    weights: Float32

    def front(self, reference: Float32) -> tuple[Float32, Float32]:
        """Front views of the faces and of their neutrals."""
        seen = front_view(self.xy_px, self.yaw_pitch_rad, reference)
        return seen, front_view(self.neutral_xy_px, self.neutral_yaw_pitch_rad, reference)


def random_faces(
    rig: Rig98,
    rng: np.random.Generator,
    count: int,
    gap_mm: Float32 | None = None,
    habits: Habits | None = None,
) -> Samples:
    """Draw a batch.

    Args:
        rig: the reduced rig.
        rng: source of chance; the same state gives the same batch.
        count: B.
        gap_mm: (98, 2) mean difference backend minus rig in the frontal view, mm (x left, y up); None = zero.
        habits: how other rigs' people move; None = everybody moves like this rig.
    """
    to_rig = rig_from_arkit(rig.rig.expression_names)
    identity = np.clip(rng.normal(size=(count, IDENTITIES)), -2.5, 2.5).astype(np.float32)
    weights = random_weights(rng, count)
    gaze = random_gaze(rng, count)
    weights += look_weights(gaze)
    rest = _resting(rng, count)
    shape = rig.shape(identity, _lids_follow(weights) @ to_rig, gaze)
    neutral = rig.shape(identity, rest @ to_rig, gaze * 0.2)
    if habits is not None:
        beyond = beyond_the_rig(rng, weights, habits)
        shape.points[:] += beyond
        shape.slides[:] += beyond[:, :33, None]
    backend = _Backend.draw(rng, count, gap_mm)
    backend.apply(shape, neutral, rng)
    yaw_pitch_offset = rng.normal(scale=np.radians([1.5, 4.0]), size=(count, 2))
    xy, turn = _photograph(rng, shape, wide=True)
    neutral_xy, neutral_turn = _photograph(rng, neutral, wide=False)
    turn = turn + yaw_pitch_offset + rng.normal(scale=np.radians([1.2, 2.0]), size=(count, 2))
    return Samples(xy, turn, neutral_xy, neutral_turn + yaw_pitch_offset, weights)


def look_weights(gaze_deg: Float32) -> Float32:
    """(B, 52) float32 with only eyeLook* set from (B, 2, 2) gaze in degrees (left and right eye)."""
    schema = load_schema("arkit52")
    out = np.zeros((len(gaze_deg), len(schema)), dtype=np.float32)
    for eye, (side, outwards) in enumerate((("Left", 1.0), ("Right", -1.0))):
        yaw, pitch = gaze_deg[:, eye, 0] * outwards, gaze_deg[:, eye, 1]
        for name, angle in (("Out", yaw), ("In", -yaw), ("Up", pitch), ("Down", -pitch)):
            share = np.clip(angle / GAZE_DEG_AT_ONE[name], 0, 1)
            out[:, schema.index(f"eyeLook{name}{side}")] = share
    return out


def _lids_follow(weights: Float32) -> Float32:
    """What the lids are given: closed lids neither follow the gaze nor squint any further."""
    schema = load_schema("arkit52")
    out = weights.copy()
    for side in ("Left", "Right"):
        open_share = 1 - weights[:, schema.index("eyeBlink" + side)]
        for name in ("eyeLookDown", "eyeLookUp", "eyeSquint"):
            out[:, schema.index(name + side)] *= open_share
    return out


def _resting(rng: np.random.Generator, count: int) -> Float32:
    """(count, 52): what a person's face does at rest: nothing much."""
    schema = load_schema("arkit52")
    out = random_weights(rng, count) * (rng.random((count, 1)) < 0.5) * 0.08
    for side in ("Left", "Right"):
        out[:, schema.index("eyeBlink" + side)] *= 0.5
    return out.astype(np.float32)


def _photograph(rng: np.random.Generator, shape: Shape98, *, wide: bool) -> tuple[Float32, Float64]:
    """Points in a random camera with pixel noise, and the apparent turn of the head."""
    n = len(shape.points)
    spread = np.array([22.0, 11.0, 10.0]) if wide else np.array([7.0, 5.0, 4.0])
    limit = np.array([MAX_YAW_DEG, 30.0, 25.0]) if wide else np.array([20.0, 15.0, 12.0])
    angles = np.clip(rng.normal(size=(n, 3)) * spread, -limit, limit)
    rotation = np.stack([rotation_from_euler(*a) for a in angles])
    depth = np.exp(rng.uniform(np.log(330.0), np.log(1500.0), n))
    shift = rng.uniform(-0.3, 0.3, size=(n, 2)) * depth[:, None]
    translation = np.column_stack([shift, depth])
    xy = shape.project(rotation, translation, depth)  # focal = depth: 1 px = 1 mm at the eyes
    jitter = np.abs(rng.normal(scale=0.45 if wide else 0.15, size=(n, 1, 1)))
    xy += rng.normal(size=xy.shape).astype(np.float32) * jitter.astype(np.float32)
    return xy, apparent_yaw_pitch(rotation, translation)


@dataclass(frozen=True, slots=True, eq=False)
class _Backend:
    """How a landmark backend differs from the rig for each of B people."""

    offset: Float32
    stretch: Float32
    follow: Float32
    lid: Float32
    lip: Float32

    @classmethod
    def draw(cls, rng: np.random.Generator, n: int, gap_mm: Float32 | None) -> _Backend:
        offset = np.zeros((n, 98, 2), dtype=np.float32)
        stretch = np.ones((n, 98, 2), dtype=np.float32)
        follow = np.ones((n, 98, 1), dtype=np.float32)
        for part, points in _PARTS.items():
            at = list(points)
            one = rng.normal(scale=_PART_SD_MM.get(part, 1.0), size=(n, 1, 2))
            offset[:, at] = one + rng.normal(scale=_POINT_SD_MM.get(part, 0.5), size=(n, len(at), 2))
            stretch[:, at] = np.exp(rng.normal(scale=0.05, size=(n, 1, 2)))
            follow[:, at] = rng.uniform(_FOLLOW.get(part, 0.8), 1.05, size=(n, 1, 1))
        _paired(offset, (*LID_PAIRS, *LIP_PAIRS))
        if gap_mm is not None:
            offset += gap_mm.astype(np.float32)
        lid = np.column_stack([rng.uniform(0.0, 1.0, n), rng.uniform(0.65, 1.15, n)]).astype(np.float32)
        lip = np.column_stack([rng.uniform(0.0, 1.2, n), rng.uniform(0.9, 1.1, n)]).astype(np.float32)
        return cls(offset, stretch, follow, lid, lip)

    def _follow(self, shape: Shape98, neutral: Shape98, rng: np.random.Generator) -> None:
        moved = self.follow * (shape.points - neutral.points)
        for part in _PARTS.values():
            moved[:, list(part)] = unlike_the_rig(rng, moved[:, list(part)])
        shape.points[:] = neutral.points + moved

    def apply(self, shape: Shape98, neutral: Shape98, rng: np.random.Generator) -> None:
        """Move the points of both, in place."""
        self._follow(shape, neutral, rng)
        for one in (shape, neutral):
            for part in _PARTS.values():
                at = list(part)
                centre = neutral.points[:, at, :2].mean(axis=1, keepdims=True)
                one.points[:, at, :2] = centre + (one.points[:, at, :2] - centre) * self.stretch[:, at]
            one.points[..., :2] += self.offset
            one.slides[..., :2] += self.offset[:, :33, None]
            _reopen(one.points, LID_PAIRS, self.lid)
            _reopen(one.points, LIP_PAIRS, self.lip)
        lost = rng.random(len(shape.points)) < 0.1
        for pupil, lids in ((96, (62, 66)), (97, (70, 74))):
            middle = shape.points[:, list(lids)].mean(axis=1)
            shape.points[lost, pupil] = middle[lost]


def _paired(offset: Float32, pairs: tuple[tuple[int, int], ...]) -> None:
    """Points that touch when lids or lips close share their offset: `_reopen` varies their distance."""
    for upper, lower in pairs:
        offset[:, lower] = offset[:, upper]


def _reopen(points: Float32, pairs: tuple[tuple[int, int], ...], law: Float32) -> None:
    """Distance of the pair as the backend reports it: never below law[0] mm, else times law[1]."""
    for upper, lower in pairs:
        middle = (points[:, upper, 1] + points[:, lower, 1]) / 2
        gap = np.maximum(points[:, upper, 1] - points[:, lower, 1], 0.0)
        half = np.sqrt((gap * law[:, 1]) ** 2 + law[:, 0] ** 2) / 2
        points[:, upper, 1] = middle + half
        points[:, lower, 1] = middle - half
