"""Hair, ears, neck and jumper of the built-in character: what does not move with the face. Lengths in cm."""

from __future__ import annotations

import numpy as np

from mien.avatar.builtin_form import RAY_CENTRE, skin
from mien.avatar.builtin_mesh import curve, facing_out, loft, tube
from mien.avatar.solid import cast
from mien.core.arrays import AnyArray, Float64

_HAIRLINE = np.array(  # azimuth from the front, elevation of the hairline, degrees
    [
        (0, 52),
        (18, 51),
        (34, 47),
        (48, 40),
        (58, 30),
        (66, 16),
        (72, -1),
        (78, -5),
        (84, -3),
        (92, 6),
        (104, 7),
        (114, 0),
        (124, -16),
        (140, -27),
        (180, -31),
    ],
    dtype=np.float64,
)
_LOCKS = (  # (azimuth to the left, elevation, height above the skin) along the lock; half width
    (((34, 96, 1.0), (22, 74, 2.0), (2, 62, 2.0), (-20, 54, 1.3), (-38, 46, 0.5)), 2.1),
    (((20, 100, 1.0), (-4, 78, 1.9), (-26, 66, 1.9), (-46, 56, 1.3), (-60, 42, 0.5)), 2.1),
    (((40, 86, 1.0), (31, 68, 1.6), (17, 57, 1.6), (2, 51, 1.2), (-12, 48, 0.5)), 1.6),
    (((44, 84, 0.8), (46, 68, 1.3), (50, 57, 1.1), (52, 46, 0.4)), 1.45),
    (((0, 104, 1.0), (-30, 88, 1.6), (-58, 72, 1.5), (-74, 54, 1.2), (-80, 34, 0.5)), 2.2),
    (((56, 84, 0.9), (66, 66, 1.2), (74, 48, 1.0), (80, 28, 0.4)), 1.9),
    (((80, 86, 0.8), (92, 62, 1.2), (100, 38, 1.1), (106, 14, 0.5)), 2.2),
    (((-60, 92, 0.8), (-88, 66, 1.2), (-98, 40, 1.1), (-104, 14, 0.5)), 2.3),
    (((120, 84, 0.8), (128, 56, 1.2), (132, 28, 1.1), (136, -2, 0.5)), 2.6),
    (((-120, 84, 0.8), (-128, 56, 1.2), (-132, 28, 1.1), (-136, -2, 0.5)), 2.6),
    (((170, 88, 0.8), (165, 54, 1.2), (164, 24, 1.2), (166, -10, 0.6)), 2.8),
    (((-150, 88, 0.8), (-160, 54, 1.3), (-166, 22, 1.2), (-168, -14, 0.6)), 2.8),
    (((-18, 92, 1.2), (-8, 102, 2.2), (14, 112, 2.3), (30, 124, 1.6)), 1.2),
)


def hair() -> tuple[Float64, AnyArray]:
    """A cap that follows the skull and the locks that give it a shape."""
    xyz, triangles = _cap()
    for points, width in _LOCKS:
        lock, faces = _lock(np.array(points, dtype=np.float64), width)
        triangles = np.concatenate([triangles, faces + len(xyz)])
        xyz = np.concatenate([xyz, lock])
    return xyz, triangles


def _cap() -> tuple[Float64, AnyArray]:
    """Rings from the hairline to the crown; the first lies under the skin, the next ones round the edge."""
    steps, rows = 84, 13
    azimuth = np.arange(steps) * 360.0 / steps - 180.0
    soft = np.interp(np.abs(azimuth[:, None] + np.linspace(-4, 4, 5)), _HAIRLINE[:, 0], _HAIRLINE[:, 1])
    line = soft.mean(axis=1)
    up = np.concatenate([[0.0, 0.0, 0.015], np.linspace(0.05, 0.985, rows - 3) ** 1.1])
    high = np.concatenate([[-0.5, 0.22, 0.48], 0.6 + 0.35 * np.linspace(0.0, 1.0, rows - 3)])
    rings = []
    for share, height in zip(up, high, strict=True):
        e, a = np.radians(line + share * (90.0 - line)), np.radians(azimuth)
        out = np.column_stack([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)])
        rings.append(cast(skin, RAY_CENTRE + 18.0 * out, -out) + height * out)
    crown = rings[-1].mean(axis=0, keepdims=True)
    crown[:, 1] += 0.1
    xyz = np.concatenate([*rings, crown])
    return xyz, facing_out(xyz, loft(rows, steps, ends=(False, True)))


def _lock(points: Float64, width: float) -> tuple[Float64, AnyArray]:
    n = 13
    azimuth, elevation, height = curve(points, n).T
    a, e = np.radians(azimuth), np.radians(elevation)
    out = np.column_stack([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)])
    path = cast(skin, RAY_CENTRE + 18.0 * out, -out) + out * (height[:, None] - 0.35)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(out, along)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    t = np.linspace(0.0, 1.0, n)
    taper = np.sqrt(np.clip(1.0 - (1.0 - np.minimum(t / 0.3, 1.0)) ** 2, 0.05, 1.0)) * np.clip(1.02 - t**2.6, 0.03, 1.0)
    return tube(
        path, side * (width * taper)[:, None], np.cross(along, side) * (0.26 * width * taper + 0.08)[:, None], 12
    )


