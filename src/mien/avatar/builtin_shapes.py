"""The 52 shapes of the built-in character, as displacement fields over points of the face. Lengths in cm.

Every field is a few soft bumps in front view, a turn of the jaw about its hinge, or a lid sliding over the
eyeball. Only the left half of a pair is written; the right half is its mirror image, exactly.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mien.avatar.builtin_form import EYE, HINGE, JAW_OPEN_RAD, MOUTH_HALF, FacePoints, mouth_line
from mien.avatar.character import SHAPES
from mien.avatar.solid import smooth_step
from mien.core.arrays import Float64

Field = Callable[[FacePoints], Float64]
"""Points → (V, 3) offsets at weight 1."""

CORNER = (MOUTH_HALF, -5.5)


def displacements(points: FacePoints) -> dict[str, Float64]:
    """Shape name → (V, 3) offsets, cm, for all 52 names."""
    out = {}
    for name in SHAPES.names:
        if name in _FIELDS:
            out[name] = _FIELDS[name](points)
        else:  # the right half of a pair
            twin = SHAPES.names[SHAPES.mirror[SHAPES.index(name)]]
            out[name] = _FIELDS[twin](points.mirrored()) * [-1.0, 1.0, 1.0]
    return out


def jaw_turn(xyz: Float64, share: Float64) -> Float64:
    """(V, 3) offsets of points that follow the open jaw by `share` (V,)."""
    rel = xyz - HINGE
    c, s = np.cos(JAW_OPEN_RAD), np.sin(JAW_OPEN_RAD)
    turned = np.column_stack([rel[:, 0], c * rel[:, 1] - s * rel[:, 2], s * rel[:, 1] + c * rel[:, 2]])
    out: Float64 = (turned - rel) * share[:, None]
    return out


def _bump(p: FacePoints, centre: tuple[float, float], width: tuple[float, float], move: npt.ArrayLike) -> Float64:
    """A soft push of the front of the face; the lids' edges, which ride on the eyeball, stay."""
    x, y, z = p.xyz.T
    strength = np.exp(-(((x - centre[0]) / width[0]) ** 2) - ((y - centre[1]) / width[1]) ** 2)
    strength = strength * smooth_step(-2.5, 2.0, z) * (1.0 - p.lid)
    return _times(strength, move)


def _times(strength: Float64, move: npt.ArrayLike) -> Float64:
    out: Float64 = strength[:, None] * np.asarray(move, dtype=np.float64)
    return out


def _both(p: FacePoints, centre: tuple[float, float], width: tuple[float, float], move: tuple[float, ...]) -> Float64:
    """The same push on both sides."""
    left = _bump(p, centre, width, move)
    return left + _bump(p, (-centre[0], centre[1]), width, (-move[0], *move[1:]))


def _lids(p: FacePoints, upper: float, lower: float) -> Float64:
    """Slide the left lids over the eyeball: 1 = to the line where they meet, negative = wider.

    They also lift a little off the ball: the straight path of a morph would otherwise cut through it.
    """
    mine = p.lid * (p.xyz[:, 0] > 0)
    amount = np.where(p.upper, upper, lower)
    angle = p.close_rad * mine * amount
    rel = p.xyz - EYE
    c, s = np.cos(angle), np.sin(angle)
    turned = np.column_stack([rel[:, 0], c * rel[:, 1] + s * rel[:, 2], c * rel[:, 2] - s * rel[:, 1]])
    lift = 1.0 + mine * np.maximum(amount, 0.0) * np.where(p.upper, 0.05, 0.03)
    out: Float64 = turned * lift[:, None] - rel
    return out


def _lids_aside(p: FacePoints, degrees: float) -> Float64:
    """Turn the left lids about the vertical, as the eye drags them; the corners stay."""
    mine = p.lid * (p.xyz[:, 0] > 0) * smooth_step(0.0, 1.0, np.abs(p.close_rad) / 0.5)
    angle = np.radians(degrees) * mine
    rel = p.xyz - EYE
    c, s = np.cos(angle), np.sin(angle)
    turned = np.column_stack([c * rel[:, 0] + s * rel[:, 2], rel[:, 1], c * rel[:, 2] - s * rel[:, 0]])
    out: Float64 = turned - rel
    return out


def _below(p: FacePoints) -> tuple[Float64, Float64]:
    """(V,) distance below the line of the mouth (negative = above), and the side: -1 below, +1 above."""
    x, y, _ = p.xyz.T
    line = mouth_line(x) + 2.6 * smooth_step(MOUTH_HALF, 7.0, np.abs(x))
    q = line - y
    return q, np.where(p.above != 0, p.above, -np.sign(np.round(q, 6)))


def _lens(p: FacePoints) -> Float64:
    """(V,) 1 in the middle of the mouth, 0 from its corners on."""
    s = np.clip(np.abs(p.xyz[:, 0]) / MOUTH_HALF, 0.0, 1.0)
    out: Float64 = (1.0 - s**2) ** 0.6
    return out


