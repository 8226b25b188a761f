"""Inside the mouth of the built-in character: cavity, teeth and tongue. Lengths in cm, head frame."""

from __future__ import annotations

import numpy as np

from mien.avatar.builtin_eyes import Coloured
from mien.avatar.builtin_form import FacePoints, mouth_line
from mien.avatar.builtin_mesh import curve, loft, tube
from mien.avatar.builtin_pushes import jaw_turn
from mien.avatar.builtin_shapes import displacements
from mien.avatar.builtin_skin import Skin
from mien.core.arrays import AnyArray, Float64

_RIGID = ("jawOpen", "jawForward", "jawLeft", "jawRight")
_DEPTHS = (
    (0.0, 0.0, 1.0, 0.0),
    (0.55, 0.30, 1.0, 0.25),
    (1.3, 0.95, 0.98, 0.6),
    (2.8, 1.25, 0.85, 0.9),
    (4.3, 0.9, 0.5, 1.0),
)
"""Per loop of the cavity: distance behind the lips, half height, width, and how little it follows the lips."""
_GUM = np.array([0.50, 0.16, 0.15])
_TOOTH = np.array([0.86, 0.84, 0.78])


def cavity(face: Skin) -> tuple[Float64, AnyArray, dict[str, Float64], Float64]:
    """The lining from the lips backwards: points, triangles (seen from the mouth), offsets, colours."""
    lips = face.points.xyz[face.lips]
    above = face.points.above[face.lips]
    bow = np.sqrt(np.clip(1.0 - (lips[:, 0] / 2.35) ** 2, 0.0, 1.0))
    rings, colours = [], []
    for back, high, wide, _ in _DEPTHS:
        rings.append(lips * [wide, 1.0, 1.0] + np.column_stack([0 * bow, above * high * bow, np.full(len(bow), -back)]))
        colours.append(np.tile(np.array([0.42, 0.11, 0.10]) * (1.0 - 0.22 * back), (len(bow), 1)))
    middle = rings[-1].mean(axis=0, keepdims=True)
    xyz = np.concatenate([*rings, middle])
    follow = np.concatenate([np.repeat([1.0 - d[3] for d in _DEPTHS], len(bow)), [0.0]])
    nothing = np.zeros(len(xyz))
    points = FacePoints(xyz, np.append(np.tile(above, len(_DEPTHS)), 0), nothing, nothing, np.zeros(len(xyz), bool))
    offsets = {
        name: d if name in (*_RIGID, "mouthClose", "tongueOut") else d * follow[:, None]
        for name, d in displacements(points).items()
    }
    triangles = loft(len(rings), len(bow), ends=(False, True))
    return xyz, _facing_front(xyz, triangles), offsets, np.concatenate([*colours, colours[-1][:1]])


def _facing_front(xyz: Float64, triangles: AnyArray) -> AnyArray:
    """Triangles of a bag turned so that its floor at the back faces the opening."""
    a, b, c = (xyz[triangles[-1, i]] for i in range(3))
    return triangles if np.cross(b - a, c - a)[2] > 0 else triangles[:, ::-1]


