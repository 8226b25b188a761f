"""What the regression of action units sees: shape, distances and angles of the front view, and how they differ from the
person's neutral (seed 001 §5.5: intensities by support vector machines from 98 landmarks).

The front view is that of `action_units.features`: pose and size are taken out. Used alike in training and at run time;
numpy only.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, Int64
from mien.core.schema import load_schema

SHAPE_POINTS = tuple(range(33, 96))
"""Brows, nose, eyes, mouth: the contour says little but the head's turn."""
_PAIRS = (
    *((33, 60), (35, 62), (37, 64), (37, 51), (38, 52), (37, 42)),  # brows to eyes, nose and each other
    *((61, 67), (62, 66), (63, 65), (66, 76)),  # lids, and cheek
    *((55, 64), (55, 59), (57, 79), (77, 55)),  # wings of the nose, upper lip
    *((76, 82), (79, 85), (90, 94), (89, 95), (88, 92)),  # mouth
    *((76, 60), (76, 64), (76, 57), (76, 16), (79, 90), (85, 94), (78, 89), (86, 95)),  # corners, thickness of the lips
    *((85, 16), (94, 16), (57, 16)),  # chin
)
_TRIPLES = (
    *((33, 35, 37), (33, 37, 51), (61, 60, 67), (63, 64, 65)),
    *((79, 76, 85), (90, 88, 94), (76, 79, 82), (76, 85, 82), (57, 76, 16)),
)
_MAX_TURN_RAD = np.radians(65.0)


@cache
def distances() -> tuple[tuple[int, int], ...]:
    """Pairs of points, each with its mirror image."""
    mirror = load_schema("wflw98").mirror
    both = [p for a, b in _PAIRS for p in ((a, b), (int(mirror[a]), int(mirror[b])))]
    return tuple(dict.fromkeys((min(p), max(p)) for p in both))


@cache
def angles() -> tuple[tuple[int, int, int], ...]:
    """Triples of points, each with its mirror image; the angle is at the second."""
    mirror = load_schema("wflw98").mirror
    both = [t for one in _TRIPLES for t in (one, (int(mirror[one[0]]), int(mirror[one[1]]), int(mirror[one[2]])))]
    return tuple(dict.fromkeys((min(a, c), b, max(a, c)) for a, b, c in both))


def measures(front: npt.ArrayLike) -> Float32:
    """(B, D + A): distances in units of the front view, then angles in radians, of (B, 98, 2) points."""
    points = np.asarray(front, dtype=np.float64)
    a, b = np.array(distances()).T
    lengths = np.sqrt(((points[:, a] - points[:, b]) ** 2).sum(axis=2))
    i, j, k = np.array(angles()).T
    one, other = points[:, i] - points[:, j], points[:, k] - points[:, j]
    size = np.sqrt((one**2).sum(axis=2) * (other**2).sum(axis=2))
    cosine = (one * other).sum(axis=2) / np.maximum(size, 1e-9)
    out = np.concatenate([lengths, np.arccos(np.clip(cosine, -1.0, 1.0))], axis=1)
    return np.asarray(out, dtype=np.float32)


def unit_features(
    front: npt.ArrayLike, neutral: npt.ArrayLike | None, yaw_pitch_rad: npt.ArrayLike, reference: npt.ArrayLike
) -> Float32:
    """(B, F) float32: shape minus mean face, shape minus neutral, distances and angles, their change from the neutral,
    yaw, pitch, 1 if the neutral is known.

    Args:
        front: (B, 98, 2); NaN points are put where the neutral (or the mean face) has them.
        neutral: (B, 98, 2) front view at rest; None = not known: nothing has changed, as far as anybody knows.
        yaw_pitch_rad: (B, 2) of `features.apparent_yaw_pitch`.
        reference: (98, 3) mean face.
    """
    mean = np.asarray(reference, dtype=np.float32)[:, :2]
    view = np.asarray(front, dtype=np.float32)
    base = np.broadcast_to(mean, view.shape) if neutral is None else np.asarray(neutral, dtype=np.float32)
    view = np.where(np.isfinite(view), view, base)
    n, at = len(view), list(SHAPE_POINTS)
    now = measures(view)
    change = now - measures(base) if neutral is not None else np.zeros_like(now)
    moved = (view - base)[:, at] if neutral is not None else np.zeros((n, len(at), 2), np.float32)
    turn = np.clip(np.asarray(yaw_pitch_rad, dtype=np.float64), -_MAX_TURN_RAD, _MAX_TURN_RAD)
    known = np.full((n, 1), 0.0 if neutral is None else 1.0)
    parts = [(view - mean)[:, at].reshape(n, -1), moved.reshape(n, -1), now, change, turn, known]
    return np.asarray(np.concatenate(parts, axis=1), dtype=np.float32)


@cache
def feature_count() -> int:
    """F."""
    return 4 * len(SHAPE_POINTS) + 2 * (len(distances()) + len(angles())) + 3


@cache
def mirror_unit_features() -> tuple[Int64, Float64]:
    """Order and signs (F,) such that `x[order] * signs` are the features of the mirrored face."""
    mirror = [int(m) for m in load_schema("wflw98").mirror]
    place = {p: k for k, p in enumerate(SHAPE_POINTS)}
    points = np.array([place[mirror[p]] for p in SHAPE_POINTS])
    shape = (points[:, None] * 2 + [0, 1]).ravel()
    pairs, triples = distances(), angles()
    of_pairs = [pairs.index((min(mirror[a], mirror[b]), max(mirror[a], mirror[b]))) for a, b in pairs]
    of_triples = [
        triples.index((min(mirror[a], mirror[c]), mirror[b], max(mirror[a], mirror[c]))) for a, b, c in triples
    ]
    values = np.concatenate([of_pairs, len(pairs) + np.array(of_triples)])
    order, signs, start = [], [], 0
    flip = np.tile([-1.0, 1.0], len(SHAPE_POINTS))
    for block, sign in ((shape, flip), (shape, flip), (values, None), (values, None)):
        order.append(start + block)
        signs.append(np.ones(len(block)) if sign is None else sign)
        start += len(block)
    order.append(np.arange(start, start + 3))
    signs.append(np.array([-1.0, 1.0, 1.0]))
    return np.concatenate(order).astype(np.int64), np.concatenate(signs)
