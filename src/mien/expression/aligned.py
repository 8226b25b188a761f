"""Where an expression network looks: a square that turns, grows and moves with the rigid parts of the face.

Corners of the eyes and the nose are laid over their mean places by a similarity transform (least squares: Umeyama 1991,
eqs. 40–42). Brows, mouth and jaw take no part: an opened mouth must not make the face look smaller. Training and
runtime cut by this function alone.
"""

from __future__ import annotations

import numpy as np

from mien.core.arrays import Float64
from mien.core.geometry import CropTransform
from mien.core.measures import Landmarks
from mien.core.schema import load_schema

RIGID: tuple[tuple[str, float, float], ...] = (
    ("right_eye_outer", 0.234, 0.377),
    ("right_eye_inner", 0.396, 0.389),
    ("left_eye_inner", 0.604, 0.389),
    ("left_eye_outer", 0.766, 0.377),
    ("nose_bridge_1", 0.500, 0.381),
    ("nose_bridge_2", 0.500, 0.450),
    ("nose_bridge_3", 0.500, 0.530),
    ("nose_tip", 0.500, 0.600),
    ("nose_base_right_2", 0.396, 0.634),
    ("nose_base_centre", 0.500, 0.651),
    ("nose_base_left_2", 0.604, 0.634),
)
"""Name, x, y: mean places in the crop, 0–1 of its side from the left and upper edge: where they lie in FER2013's
pictures, made symmetric, so that the crop is framed as that data is."""
_LEAST = 6
"""So many of the points must be known."""


def expression_region(landmarks: Landmarks, size_px: int) -> CropTransform | None:
    """The aligned square of a face; None if the schema is not "wflw98" or too few of the rigid points are known.

    Args:
        landmarks: schema "wflw98", px; NaN = unknown.
        size_px: side of the crop.
    """
    if landmarks.schema.name != "wflw98":
        return None
    numbers, places = _rigid()
    found = landmarks.xy[numbers].astype(np.float64)
    known = np.isfinite(found).all(axis=1)
    if known.sum() < _LEAST:
        return None
    return similar(places[known], found[known], size_px)


def similar(places: Float64, found_xy: Float64, size_px: int) -> CropTransform | None:
    """The square in which `found_xy` lie at `places` as nearly as a similarity transform can do it.

    Args:
        places: (N, 2) 0–1 of the crop.
        found_xy: (N, 2) image px.
        size_px: side of the crop.

    Returns:
        None if the points found coincide.
    """
    a = places - places.mean(axis=0)
    b = found_xy - found_xy.mean(axis=0)
    # As complex numbers a similarity is b = z · a; least squares: z = Σ conj(a) b / Σ |a|².
    p, q = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    z = complex((np.conj(p) * q).sum() / (np.abs(p) ** 2).sum())
    if not 1e-3 < abs(z) < 1e6:
        return None
    middle = np.array([0.5, 0.5]) - places.mean(axis=0)
    turned = z * complex(*middle)
    centre = found_xy.mean(axis=0) + np.array([turned.real, turned.imag])
    return CropTransform.around(centre, abs(z), size_px, -float(np.degrees(np.angle(z))))


def _rigid() -> tuple[list[int], Float64]:
    schema = load_schema("wflw98")
    return [schema.index(name) for name, _, _ in RIGID], np.array([(x, y) for _, x, y in RIGID])