def teeth(front_z: float, upper: bool) -> Coloured:
    """One row: a band with shallow gaps on a strip of gum, curved like a horseshoe."""
    theta = np.radians(np.linspace(-82.0, 82.0, 65))
    wide = 1.92 if upper else 1.75
    x, z = wide * np.sin(theta), front_z - (0.0 if upper else 0.18) - 1.75 * (1.0 - np.cos(theta)) ** 1.1
    sign = 1.0 if upper else -1.0
    cell = np.abs(np.sin(np.linspace(-4.0, 4.0, 65) * np.pi))  # eight teeth
    edge = np.sqrt(cell) * 0.09 * np.cos(theta)
    line = mouth_line(np.zeros(1))[0] + (-0.08 if upper else -0.30)
    tall = (0.66 if upper else 0.58) * (0.75 + 0.25 * np.cos(theta))
    groove = 0.07 * (1.0 - cell) ** 2
    rows = [  # height from the biting edge, depth behind the front, colour
        (tall + 0.75, 0.35 + 0 * x, _GUM * 0.8),
        (tall + 0.15, 0.02 + 0 * x, _GUM),
        (tall - 0.02, 0.03 + groove, _GUM * 1.05),
        (tall - 0.06, 0.04 + groove, _TOOTH * 0.92),
        (tall * 0.5, groove, _TOOTH),
        (0.05 - edge, 0.05 + groove, _TOOTH * 0.97),
        (0.0 - edge, 0.20 + groove, _TOOTH * 0.75),
        (tall, 0.42 + 0 * x, _GUM * 0.4),
    ]
    outward = np.column_stack([np.sin(theta), np.cos(theta)])
    xyz = np.concatenate(
        [np.column_stack([x - b * outward[:, 0], line + sign * h, z - b * outward[:, 1]]) for h, b, _ in rows]
    )
    shade = (0.12 + 0.88 * np.cos(theta) ** 0.8) * (1.0 - 0.22 * (1 - cell) ** 4)
    colours = np.concatenate([c * shade[:, None] for _, _, c in rows])
    triangles = loft(len(rows), 65, closed=False)
    return Coloured(xyz, triangles[:, ::-1] if upper else triangles, np.clip(colours, 0.0, 1.0))


def lower_offsets(xyz: Float64) -> dict[str, Float64]:
    """Offsets of what is fixed to the jaw."""
    whole = np.ones(len(xyz))
    return {
        "jawOpen": jaw_turn(xyz, whole),
        "jawForward": whole[:, None] * [0.0, 0.05, 0.6],
        "jawLeft": whole[:, None] * [0.9, 0.0, 0.0],
        "jawRight": whole[:, None] * [-0.9, 0.0, 0.0],
        "tongueOut": jaw_turn(xyz, 0.16 * whole),
    }


def tongue(front_z: float) -> tuple[Float64, AnyArray, dict[str, Float64]]:
    """The tongue at rest behind the lower teeth, and its way out over the lip."""
    line = float(mouth_line(np.zeros(1))[0])
    rest = np.array(
        [[0, line - 0.8, 2.0], [0, line - 0.68, 3.6], [0, line - 0.80, front_z - 1.5], [0, line - 1.00, front_z - 0.75]]
    )
    out = np.array(
        [
            [0, line - 0.7, 2.0],
            [0, line - 0.35, front_z - 0.5],
            [0, line - 0.48, front_z + 1.35],
            [0, line - 2.25, front_z + 2.05],
        ]
    )
    xyz, triangles = _tongue_along(rest, (1.15, 0.46))
    long, _ = _tongue_along(out, (1.05, 0.27))
    offsets = lower_offsets(xyz)
    offsets["tongueOut"] = long - xyz
    return xyz, triangles, offsets


def _tongue_along(points: Float64, size: tuple[float, float]) -> tuple[Float64, AnyArray]:
    n = 14
    path = curve(points, n)
    t = np.linspace(0.0, 1.0, n)
    round_end = np.sqrt(np.clip(1.0 - np.clip((t - 0.72) / 0.285, 0.0, 1.0) ** 2, 0.02, 1.0))
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.tile([1.0, 0.0, 0.0], (n, 1))
    up = np.cross(along, side)
    xyz, triangles = tube(path, side * (size[0] * round_end)[:, None], up * (size[1] * round_end)[:, None], 14)
    rings = xyz[: n * 14].reshape(n, 14, 3)
    middle = np.exp(-((rings[..., 0] / 0.28) ** 2)) * (np.einsum("rsk,rk->rs", rings - path[:, None], up) > 0)
    rings -= (0.10 * middle)[..., None] * up[:, None]
    return np.concatenate([rings.reshape(-1, 3), xyz[n * 14 :]]), triangles
