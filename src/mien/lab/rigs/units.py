"""Action units → the 52 shapes of a rig, by one data file per rig (`units_NAME.toml`).

How strong a shape is at an intensity comes from the table that reads units from shapes
(`action_units/arkit_to_facs.toml`), so that a face made here is read as what it was made of. The rig's file says
which shapes a unit drives on it, and what the rig cannot show.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.action_units.facs import unit_rules
from mien.core.arrays import Float32, Float64, as_float32
from mien.core.schema import load_schema


@dataclass(frozen=True, slots=True, eq=False)
class RigUnits:
    """What action units do on one rig.

    Attributes:
        rig: name of the rig.
        shares: (U, 52) float64: share of each shape in each entry of schema "facs".
        curves: for each entry, (K, 2) intensity → weight.
        absent: units the rig cannot show at all, and why.
        notes: what a unit looks like on this rig where that is not what FACS says.
    """

    rig: str
    shares: Float64
    curves: tuple[Float64, ...]
    absent: Mapping[str, str]
    notes: Mapping[str, str]

    def weights(self, intensity: npt.ArrayLike) -> Float32:
        """(52,) float32 weights, 0–1, of (U,) intensities 0–5 in schema "facs"; NaN = 0.

        Where units share a shape, the stronger one counts.

        Raises:
            ValueError: not one intensity per unit.
        """
        given = np.nan_to_num(as_float32(intensity, (len(self.curves),), "RigUnits.weights: intensity"))
        level = [np.interp(x, c[:, 0], c[:, 1]) if x > 0 else 0.0 for x, c in zip(given, self.curves, strict=True)]
        return np.asarray((self.shares * np.array(level)[:, None]).max(axis=0).clip(0.0, 1.0), dtype=np.float32)


@cache
def load_units(rig: str) -> RigUnits:
    """The table of a rig.

    Raises:
        KeyError: there is no such table, it lacks a unit, or it names an unknown shape.
    """
    file = files("mien.lab.rigs") / f"units_{rig}.toml"
    if not rig.isidentifier() or not file.is_file():
        raise KeyError(f"there is no table of action units for the rig {rig!r}")
    table = tomllib.loads(file.read_text(encoding="utf-8"))["units"]
    facs, arkit = load_schema("facs"), load_schema("arkit52")
    shares = np.zeros((len(facs), len(arkit)))
    curves = []
    absent: dict[str, str] = {}
    notes: dict[str, str] = {}
    for i, rule in enumerate(unit_rules()):
        unit, _, side = rule.name.partition("_")
        row: dict[str, Any] = table[unit]
        word = {"L": "Left", "R": "Right", "": ""}[side]
        for shape, share in row.get("shapes", {}).items():
            shares[i, arkit.index(shape.replace("{Side}", word))] = share
        if "absent" in row:
            absent[unit] = row["absent"]
        if "note" in row:
            notes[unit] = row["note"]
        curves.append(_curve(row, rule.curve))
    return RigUnits(rig, shares, tuple(curves), MappingProxyType(absent), MappingProxyType(notes))


def _curve(row: dict[str, Any], reading: Float64) -> Float64:
    """(K, 2) intensity → weight: the file's own, else the reading curve turned round."""
    if "curve" in row:
        return np.array(row["curve"], dtype=np.float64)
    return np.asarray(reading[:, ::-1])