def ear() -> tuple[Float64, AnyArray]:
    """The left ear: a leaf with a rolled rim and a hollow, turned a little outwards."""
    steps = 30
    psi = np.arange(steps) * 2 * np.pi / steps
    egg = np.column_stack([1.25 * np.cos(psi) * (1.0 + 0.18 * np.sin(psi)), 1.95 * np.sin(psi)])
    rings = []
    # scale of the outline, height above the ear's plane
    for scale, height in (
        (0.10, -0.38),
        (0.30, -0.36),
        (0.48, -0.10),
        (0.60, 0.06),
        (0.72, -0.02),
        (0.84, 0.10),
        (0.95, 0.26),
        (1.04, 0.16),
        (1.05, -0.08),
        (0.92, -0.45),
        (0.70, -1.2),
    ):
        open_front = 1.0 - 0.35 * np.exp(-((np.angle(np.exp(1j * psi)) / 0.7) ** 2)) * (scale > 0.5)
        rings.append(np.column_stack([egg * scale * open_front[:, None], np.full(steps, height)]))
    flat = np.concatenate([*rings, [[0.0, 0.0, -0.40]]])
    tilt, turn = np.radians(-10.0), np.radians(62.0)
    u = np.array([np.cos(turn), 0.0, np.sin(turn)])  # along the ear's front
    w = np.array([np.sin(turn), 0.0, -np.cos(turn)])  # out of its plane, towards the side and the front
    w = np.array([np.cos(np.radians(28.0)), 0.0, np.sin(np.radians(28.0))])
    u = np.array([-np.sin(np.radians(28.0)), 0.0, np.cos(np.radians(28.0))])
    x = flat[:, 0] * np.cos(tilt) - flat[:, 1] * np.sin(tilt)
    y = flat[:, 0] * np.sin(tilt) + flat[:, 1] * np.cos(tilt)
    root = cast(skin, np.array([[16.0, -0.7, -0.9]]), np.array([[-1.0, 0.0, 0.0]]))[0]
    xyz = root + np.array([0.55, 0.0, -0.2]) + x[:, None] * u + y[:, None] * [0.0, 1.0, 0.0] + flat[:, 2:] * w
    triangles = loft(len(rings), steps, ends=(True, False))
    a, b, c = (xyz[triangles[:, k]] for k in range(3))
    towards = np.cross(b - a, c - a)[:200] @ w
    return xyz, triangles if towards.sum() > 0 else triangles[:, ::-1]


def neck() -> tuple[Float64, AnyArray]:
    """From inside the head down into the collar."""
    return _rings(
        [
            (-5.5, -1.6, 3.5, 3.3),
            (-8.0, -1.6, 3.2, 3.1),
            (-10.5, -1.7, 3.1, 3.0),
            (-12.5, -1.9, 3.4, 3.2),
            (-14.5, -2.0, 4.8, 4.0),
        ]
    )


def jumper() -> tuple[Float64, AnyArray]:
    """A rolled collar and shoulders; the bottom is out of the picture."""
    return _rings(
        [
            (-12.2, -1.8, 3.3, 3.1),
            (-11.2, -1.8, 3.55, 3.35),
            (-10.9, -1.8, 3.95, 3.75),
            (-11.2, -1.8, 4.35, 4.1),
            (-12.2, -1.85, 4.5, 4.25),
            (-12.9, -1.9, 4.6, 4.3),
            (-13.2, -1.9, 5.6, 4.7),
            (-13.9, -2.0, 8.2, 5.3),
            (-15.0, -2.1, 10.8, 5.9),
            (-16.8, -2.2, 12.6, 6.4),
            (-19.5, -2.3, 13.6, 6.8),
            (-23.0, -2.3, 13.8, 7.0),
        ]
    )


def _rings(sections: list[tuple[float, float, float, float]]) -> tuple[Float64, AnyArray]:
    """A body through elliptic sections (height, middle z, half width, half depth)."""
    y, z, wide, deep = curve(np.array(sections), 2 * len(sections) + 3).T
    angle = np.arange(36) * 2 * np.pi / 36
    rings = np.stack(
        [wide[:, None] * np.cos(angle), np.repeat(y[:, None], 36, 1), z[:, None] + deep[:, None] * np.sin(angle)],
        axis=-1,
    )
    xyz = np.concatenate([rings.reshape(-1, 3), [[0.0, y[0], z[0]], [0.0, y[-1], z[-1]]]])
    return xyz, facing_out(xyz, loft(len(y), 36, ends=(True, True)))
