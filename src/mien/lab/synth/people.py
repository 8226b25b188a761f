"""Where people and trackers move otherwise than the rig: random changes to its moved points, in place.

Sizes were read off real clips by eye; points are (B, 98, 3) mm in the head frame.
"""

from __future__ import annotations

import numpy as np

from mien.core.arrays import Float32


def unlike_the_rig(rng: np.random.Generator, moved: Float32) -> Float32:
    """(B, P, 3) displacements of a part, somewhat bent: no person moves exactly as the rig does."""
    n, p, _ = moved.shape
    bend = np.eye(3) + rng.normal(scale=0.08, size=(n, 3, 3))
    size = np.sqrt((moved**2).mean(axis=(1, 2), keepdims=True))
    own = 1 + rng.normal(scale=0.15, size=(n, p, 1))
    return np.asarray(moved @ bend * own + 0.1 * size * rng.normal(size=moved.shape), dtype=np.float32)


def smile_like_people(rng: np.random.Generator, points: Float32, smile: Float32) -> None:
    """In a real smile the lips thin and the corners spread more and rise less than the rig's do."""
    thin = (rng.uniform(0.0, 0.5, len(points)) * smile.mean(axis=1))[:, None].astype(np.float32)
    for outer, inner in ((78, 89), (79, 90), (80, 91), (84, 93), (85, 94), (86, 95)):
        points[:, outer] += thin * (points[:, inner] - points[:, outer])
    wide = rng.uniform(0.0, 5.0, (len(points), 1)).astype(np.float32) * smile
    low = rng.uniform(0.0, 4.0, (len(points), 1)).astype(np.float32) * smile
    for side, sign in ((0, -1.0), (1, 1.0)):
        for point, share in (
            ((76, 82)[side], 1.0),
            ((88, 92)[side], 1.0),
            ((77, 81)[side], 0.5),
            ((87, 83)[side], 0.5),
        ):
            points[:, point, 0] += sign * share * wide[:, side]
            points[:, point, 1] -= share * low[:, side]
    nose = rng.uniform(0.0, 2.5, (len(points), 1)).astype(np.float32) * smile
    points[:, 55, :2] += nose[:, :1] * [-1.0, 0.6]
    points[:, 59, :2] += nose[:, 1:] * [1.0, 0.6]


def frown_like_people(rng: np.random.Generator, points: Float32, frown: Float32) -> None:
    """Real brows drop up to twice as far as the rig's, and do not always draw together."""
    drop, apart = rng.uniform([-0.3, -0.5], [3.0, 2.5], (len(points), 2)).T[..., None].astype(np.float32)
    for side, (brow, sign) in enumerate(((range(33, 42), -1.0), (range(42, 51), 1.0))):
        amount = frown[:, side, None]
        points[:, list(brow), 1] -= drop * amount
        points[:, list(brow), 0] += sign * apart * amount


def shut_like_trackers(rng: np.random.Generator, points: Float32, blink: Float32) -> None:
    """A tracker draws a shut eye as a line somewhere between the lids, its outer corner lower than the open eye's."""
    shut = np.clip((blink - 0.2) / 0.6, 0.0, 1.0)
    drop, rise, line, cross = rng.uniform([-0.5, -0.5, -0.3, 0.0], [3.5, 1.8, 2.5, 1.2], (len(points), 4)).T[..., None]
    eyes = ((60, 61, 62, 63, 64, 65, 66, 67), (72, 71, 70, 69, 68, 75, 74, 73))
    for side, (outer, up_out, up, up_in, inner, low_in, low, low_out) in enumerate(eyes):
        amount = shut[:, side, None]
        points[:, [outer], 1] -= drop * amount
        points[:, [inner], 1] += rise * amount
        points[:, [up_out, low_out], 1] += (line - 0.4 * drop) * amount
        points[:, [up_in, low_in], 1] += (line + 0.4 * rise) * amount
        points[:, [up, low], 1] += line * amount
        points[:, [up_out, up, up_in], 1] -= cross * amount
