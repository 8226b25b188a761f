"""Profiles: how ARKit weights become the controls of another kind of rig. They are data (`profiles/*.toml`).

A profile is linear: every control is a sum of ARKit shapes times gains, clipped to 0–1.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from mien.core.arrays import Float32
from mien.core.schema import load_schema

_SHAPES = load_schema("arkit52")


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One kind of rig.

    Attributes:
        name: of the file.
        names: the N controls.
        gains: (52, N) float32; rows in the order of schema "arkit52".
    """

    name: str
    names: tuple[str, ...]
    gains: Float32

    def __call__(self, weights: Float32) -> Float32:
        """(..., 52) ARKit weights → (..., N) controls, 0–1; a NaN weight makes the controls that use it NaN."""
        # A product with 0 would spread NaN over all controls.
        known = np.nan_to_num(weights)
        out = np.clip(known @ self.gains, 0.0, 1.0)
        unknown = np.isnan(weights).astype(np.float32) @ (self.gains != 0).astype(np.float32) > 0
        controls: Float32 = np.where(unknown, np.float32(np.nan), out).astype(np.float32)
        return controls


@cache
def load_profile(name: str) -> Profile:
    """A profile that ships with Mien: "vrm" (18 expressions of VRM 1.0) or "metahuman" (raw controls).

    Raises:
        KeyError: there is no such profile, or it names a shape that does not exist.
    """
    file = files("mien.animate") / "profiles" / f"{name}.toml"
    if not name.isidentifier() or not file.is_file():
        raise KeyError(f"there is no profile {name!r}")
    outputs = tomllib.loads(file.read_text(encoding="utf-8"))["outputs"]
    gains = np.zeros((len(_SHAPES), len(outputs)), np.float32)
    for column, parts in enumerate(outputs.values()):
        for shape, gain in parts.items():
            gains[_SHAPES.index(shape), column] = gain
    gains.flags.writeable = False
    return Profile(name, tuple(outputs), gains)
