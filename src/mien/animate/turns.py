"""Fewer keys for rotations: unit quaternions within an angle of every sample."""

from __future__ import annotations

import numpy as np

from mien.animate.curves import Keys, reduced
from mien.core.arrays import Float32, Float64

_ANYWHERE = (-np.inf, np.inf)


def continuous(xyzw: Float32 | Float64) -> Float64:
    """(T, 4) the same rotations with signs that make neighbours near: the short way between keys."""
    q = np.asarray(xyzw, np.float64)
    flips = np.where((q[1:] * q[:-1]).sum(axis=1) < 0, -1.0, 1.0)
    same: Float64 = q * np.concatenate([[1.0], np.cumprod(flips)])[:, None]
    return same


def reduced_turns(times_s: Float64, xyzw: Float32 | Float64, degrees: float, *, straight: bool = False) -> Keys:
    """Keys of four components that share their times; every key is a unit quaternion.

    Between keys the components are interpolated and made a unit again (straight: along the arc, "slerp").

    Args:
        times_s: (T,) strictly increasing, T >= 1.
        xyzw: (T, 4) unit quaternions, signs as they come.
        degrees: no sample is further from the curve than this angle of rotation. 1 degree keeps every component
            within 0.0088.
        straight: keys without slopes.

    Raises:
        ValueError: the angle is not positive.
    """
    q = continuous(xyzw)
    for share in (1.0, 0.8, 0.5, 0.2, 1e-3):
        # A distance of sin(angle / 2) between quaternions is never more than the angle.
        keys = reduced(
            times_s, q, share * np.sin(np.radians(degrees / 2.0)), _ANYWHERE, straight=straight, together=True
        )
        length = np.linalg.norm(keys.values, axis=1, keepdims=True)
        keys = Keys(keys.times_s, keys.values / length, keys.in_slopes / length, keys.out_slopes / length)
        if angles_deg(turned_at(keys, times_s, straight=straight), q).max() <= degrees:
            break
    return keys


def turned_at(keys: Keys, times_s: Float64, *, straight: bool = False) -> Float64:
    """(M, 4) unit quaternions at (M,) times, as players make them of the keys."""
    if straight and len(keys) > 1:
        place = np.clip(np.searchsorted(keys.times_s, times_s, side="right") - 1, 0, len(keys) - 2)
        s = np.clip((times_s - keys.times_s[place]) / np.diff(keys.times_s)[place], 0.0, 1.0)[:, None]
        a, b = keys.values[place], keys.values[place + 1]
        arc = np.arccos(np.clip((a * b).sum(axis=1, keepdims=True), -1.0, 1.0))
        near = arc < 1e-6
        wide = np.where(near, 1.0, np.sin(arc))
        q = np.where(near, a + s * (b - a), (np.sin((1.0 - s) * arc) * a + np.sin(s * arc) * b) / wide)
    else:
        q = keys.at(times_s)
    return np.asarray(q / np.linalg.norm(q, axis=1, keepdims=True))


def angles_deg(a: Float64, b: Float64) -> Float64:
    """(T,) angles between rotations."""
    chord = np.minimum(np.linalg.norm(a - b, axis=1), np.linalg.norm(a + b, axis=1))
    return np.asarray(np.degrees(4.0 * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0))))
