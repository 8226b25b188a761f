"""What can be seen of a face, how far each shape can be trusted, and what is read without the network."""

from __future__ import annotations

from functools import cache
from math import isfinite

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32
from mien.core.measures import Gaze
from mien.core.schema import load_schema

GAZE_DEG_AT_ONE = {"In": 30.0, "Out": 30.0, "Up": 25.0, "Down": 25.0}
"""How far an eye is turned at weight 1 of eyeLook*."""
_SHAPES = load_schema("arkit52").names
GAZE_SHAPES = np.array([i for i, n in enumerate(_SHAPES) if n.startswith("eyeLook")])
_LIPS = ((89, 95), (90, 94), (91, 93))
MAX_YAW_DEG = 55.0
"""Beyond this yaw the side turned away is not measured."""
HIDDEN_BELOW = 0.25
"""Mean confidence of a region's points below which it counts as hidden. On 141 drawn faces with things before them
(balanced preset, people not trained on) nine tenths of the regions that were covered have less (mouth 0.06, eyes 0.21),
and 99 of 100 that could be seen have more than 0.53."""
LEAST_POINT = 0.05
"""A point of no more confidence is not used."""
MAX_LOST = 0.34
"""A region of which more points are lost is hidden."""
NEVER, HIDDEN, TURNED = "cannot be read from landmarks", "hidden", "turned away"
"""Reasons for not measuring a shape; see `reasons`."""
_FULL_YAW_DEG = 20.0
_FULL_PITCH_DEG = 20.0
_MAX_PITCH_DEG = 50.0


def region_of_shape(shape: str) -> tuple[int, ...]:
    """The points a shape is read from."""
    groups = load_schema("wflw98").groups
    side = "left" if shape.endswith("Left") else "right" if shape.endswith("Right") else ""
    if shape.startswith("brow"):
        return groups[f"{side}_brow"] if side else (*groups["left_brow"], *groups["right_brow"])
    if shape.startswith("eye"):
        return tuple(p for p in groups[f"{side}_eye"])
    if shape.startswith("cheekSquint"):
        return groups[f"{side}_eye"]
    if shape.startswith("noseSneer"):
        return groups["nose_base"]
    if shape.startswith(("jaw", "cheekPuff")):
        return (*range(8, 25), *groups["inner_lip"])
    return (*groups["outer_lip"], *groups["inner_lip"])


def _side(shape: str) -> float:
    """+1 for shapes on the subject's left, -1 right, 0 both. jawLeft and its kind are directions, not sides."""
    if shape in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        return 0.0
    return 1.0 if shape.endswith("Left") else -1.0 if shape.endswith("Right") else 0.0


class Visibility:
    """Confidence of every shape from landmarks, pose and the shape's own reliability.

    Args:
        reliability: (52,) correlation of each shape on held-out faces; 0 = never measured.
        max_yaw_deg: beyond this yaw the side turned away is hidden.
        hidden_below: a region whose points have less confidence on average is hidden.
    """

    def __init__(self, reliability: Float32, max_yaw_deg: float, hidden_below: float = HIDDEN_BELOW) -> None:
        self._reliability = reliability
        self._hidden_below = hidden_below
        self._max_yaw_deg = max_yaw_deg
        self._member: Float32 = np.zeros((len(_SHAPES), 98), dtype=np.float32)
        for i, name in enumerate(_SHAPES):
            self._member[i, list(region_of_shape(name))] = 1.0
        self._member /= self._member.sum(axis=1, keepdims=True)
        self._sides = np.array([_side(n) for n in _SHAPES])
        self._middle = self._sides == 0

    def confidence(
        self, landmarks: Float32, xy: Float32, yaw_pitch_deg: npt.NDArray[np.float64], pose_confidence: float
    ) -> Float32:
        """(52,) 0–1; 0 exactly where `hidden` or `turned` says so, or the shape is never measured."""
        sure = self._sure(landmarks, xy)
        yaw, pitch = yaw_pitch_deg.tolist()
        away = np.maximum(yaw * self._sides, 0.5 * abs(yaw) * self._middle)
        facing = 1 - _share(away, _FULL_YAW_DEG, self._max_yaw_deg) * 0.8
        facing[self.turned(yaw)] = 0.0
        nod = 1 - 0.7 * min(max((abs(pitch) - _FULL_PITCH_DEG) / (_MAX_PITCH_DEG - _FULL_PITCH_DEG), 0.0), 1.0)
        posed = 0.5 + 0.5 * min(max(pose_confidence, 0.0), 1.0)
        return np.asarray(sure * facing * (nod * posed) * self._reliability, dtype=np.float32)

    def hidden(self, landmarks: Float32, xy: Float32) -> npt.NDArray[np.bool_]:
        """(52,) whether too many points of a shape's region are lost, or it is covered: they are a guess."""
        return np.asarray(self._sure(landmarks, xy) == 0.0)

    def turned(self, yaw_deg: float) -> npt.NDArray[np.bool_]:
        """(52,) whether a shape's side is turned away too far."""
        return np.asarray(yaw_deg * self._sides > self._max_yaw_deg)

    def _sure(self, landmarks: Float32, xy: Float32) -> Float32:
        """(52,) mean confidence of the region's points; 0 = hidden."""
        lost = ~(np.isfinite(xy[:, 0]) & np.isfinite(xy[:, 1]))
        sure = self._member @ np.where(lost, np.float32(0), landmarks)
        sure[sure < self._hidden_below] = 0.0
        if lost.any():
            sure[self._member @ lost.astype(np.float32) > MAX_LOST] = 0.0
        return np.asarray(sure, dtype=np.float32)

    def trust(self, yaw_pitch_deg: npt.NDArray[np.float64], confidence: Float32) -> float:
        """0–1: how much a view may teach about the neutral face."""
        yaw, pitch = np.abs(yaw_pitch_deg)
        measured = self._reliability > 0
        share = float((confidence[measured] > 0).mean()) if measured.any() else 0.0
        return float(np.exp(-((yaw / 20.0) ** 2) - (pitch / 20.0) ** 2)) * share


