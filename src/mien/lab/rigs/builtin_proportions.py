"""The built-in character's head brought to the proportions of people.

The character is a cartoon: eyeballs of twice the size, brows high on the forehead, a short nose and chin. Networks
that learnt from people misplace points on it, and whoever learns from it would misplace them on people. One smooth
map of its space mends that: each eye with its lids shrinks about its centre, so that lids still fit the ball, and
everything else is stretched or squeezed by height. Shapes follow by the map's slope. The character itself is not
changed. The aim: adults with 62 mm between the pupils, about 46 mm from the eyes to the foot of the nose, 66 to the
line of the mouth, 111 to the chin, lid openings of 26 × 10 mm; round numbers that lie near those of the other rigs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float32, Float64

EYE_SCALE = 0.59
_EYE_MM = np.array([31.0, 0.0, 5.0])
"""Where the left eye goes; the map keeps the origin midway between the character's eyes."""
_KEPT_MM, _FREE_MM = 29.0, 47.0
"""Nearer to its centre than the first, all moves with an eye; beyond the second, nothing."""
_ACROSS = 0.91
_SLOPES = np.array(  # height on the character, mm; how much longer or shorter heights are there
    [
        (-240.0, 0.9),
        (-102.0, 1.0),
        (-57.0, 1.0),
        (-38.0, 1.1),
        (-20.0, 1.3),
        (-10.0, 1.2),
        (6.0, 0.6),
        (20.0, 0.45),
        (50.0, 0.45),
        (75.0, 1.3),
        (113.0, 1.0),
        (140.0, 1.0),
    ]
)
_MOUTH_MM, _MOUTH_REACH_MM, _MOUTH_WIDER = (-57.0, 33.0), 24.0, 0.20
_LIDS_AT_REST = {"eyeBlink": 0.2, "eyeSquint": 0.45}
"""How far the character's wide eyes are closed: the part of these shapes that becomes the face at rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Proportioned:
    """The head with other proportions.

    Attributes:
        vertices: (V, 3) float32 mm, origin midway between the eyes.
        centres: (2, 3) float32 mm, left and right eyeball.
        shapes: name → (V, 3) float32 mm.
    """

    vertices: Float32
    centres: Float32
    shapes: Mapping[str, Float32]


def proportioned(vertices: Float32, centres: Float32, shapes: Mapping[str, Float32]) -> Proportioned:
    """Bring the character's head to the proportions of people.

    Args:
        vertices: (V, 3) mm, origin midway between the eyes.
        centres: (2, 3) mm, left and right eyeball.
        shapes: name → (V, 3) mm.
    """
    at = vertices.astype(np.float64)
    moved, slope = _stretched(at)
    sides = np.array([1.0, -1.0])[:, None] * [1.0, 0.0, 0.0] + [0.0, 1.0, 1.0]
    for centre, side in zip(centres, sides, strict=True):
        share = _share(np.linalg.norm(at - centre, axis=1))[:, None]
        moved += share * (_EYE_MM * side + EYE_SCALE * (at - centre) - moved)
        slope += share * (EYE_SCALE - slope)
    out = {name: offsets * slope for name, offsets in shapes.items()}
    for end in ("Left", "Right"):
        rest = sum(share * out[kind + end] for kind, share in _LIDS_AT_REST.items())
        moved += rest
        # A closed eye ends where the character's does.
        out["eyeBlink" + end] = out["eyeBlink" + end] - rest
        out["eyeSquint" + end] = out["eyeSquint" + end] * (1.0 - _LIDS_AT_REST["eyeSquint"])
    origin = _EYE_MM * [0.0, 1.0, 1.0]
    return Proportioned(
        np.asarray(moved - origin, dtype=np.float32),
        (_EYE_MM * sides - origin).astype(np.float32),
        {name: np.asarray(offsets, dtype=np.float32) for name, offsets in out.items()},
    )


def _share(away_mm: Float64) -> Float64:
    t = np.clip((_FREE_MM - away_mm) / (_FREE_MM - _KEPT_MM), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def _stretched(at: Float64) -> tuple[Float64, Float64]:
    """(V, 3) places and (V, 3) slopes of the map along each axis."""
    grid = np.arange(_SLOPES[0, 0], _SLOPES[-1, 0] + 1.0, 0.5)
    steep = np.interp(grid, _SLOPES[:, 0], _SLOPES[:, 1])
    height = np.concatenate([[0.0], np.cumsum((steep[1:] + steep[:-1]) / 4.0)])
    height -= np.interp(0.0, grid, height)
    x, y, z = at.T
    from_mouth = (x**2 + (y - _MOUTH_MM[0]) ** 2 + (z - _MOUTH_MM[1]) ** 2) / (2.0 * _MOUTH_REACH_MM**2)
    wide = _ACROSS + _MOUTH_WIDER * np.exp(-from_mouth)
    # Neck and shoulders are a grown-up's too.
    wide += 0.35 * np.clip((-95.0 - y) / 50.0, 0.0, 1.0)
    slope = np.column_stack([wide, np.interp(y, grid, steep), np.full(len(at), _ACROSS)])
    return np.column_stack([wide * x, np.interp(y, grid, height), _ACROSS * z]), slope
