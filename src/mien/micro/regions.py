"""The places of the face that are watched, and the regions they make up. Data: `regions.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, Int64
from mien.core.schema import load_schema

POINTS = 98


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """What is watched.

    Attributes:
        names: (R,) of the regions, left and right the subject's own.
        places: (P, 98) float64: places = `places @ landmarks`.
        region: (P,) int64: region of each place.
        mean: (R, P) float64: regions = `mean @ places`.
        steady: (P,) float64, 0–1: weight in the estimate of the head's movement.
        depth: (P,) float64: in front of the plane of the eyes, in distances between the outer eye corners.
        mirror: (R,) int64: region i of the mirrored face is region mirror[i].
    """

    names: tuple[str, ...]
    places: Float64
    region: Int64
    mean: Float64
    steady: Float64
    depth: Float64
    mirror: Int64

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Position of a region."""
        return self.names.index(name)

    def of(self, landmarks_xy: npt.ArrayLike) -> Float32:
        """(..., P, 2) places of (..., 98, 2) landmarks."""
        return np.asarray(self.places @ np.asarray(landmarks_xy, dtype=np.float64), dtype=np.float32)


@cache
def load_regions() -> Regions:
    """The regions that ship with Mien."""
    table = tomllib.loads((files("mien.micro") / "regions.toml").read_text(encoding="utf-8"))["regions"]
    both = list(_with_left(table))
    names = tuple(name for name, _, _ in both)
    places = np.array([row for _, rows, _ in both for row in rows])
    region = np.array([r for r, (_, rows, _) in enumerate(both) for _ in rows], dtype=np.int64)
    of_region = np.array([[entry["steady"], entry["depth"]] for _, _, entry in both], dtype=np.float64)
    mean = np.zeros((len(names), len(places)))
    mean[region, np.arange(len(places))] = 1.0
    mean /= mean.sum(axis=1, keepdims=True)
    steady = of_region[region, 0] / np.bincount(region)[region]
    mirror = np.array([names.index(_other(name)) for name in names], dtype=np.int64)
    return Regions(names, places, region, mean, steady, of_region[region, 1], mirror)


def _with_left(table: dict[str, Any]) -> Iterable[tuple[str, list[Float64], dict[str, Any]]]:
    mirror = load_schema("wflw98").mirror
    for name, entry in table.items():
        rows = [_row(place) for place in entry["places"]]
        if name.endswith("_R"):
            yield name, rows, entry
            yield _other(name), [row[mirror] for row in rows], entry
        else:
            yield name, [(row + row[mirror]) / 2 for row in rows], entry


def _row(place: list[list[float]]) -> Float64:
    row = np.zeros(POINTS)
    for landmark, weight in place:
        row[int(landmark)] += weight
    if abs(row.sum() - 1.0) > 1e-6:
        raise ValueError(f"regions.toml: the weights of {place} sum to {row.sum():g}, not 1")
    return row


def _other(name: str) -> str:
    return {"_L": name[:-2] + "_R", "_R": name[:-2] + "_L"}.get(name[-2:], name)