def _share(angle: npt.NDArray[np.float64], low: float, high: float) -> npt.NDArray[np.float64]:
    """0 up to `low`, 1 from `high` on, straight in between."""
    return np.minimum(np.maximum((angle - low) / (high - low), 0.0), 1.0)


def lip_gap(front: Float32) -> float:
    """Height of the opening between the lips in units of the outer eye corners' distance; NaN = lips not seen."""
    gaps = [float(front[upper, 1] - front[lower, 1]) for upper, lower in _LIPS]
    return max(sum(gaps) / len(gaps), 0.0)


def look_shapes(gaze: Gaze | None) -> tuple[Float32, Float32]:
    """(52,) eyeLook* weights and confidences from the gaze; NaN and 0 where the eye is closed or hidden."""
    values: Float32 = np.full(len(_SHAPES), np.nan, dtype=np.float32)
    sure: Float32 = np.zeros(len(_SHAPES), dtype=np.float32)
    if gaze is None:
        return values, sure
    angles = (*gaze.left_yaw_pitch_deg.tolist(), *gaze.right_yaw_pitch_deg.tolist())
    confidence = gaze.confidence.tolist()
    for shape, angle, sign, at_one in _looks():
        amount = angles[angle] * sign / at_one
        if isfinite(amount):
            values[shape] = min(max(amount, 0.0), 1.0)
            sure[shape] = confidence[angle // 2]
    return values, sure


def looked(weights: Float32) -> Float32:
    """(2, 2) degrees: yaw and pitch of the left and the right eye that eyeLook* of (52,) weights mean; NaN stays."""
    out = np.zeros(4, dtype=np.float32)
    for shape, angle, sign, at_one in _looks():
        out[angle] += sign * at_one * weights[shape]
    return out.reshape(2, 2)


def looked_aside(weights: Float32, by_deg: Float32) -> Float32:
    """eyeLook* of an eye that looks elsewhere by so much less; whatever is NaN stays so.

    Args:
        weights: (…, 52).
        by_deg: (2, 2) yaw and pitch of the left and the right eye, degrees.
    """
    out, angles = weights.copy(), np.zeros((*weights.shape[:-1], 4), np.float32)
    for shape, angle, sign, at_one in _looks():
        angles[..., angle] += sign * at_one * weights[..., shape]
    angles -= by_deg.reshape(4)
    for shape, angle, sign, at_one in _looks():
        out[..., shape] = np.clip(angles[..., angle] * sign / at_one, 0.0, 1.0)
    return out


@cache
def _looks() -> tuple[tuple[int, int, float, float], ...]:
    """For each eyeLook* shape: its index, which of the angles (left yaw, left pitch, right yaw, right pitch) it is
    read from, with which sign, and the angle at weight 1."""
    index = load_schema("arkit52").index
    rows = []
    for eye, (side, outwards) in enumerate((("Left", 1.0), ("Right", -1.0))):
        for name, angle, sign in (("Out", 0, outwards), ("In", 0, -outwards), ("Up", 1, 1.0), ("Down", 1, -1.0)):
            rows.append((index(f"eyeLook{name}{side}"), 2 * eye + angle, sign, GAZE_DEG_AT_ONE[name]))
    return tuple(rows)