def jaw_share(p: FacePoints) -> Float64:
    """(V,) how far a point follows the jaw: the lower lip wholly, the upper not at all, the corners partly."""
    q, side = _below(p)
    free = smooth_step(-2.0, 3.2, q) * smooth_step(-3.0, 2.5, p.xyz[:, 2])
    lens = _lens(p)
    out: Float64 = free + lens * np.where(side < 0, smooth_step(-3.0, 2.5, p.xyz[:, 2]) - free, -free)
    return out


def _close(p: FacePoints) -> Float64:
    """What brings both lips back to where they were before the jaw opened; the chin stays down."""
    q, _ = _below(p)
    near = np.exp(-((q / 1.7) ** 2)) * (1.0 - smooth_step(MOUTH_HALF, MOUTH_HALF + 2.2, np.abs(p.xyz[:, 0])))
    return -jaw_turn(p.xyz, jaw_share(p) * near)


def _lip(p: FacePoints, side: int, move: npt.ArrayLike, depth: float = 0.8) -> Float64:
    """Push one lip (side +1 upper, -1 lower), fading with the distance from its edge and towards the corners."""
    q, here = _below(p)
    strength = np.where(here == side, np.exp(-((q / depth) ** 2)), 0.0) * _lens(p)
    strength = strength * smooth_step(0.0, 3.0, p.xyz[:, 2])
    return _times(strength, move)


def _left(p: FacePoints, field: Float64) -> Float64:
    """The left half of a field, with a soft seam."""
    return field * smooth_step(-0.7, 1.1, p.xyz[:, 0])[:, None]


def _jaw(p: FacePoints, move: tuple[float, float, float]) -> Float64:
    return _times(jaw_share(p), move)


def _inward(p: FacePoints, amount: float, forward: float) -> Float64:
    """Draw the mouth together sideways and push it out."""
    x, y, z = p.xyz.T
    near = np.exp(-((x / 3.4) ** 2) - ((y + 5.6) / 2.0) ** 2) * smooth_step(0.0, 3.0, z)
    return np.column_stack([-amount * x * near, 0 * y, forward * near])


