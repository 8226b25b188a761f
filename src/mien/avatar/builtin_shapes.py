"""The 52 shapes of the built-in character, as displacement fields over points of the face. Lengths in cm.

Every field is a few soft bumps in front view, a turn of the jaw about its hinge, or a lid sliding over the
eyeball. Only the left half of a pair is written; the right half is its mirror image, exactly.
"""

from __future__ import annotations

from collections.abc import Callable

from mien.avatar.builtin_form import MOUTH_HALF, FacePoints
from mien.avatar.builtin_pushes import (
    bump,
    closed_lips,
    drawn_in,
    jaw_share,
    jaw_turn,
    left_half,
    lids_aside,
    lowered_brow,
    moved_jaw,
    moved_lip,
    on_both_sides,
    slid_lids,
)
from mien.avatar.character import SHAPES
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


_FIELDS: dict[str, Field] = {
    "eyeBlinkLeft": lambda p: (
        slid_lids(p, 1.0, 1.0)
        + bump(p, (3.6, 3.9), (2.4, 1.2), (0, -0.10, 0))
        + bump(p, (3.7, -3.0), (2, 1), (0, 0.12, 0))
    ),
    "eyeLookDownLeft": lambda p: slid_lids(p, 0.46, -0.30),
    "eyeLookInLeft": lambda p: lids_aside(p, -7.0),
    "eyeLookOutLeft": lambda p: lids_aside(p, 7.0),
    "eyeLookUpLeft": lambda p: slid_lids(p, -0.26, 0.12) + bump(p, (3.6, 3.9), (2.4, 1.2), (0, 0.12, 0)),
    "eyeSquintLeft": lambda p: (
        slid_lids(p, 0.30, 0.95)
        + bump(p, (3.8, -2.7), (2.2, 1.0), (0, 0.35, 0.12))
        + bump(p, (3.4, 3.9), (2.4, 1.2), (0, -0.22, 0.05))
    ),
    "eyeWideLeft": lambda p: slid_lids(p, -0.34, -0.45) + bump(p, (3.6, 3.9), (2.6, 1.3), (0, 0.28, -0.06)),
    "jawForward": lambda p: moved_jaw(p, (0, 0.05, 0.85)),
    "jawLeft": lambda p: moved_jaw(p, (0.95, 0, -0.05)),
    "jawRight": lambda p: moved_jaw(p, (-0.95, 0, -0.05)),
    "jawOpen": lambda p: jaw_turn(p.xyz, jaw_share(p)),
    "mouthClose": closed_lips,
    "mouthFunnel": lambda p: (
        drawn_in(p, 0.36, 0.75) + moved_lip(p, 1, (0, 0.55, 0.25), 1.0) + moved_lip(p, -1, (0, -0.75, 0.25), 1.1)
    ),
    "mouthPucker": lambda p: (
        drawn_in(p, 0.50, 0.80) + moved_lip(p, 1, (0, 0.08, 0.28), 0.7) + moved_lip(p, -1, (0, -0.05, 0.30), 0.8)
    ),
    "mouthLeft": lambda p: (
        bump(p, (0, -5.7), (3.4, 1.7), (1.0, 0.0, 0.0)) + bump(p, CORNER, (1.5, 1.2), (0, 0.25, -0.2))
    ),
    "mouthRight": lambda p: (
        bump(p, (0, -5.7), (3.4, 1.7), (-1.0, 0.0, 0.0)) + bump(p, (-CORNER[0], CORNER[1]), (1.5, 1.2), (0, 0.25, -0.2))
    ),
    "mouthSmileLeft": lambda p: (
        bump(p, CORNER, (1.7, 1.5), (0.85, 1.10, -0.55))
        + bump(p, (3.9, -3.3), (1.7, 1.2), (0.10, 0.45, 0.35))
        + left_half(p, bump(p, (1.0, -5.0), (1.4, 1.2), (0.1, 0.15, -0.12)))
    ),
    "mouthFrownLeft": lambda p: (
        bump(p, CORNER, (1.5, 1.4), (0.15, -1.25, -0.15)) + bump(p, (2.2, -7.2), (1.3, 1.0), (0.1, -0.15, 0.15))
    ),
    "mouthDimpleLeft": lambda p: (
        bump(p, (CORNER[0] + 0.2, CORNER[1]), (1.2, 1.1), (0.65, 0.18, -0.65))
        + bump(p, (3.6, -5.0), (0.9, 0.9), (0.0, 0.0, -0.25))
    ),
    "mouthStretchLeft": lambda p: (
        bump(p, CORNER, (1.9, 1.5), (1.15, -0.40, -0.60))
        + bump(p, (2.8, -7.8), (1.6, 1.4), (0.25, -0.25, 0.0))
        + left_half(p, moved_lip(p, -1, (0.2, -0.22, -0.05)))
    ),
    "mouthRollLower": lambda p: (
        moved_lip(p, -1, (0, 0.34, -0.75), 0.62) + bump(p, (0, -7.2), (1.6, 0.8), (0, 0.25, 0.15))
    ),
    "mouthRollUpper": lambda p: (
        moved_lip(p, 1, (0, -0.30, -0.70), 0.58) + bump(p, (0, -4.7), (1.5, 0.5), (0, -0.15, 0.0))
    ),
    "mouthShrugLower": lambda p: (
        moved_lip(p, -1, (0, 0.42, 0.45), 1.1)
        + moved_lip(p, 1, (0, 0.42, 0.28), 0.9)
        + bump(p, (0, -8.0), (1.9, 1.2), (0, 0.60, 0.22))
    ),
    "mouthShrugUpper": lambda p: (
        moved_lip(p, 1, (0, 0.36, 0.48), 0.9)
        + moved_lip(p, -1, (0, 0.30, 0.20), 0.5)
        + bump(p, (0, -4.3), (1.6, 0.6), (0, 0.15, 0.2))
    ),
    "mouthPressLeft": lambda p: left_half(
        p,
        moved_lip(p, 1, (0, -0.16, -0.46), 0.6)
        + moved_lip(p, -1, (0, 0.22, -0.52), 0.7)
        + bump(p, CORNER, (1.1, 0.9), (0.20, -0.30, -0.25))
        + bump(p, (1.0, -7.1), (1.3, 0.7), (0, 0.15, 0.15)),
    ),
    "mouthLowerDownLeft": lambda p: left_half(
        p, moved_lip(p, -1, (0.12, -0.95, 0.0), 1.3) + bump(p, (1.4, -7.4), (1.4, 1.1), (0.1, -0.3, 0.05))
    ),
    "mouthUpperUpLeft": lambda p: left_half(
        p,
        moved_lip(p, 1, (0.05, 0.95, 0.08), 1.1)
        + bump(p, (1.9, -4.3), (1.2, 0.9), (0.05, 0.32, 0.18))
        + bump(p, (1.1, -3.2), (0.7, 0.6), (0.08, 0.12, 0)),
    ),
    "browDownLeft": lambda p: (
        lowered_brow(p, (3.2, 4.1), (2.5, 1.6), (-0.15, -1.30, 0.20))
        + lowered_brow(p, (1.7, 3.8), (1.4, 1.7), (-0.30, -1.05, 0.12))
        + slid_lids(p, 0.16, 0.0)
    ),
    "browInnerUp": lambda p: on_both_sides(p, (1.4, 4.0), (1.6, 1.5), (0.02, 1.42, -0.10)),
    "browOuterUpLeft": lambda p: bump(p, (4.9, 4.0), (2.2, 1.6), (0.05, 1.25, -0.30)),
    "cheekPuff": lambda p: (
        on_both_sides(p, (4.1, -5.2), (2.1, 1.9), (1.05, -0.05, 0.95))
        + bump(p, (0, -5.7), (2.2, 1.3), (0, 0, 0.35))
        + bump(p, (0, -4.4), (1.6, 0.7), (0, 0, 0.25))
    ),
    "cheekSquintLeft": lambda p: (
        bump(p, (4.0, -3.0), (2.1, 1.25), (0.12, 0.75, 0.50))
        + slid_lids(p, 0.0, 0.75)
        + bump(p, CORNER, (1.4, 1.2), (0.05, 0.18, 0))
    ),
    "noseSneerLeft": lambda p: (
        bump(p, (1.15, -2.9), (0.9, 0.9), (0.14, 0.72, 0.15))
        + left_half(p, bump(p, (0.5, -0.9), (0.9, 1.0), (0.0, 0.36, 0.26)))
        + bump(p, (1.9, -4.1), (1.2, 1.0), (0.08, 0.70, 0.22))
        + left_half(p, moved_lip(p, 1, (0.0, 0.26, 0.08), 1.0))
        + lowered_brow(p, (1.5, 3.7), (1.4, 1.6), (-0.12, -0.50, 0.10))
        + slid_lids(p, 0.08, 0.40)
    ),
    "tongueOut": lambda p: (
        jaw_turn(p.xyz, 0.16 * jaw_share(p))
        + moved_lip(p, -1, (0, -0.42, 0.12), 0.9)
        + moved_lip(p, 1, (0, 0.30, 0.05), 0.8)
    ),
}
