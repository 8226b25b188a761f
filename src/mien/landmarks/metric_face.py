"""The metric face: 17 points that hardly move and the eyeballs, in mm in the head frame. Data: `metric_face.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from mien.core.arrays import Float64
from mien.core.schema import load_schema


@dataclass(frozen=True, slots=True, eq=False)
class MetricFace:
    """Numbers of one average face.

    Attributes:
        schema: name of the landmark schema of `indices`.
        indices: (n,) positions of the points in the schema.
        xyz_mm: (n, 3) float64, head frame.
        weights: (n,) float64, 0–1: how much a point counts in a fit.
        left_eye_mm: (3,) float64, centre of the left eyeball; the right one is its mirror image.
        eye_radius_mm: from the centre to the pupil.
    """

    schema: str
    indices: tuple[int, ...]
    xyz_mm: Float64
    weights: Float64
    left_eye_mm: Float64
    eye_radius_mm: float

    def point_mm(self, name: str) -> Float64:
        """(3,) float64 of a point by its name in the schema."""
        point: Float64 = self.xyz_mm[self.indices.index(load_schema(self.schema).index(name))]
        return point


@cache
def load_metric_face() -> MetricFace:
    """The face that ships with Mien."""
    table = tomllib.loads((files("mien.landmarks") / "metric_face.toml").read_text(encoding="utf-8"))
    schema = load_schema(table["schema"])
    points = table["points"]
    arrays = (
        np.array([p["xyz_mm"] for p in points.values()], dtype=np.float64),
        np.array([p["weight"] for p in points.values()], dtype=np.float64),
        np.array(table["eyes"]["left_centre_mm"], dtype=np.float64),
    )
    for array in arrays:
        array.flags.writeable = False
    indices = tuple(schema.index(name) for name in points)
    return MetricFace(schema.name, indices, *arrays, float(table["eyes"]["radius_mm"]))