_FIELDS: dict[str, Field] = {
    "eyeBlinkLeft": lambda p: (
        _lids(p, 1.0, 1.0)
        + _bump(p, (3.6, 3.9), (2.4, 1.2), (0, -0.10, 0))
        + _bump(p, (3.7, -3.0), (2, 1), (0, 0.12, 0))
    ),
    "eyeLookDownLeft": lambda p: _lids(p, 0.46, -0.30),
    "eyeLookInLeft": lambda p: _lids_aside(p, -7.0),
    "eyeLookOutLeft": lambda p: _lids_aside(p, 7.0),
    "eyeLookUpLeft": lambda p: _lids(p, -0.26, 0.12) + _bump(p, (3.6, 3.9), (2.4, 1.2), (0, 0.12, 0)),
    "eyeSquintLeft": lambda p: (
        _lids(p, 0.30, 0.95)
        + _bump(p, (3.8, -2.7), (2.2, 1.0), (0, 0.35, 0.12))
        + _bump(p, (3.4, 3.9), (2.4, 1.2), (0, -0.22, 0.05))
    ),
    "eyeWideLeft": lambda p: _lids(p, -0.34, -0.45) + _bump(p, (3.6, 3.9), (2.6, 1.3), (0, 0.28, -0.06)),
    "jawForward": lambda p: _jaw(p, (0, 0.05, 0.85)),
    "jawLeft": lambda p: _jaw(p, (0.95, 0, -0.05)),
    "jawRight": lambda p: _jaw(p, (-0.95, 0, -0.05)),
    "jawOpen": lambda p: jaw_turn(p.xyz, jaw_share(p)),
    "mouthClose": _close,
    "mouthFunnel": lambda p: (
        _inward(p, 0.36, 0.75) + _lip(p, 1, (0, 0.55, 0.25), 1.0) + _lip(p, -1, (0, -0.75, 0.25), 1.1)
    ),
    "mouthPucker": lambda p: (
        _inward(p, 0.50, 0.80) + _lip(p, 1, (0, 0.08, 0.28), 0.7) + _lip(p, -1, (0, -0.05, 0.30), 0.8)
    ),
    "mouthLeft": lambda p: (
        _bump(p, (0, -5.7), (3.4, 1.7), (1.0, 0.0, 0.0)) + _bump(p, CORNER, (1.5, 1.2), (0, 0.25, -0.2))
    ),
    "mouthRight": lambda p: (
        _bump(p, (0, -5.7), (3.4, 1.7), (-1.0, 0.0, 0.0))
        + _bump(p, (-CORNER[0], CORNER[1]), (1.5, 1.2), (0, 0.25, -0.2))
    ),
    "mouthSmileLeft": lambda p: (
        _bump(p, CORNER, (1.7, 1.5), (0.85, 1.10, -0.55))
        + _bump(p, (3.9, -3.3), (1.7, 1.2), (0.10, 0.45, 0.35))
        + _left(p, _bump(p, (1.0, -5.0), (1.4, 1.2), (0.1, 0.15, -0.12)))
    ),
    "mouthFrownLeft": lambda p: (
        _bump(p, CORNER, (1.5, 1.4), (0.15, -1.25, -0.15)) + _bump(p, (2.2, -7.2), (1.3, 1.0), (0.1, -0.15, 0.15))
    ),
    "mouthDimpleLeft": lambda p: (
        _bump(p, (CORNER[0] + 0.2, CORNER[1]), (1.2, 1.1), (0.65, 0.18, -0.65))
        + _bump(p, (3.6, -5.0), (0.9, 0.9), (0.0, 0.0, -0.25))
    ),
    "mouthStretchLeft": lambda p: (
        _bump(p, CORNER, (1.9, 1.5), (1.15, -0.40, -0.60))
        + _bump(p, (2.8, -7.8), (1.6, 1.4), (0.25, -0.25, 0.0))
        + _left(p, _lip(p, -1, (0.2, -0.22, -0.05)))
    ),
    "mouthRollLower": lambda p: _lip(p, -1, (0, 0.34, -0.75), 0.62) + _bump(p, (0, -7.2), (1.6, 0.8), (0, 0.25, 0.15)),
    "mouthRollUpper": lambda p: _lip(p, 1, (0, -0.30, -0.70), 0.58) + _bump(p, (0, -4.7), (1.5, 0.5), (0, -0.15, 0.0)),
    "mouthShrugLower": lambda p: (
        _lip(p, -1, (0, 0.42, 0.45), 1.1)
        + _lip(p, 1, (0, 0.42, 0.28), 0.9)
        + _bump(p, (0, -8.0), (1.9, 1.2), (0, 0.60, 0.22))
    ),
    "mouthShrugUpper": lambda p: (
        _lip(p, 1, (0, 0.36, 0.48), 0.9)
        + _lip(p, -1, (0, 0.30, 0.20), 0.5)
        + _bump(p, (0, -4.3), (1.6, 0.6), (0, 0.15, 0.2))
    ),
    "mouthPressLeft": lambda p: _left(
        p,
        _lip(p, 1, (0, -0.16, -0.46), 0.6)
        + _lip(p, -1, (0, 0.22, -0.52), 0.7)
        + _bump(p, CORNER, (1.1, 0.9), (0.20, -0.30, -0.25))
        + _bump(p, (1.0, -7.1), (1.3, 0.7), (0, 0.15, 0.15)),
    ),
    "mouthLowerDownLeft": lambda p: _left(
        p, _lip(p, -1, (0.12, -0.95, 0.0), 1.3) + _bump(p, (1.4, -7.4), (1.4, 1.1), (0.1, -0.3, 0.05))
    ),
    "mouthUpperUpLeft": lambda p: _left(
        p,
        _lip(p, 1, (0.05, 0.95, 0.08), 1.1)
        + _bump(p, (1.9, -4.3), (1.2, 0.9), (0.05, 0.32, 0.18))
        + _bump(p, (1.1, -3.2), (0.7, 0.6), (0.08, 0.12, 0)),
    ),
    "browDownLeft": lambda p: (
        _bump(p, (3.2, 4.1), (2.5, 1.6), (-0.15, -1.30, 0.20))
        + _bump(p, (1.7, 3.8), (1.4, 1.7), (-0.30, -1.05, 0.12))
        + _lids(p, 0.16, 0.0)
    ),
    "browInnerUp": lambda p: _both(p, (1.4, 4.0), (1.6, 1.5), (0.02, 1.42, -0.10)),
    "browOuterUpLeft": lambda p: _bump(p, (4.9, 4.0), (2.2, 1.6), (0.05, 1.25, -0.30)),
    "cheekPuff": lambda p: (
        _both(p, (4.1, -5.2), (2.1, 1.9), (1.05, -0.05, 0.95))
        + _bump(p, (0, -5.7), (2.2, 1.3), (0, 0, 0.35))
        + _bump(p, (0, -4.4), (1.6, 0.7), (0, 0, 0.25))
    ),
    "cheekSquintLeft": lambda p: (
        _bump(p, (4.0, -3.0), (2.1, 1.25), (0.12, 0.75, 0.50))
        + _lids(p, 0.0, 0.75)
        + _bump(p, CORNER, (1.4, 1.2), (0.05, 0.18, 0))
    ),
    "noseSneerLeft": lambda p: (
        _bump(p, (1.15, -2.9), (0.9, 0.9), (0.14, 0.72, 0.15))
        + _left(p, _bump(p, (0.5, -0.9), (0.9, 1.0), (0.0, 0.36, 0.26)))
        + _bump(p, (1.9, -4.1), (1.2, 1.0), (0.08, 0.70, 0.22))
        + _left(p, _lip(p, 1, (0.0, 0.26, 0.08), 1.0))
        + _bump(p, (1.5, 3.7), (1.4, 1.6), (-0.12, -0.50, 0.10))
        + _lids(p, 0.08, 0.40)
    ),
    "tongueOut": lambda p: (
        jaw_turn(p.xyz, 0.16 * jaw_share(p)) + _lip(p, -1, (0, -0.42, 0.12), 0.9) + _lip(p, 1, (0, 0.30, 0.05), 0.8)
    ),
}
