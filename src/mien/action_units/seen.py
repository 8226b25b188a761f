"""One face as a solver of blendshapes saw it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64
from mien.core.measures import Gaze, Landmarks
from mien.core.record import Face
from mien.core.schema import load_schema

_EYES = [list(load_schema("wflw98").groups[name]) for name in ("left_eye", "right_eye")]


class Seen(NamedTuple):
    """A face as the solver saw it.

    Attributes:
        face: what was found before.
        t_ns: of the frame.
        xy: (98, 2) px, NaN = not seen.
        front: (98, 2) front view.
        turn: (1, 2) radians.
        rows: (2, FEATURES) what the network was given: without and with the face at rest.
        active: of each part of the face how much it does, as of a stranger (`neutral.activity`).
        trust: 0–1, how much the view may teach about the face at rest.
    """

    face: Face
    t_ns: int
    xy: Float32
    front: Float32
    turn: Float64
    rows: Float32
    active: Mapping[str, float]
    trust: float


def eyes_seen(landmarks: Landmarks, gaze: Gaze | None) -> tuple[Float32, npt.NDArray[np.bool_]]:
    """(2,) confidence of the points of the left and the right eye, and (2,) whether their gaze was measured."""
    seen = np.array([landmarks.confidence[eye].mean() for eye in _EYES], dtype=np.float32)
    if gaze is None:
        return seen, np.ones(2, dtype=np.bool_)
    angles = np.stack([gaze.left_yaw_pitch_deg, gaze.right_yaw_pitch_deg])
    return seen, np.isfinite(angles).all(axis=1)
