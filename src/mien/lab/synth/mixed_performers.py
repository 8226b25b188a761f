"""Performers between rigs: faces and ways to move that no rig has by itself.

People of one rig differ in their faces but hardly in where a shape moves them: to learn from three rigs is to learn
three ways to frown. Here every shape is drawn by itself between those of one person of each rig, then made larger or
smaller and turned a little, alike on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.core.arrays import Float64
from mien.core.schema import load_schema
from mien.lab.synth.faint_movement import Performer

_GAIN, _SIDE_GAIN = 0.25, 0.08
"""Standard deviations of the logarithm of how far a shape moves, of both sides alike and of each by itself."""
_TURN = np.deg2rad(10.0)
_MIDDLE_MM = 20.0
"""Turns fade to none towards the middle of the face."""


def mixed_performers(people: Sequence[Performer], count: int, seed: int) -> list[Performer]:
    """`count` performers between persons of every rig; the same seed gives the same ones.

    Args:
        people: of one or several rigs, told apart by their names.
        count: how many.
        seed: of the dice.
    """
    by_rig: dict[str, list[Performer]] = {}
    for one in people:
        by_rig.setdefault(one.name.partition("/")[0], []).append(one)
    return [_mixed(list(by_rig.values()), np.random.default_rng([seed, k]), k) for k in range(count)]


def _mixed(rigs: Sequence[Sequence[Performer]], rng: np.random.Generator, number: int) -> Performer:
    parents = [own[int(rng.integers(len(own)))] for own in rigs]
    mirror = np.array(load_schema("arkit52").mirror)
    first = np.minimum(np.arange(len(mirror)), mirror)  # both sides take what is drawn for one
    places = np.tensordot(rng.dirichlet(np.ones(len(parents))), [p.places for p in parents], axes=1)
    share = rng.dirichlet(np.ones(len(parents)), len(mirror))[first]
    shapes = np.einsum("kr,rkpc->kpc", share, np.array([p.shapes for p in parents]))
    gain = rng.normal(0.0, _GAIN, len(mirror))[first] + rng.normal(0.0, _SIDE_GAIN, len(mirror))
    turn = rng.normal(0.0, _TURN, len(mirror))[first]
    return Performer(f"mixed/{number}", places, _turned(places, shapes * np.exp(gain)[:, None, None], turn))


def _turned(places: Float64, shapes: Float64, turn: Float64) -> Float64:
    """(K, P, 3) shapes, their movement turned in the plane of the face by (K,) radians, mirrored on the other side."""
    angle = turn[:, None] * np.clip(places[:, 0] / _MIDDLE_MM, -1.0, 1.0)
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = np.moveaxis(shapes, -1, 0)
    return np.stack([cos * x - sin * y, sin * x + cos * y, z], axis=-1)
