"""What the shapes of the built-in character are made of: soft pushes, a jaw that turns, lids that slide. Lengths in cm.

All take the points of the face and return (V, 3) offsets or (V,) shares; `builtin_shapes` puts them together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.avatar.builtin_form import EYE, HINGE, JAW_OPEN_RAD, MOUTH_HALF, FacePoints, mouth_line
from mien.avatar.solid import smooth_step
from mien.core.arrays import Float64

_BELOW_BROW = 2.0
"""Height over which the push of a lowered brow fades below it, cm."""


def jaw_turn(xyz: Float64, share: Float64) -> Float64:
    """(V, 3) offsets of points that follow the open jaw by `share` (V,)."""
    rel = xyz - HINGE
    c, s = np.cos(JAW_OPEN_RAD), np.sin(JAW_OPEN_RAD)
    turned = np.column_stack([rel[:, 0], c * rel[:, 1] - s * rel[:, 2], s * rel[:, 1] + c * rel[:, 2]])
    out: Float64 = (turned - rel) * share[:, None]
    return out


def bump(p: FacePoints, centre: tuple[float, float], width: tuple[float, float], move: npt.ArrayLike) -> Float64:
    """A soft push of the front of the face; the lids' edges, which ride on the eyeball, stay."""
    x, y, z = p.xyz.T
    strength = np.exp(-(((x - centre[0]) / width[0]) ** 2) - ((y - centre[1]) / width[1]) ** 2)
    strength = strength * smooth_step(-2.5, 2.0, z) * (1.0 - p.lid)
    return _times(strength, move)


def lowered_brow(
    p: FacePoints, centre: tuple[float, float], width: tuple[float, float], move: npt.ArrayLike
) -> Float64:
    """A push of a brow downwards: it fades more slowly below the brow, and the folds of the lid go with it some way.
    Otherwise the skin between brow and lid is pushed through itself, and the crease gets an edge."""
    x, y, z = p.xyz.T
    high = np.where(y > centre[1], width[1], _BELOW_BROW)
    strength = np.exp(-(((x - centre[0]) / width[0]) ** 2) - ((y - centre[1]) / high) ** 2)
    return _times(strength * smooth_step(-2.5, 2.0, z) * np.sqrt(1.0 - p.lid), move)


def _times(strength: Float64, move: npt.ArrayLike) -> Float64:
    out: Float64 = strength[:, None] * np.asarray(move, dtype=np.float64)
    return out


def on_both_sides(
    p: FacePoints, centre: tuple[float, float], width: tuple[float, float], move: tuple[float, ...]
) -> Float64:
    """The same push on both sides."""
    left = bump(p, centre, width, move)
    return left + bump(p, (-centre[0], centre[1]), width, (-move[0], *move[1:]))


def slid_lids(p: FacePoints, upper: float, lower: float) -> Float64:
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


def lids_aside(p: FacePoints, degrees: float) -> Float64:
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


def closed_lips(p: FacePoints) -> Float64:
    """What brings both lips back to where they were before the jaw opened; the chin stays down."""
    q, _ = _below(p)
    near = np.exp(-((q / 1.7) ** 2)) * (1.0 - smooth_step(MOUTH_HALF, MOUTH_HALF + 2.2, np.abs(p.xyz[:, 0])))
    return -jaw_turn(p.xyz, jaw_share(p) * near)


def moved_lip(p: FacePoints, side: int, move: npt.ArrayLike, depth: float = 0.8) -> Float64:
    """Push one lip (side +1 upper, -1 lower), fading with the distance from its edge and towards the corners."""
    q, here = _below(p)
    strength = np.where(here == side, np.exp(-((q / depth) ** 2)), 0.0) * _lens(p)
    strength = strength * smooth_step(0.0, 3.0, p.xyz[:, 2])
    return _times(strength, move)


def left_half(p: FacePoints, field: Float64) -> Float64:
    """The left half of a field, with a soft seam."""
    return field * smooth_step(-0.7, 1.1, p.xyz[:, 0])[:, None]


def moved_jaw(p: FacePoints, move: tuple[float, float, float]) -> Float64:
    return _times(jaw_share(p), move)


def drawn_in(p: FacePoints, amount: float, forward: float) -> Float64:
    """Draw the mouth together sideways and push it out."""
    x, y, z = p.xyz.T
    near = np.exp(-((x / 3.4) ** 2) - ((y + 5.6) / 2.0) ** 2) * smooth_step(0.0, 3.0, z)
    return np.column_stack([-amount * x * near, 0 * y, forward * near])
