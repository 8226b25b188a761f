"""Labels and pixels, by two paths: a mark on the drawn mesh is found again in the rasteriser's output.

The label path is `rig.pose` → `landmarks.project` → `RenderedSample.landmarks`. The pixel path starts from the
vertices that the scene hands to the rasteriser and from the numbers in the data file; a small triangle at each place
is drawn, and its samples are counted. They share no function.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mien.core.arrays import Float64
from mien.core.schema import load_schema
from mien.lab.render.assemble import Staged, stage
from mien.lab.render.camera import take
from mien.lab.render.prototypes import Face
from mien.lab.render.random_scene import Choices, View, Wishes, choose
from mien.lab.render.rasterize import Drawing, draw
from mien.lab.render.sample import RenderedSample, label
from mien.lab.render.scene import Material, Scene
from mien.lab.rigs.catalogue import NAMES, load_rig
from mien.lab.rigs.rig import Rig

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "rigs"
RIGS = [
    name
    if name == "builtin"
    else pytest.param(
        name,
        marks=[
            pytest.mark.shared,
            pytest.mark.skipif(not (SHARED / name).is_dir(), reason="no shared rigs beside the checkout"),
        ],
    )
    for name in NAMES
]
A = load_schema("arkit52")
MARK_MM = 1.6
SEAMS = ((61, 67), (62, 66), (63, 65), (69, 75), (70, 74), (71, 73), (89, 95), (90, 94), (91, 93))
"""Upper and lower points of lids and inner lips. Where a mesh pushes one through the other, the seam is midway."""
CODES = [int(m) for m in Material if m != Material.EYE]
FACES: dict[str, dict[str, float]] = {
    "rest": {},
    "smile": {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.7, "jawOpen": 0.3, "cheekSquintLeft": 0.6},
    "surprise": {"browInnerUp": 0.9, "browOuterUpLeft": 0.8, "eyeWideLeft": 0.8, "eyeWideRight": 0.8, "jawOpen": 0.7},
    "frown": {"browDownLeft": 0.8, "browDownRight": 0.8, "mouthFrownLeft": 0.7, "noseSneerRight": 0.6, "jawLeft": 0.5},
}
VIEWS = (
    (0.0, 0.0, 0.0, "rest"),
    (-18.0, 8.0, 12.0, "smile"),
    (35.0, -10.0, -6.0, "surprise"),
    (-55.0, 5.0, 0.0, "frown"),
)
"""Yaw, pitch, roll (degrees), face."""


@cache
def rig_of(name: str) -> Rig:
    return load_rig(name, SHARED / name)


def scene_of(name: str, seed: int, view: tuple[float, float, float, str]) -> tuple[Choices, Staged]:
    shapes = np.zeros(52, np.float32)
    for shape, weight in FACES[view[3]].items():
        shapes[A.index(shape)] = weight
    choices = choose(seed, Wishes(people=5))
    choices = replace(
        choices,
        face=Face("other", float("nan"), shapes),
        look=replace(choices.look, hair="none", beard=0.0),
        view=View(*view[:3], 700.0, 0.85, (0.01, -0.02)),
        things=(),
    )
    return choices, stage(rig_of(name), choices)


def labelled(name: str, choices: Choices, staged: Staged) -> tuple[RenderedSample, Drawing]:
    drawing = draw(staged.scene)
    return label(name, take(drawing.linear, choices.faults), choices, staged, drawing), drawing


def places(name: str, staged: Staged) -> Float64:
    """(98, 3) mm, head frame, from the data file and the drawn vertices; NaN for contour points, which slide."""
    text = (files("mien.lab.rigs") / f"points_{name}.toml").read_text(encoding="utf-8")
    out = np.full((98, 3), np.nan)
    for i, (a, b, c, wa, wb) in enumerate(tomllib.loads(text)["points"]):
        if i > 32:
            va, vb, vc = staged.scene.surface.vertices[[a, b, c]].astype(np.float64)
            out[i] = wa * va + wb * vb + (1.0 - wa - wb) * vc
    for upper, lower in SEAMS:
        if out[upper, 1] < out[lower, 1]:
            out[[upper, lower]] = (out[upper] + out[lower]) / 2.0
    for point, eye in ((97, staged.scene.eyes[0]), (96, staged.scene.eyes[1])):
        out[point] = eye.centre_mm + eye.radius_mm * np.asarray(eye.forward)
    return out


def marked(scene: Scene, wanted: Float64) -> Float64:
    """(N, 2) px: where the rasteriser draws small triangles around (N, 3) places; NaN stays."""
    camera, surface = scene.camera, scene.surface
    own = _separate_triangles(surface.triangles, len(CODES))
    out = np.full((len(wanted), 2), np.nan)
    known = np.flatnonzero(np.isfinite(wanted).all(axis=1))
    turn = np.radians([90.0, 210.0, 330.0])
    flat = MARK_MM * np.column_stack([np.cos(turn), -np.sin(turn), np.zeros(3)])
    seen = wanted @ camera.camera_from_head.T + camera.translation_mm
    for mine in _apart(known, seen):
        # Every triangle that is no mark shrinks to a point.
        vertices, triangles = surface.vertices.copy(), np.zeros_like(surface.triangles)
        material = surface.material.copy()
        for row, code, point in zip(own, CODES, mine, strict=False):
            vertices[surface.triangles[row]] = (seen[point] + flat - camera.translation_mm) @ camera.camera_from_head
            triangles[row], material[row] = surface.triangles[row], code
        marks = replace(surface, vertices=vertices, triangles=triangles, material=material)
        drawing = draw(replace(scene, surface=marks))
        for code, point in zip(CODES, mine, strict=False):
            samples = np.argwhere(drawing.material == code)
            assert len(samples) >= 6, (point, len(samples))
            out[point] = (samples.mean(axis=0)[::-1] - 0.5) / 2.0
    return out


def _apart(points: npt.NDArray[np.int64], seen_mm: Float64) -> list[list[int]]:
    """Rounds of points whose marks do not cover each other."""
    out: list[list[int]] = []
    for point in points:
        away = [np.linalg.norm(seen_mm[mine, :2] - seen_mm[point, :2], axis=1).min() for mine in out]
        free = [k for k, mine in enumerate(out) if len(mine) < len(CODES) and away[k] > 4 * MARK_MM]
        if free:
            out[free[0]].append(int(point))
        else:
            out.append([int(point)])
    return out


def _separate_triangles(triangles: npt.NDArray[np.int32], count: int) -> list[int]:
    used: set[int] = set()
    out: list[int] = []
    for row, corners in enumerate(triangles):
        if len(out) < count and not used & {int(c) for c in corners}:
            used |= {int(c) for c in corners}
            out.append(row)
    return out


@pytest.mark.parametrize("name", RIGS)
@pytest.mark.parametrize("view", VIEWS, ids=lambda v: f"{v[0]:.0f}-{v[3]}")
def test_labels_are_where_the_rasteriser_draws_the_labelled_places(
    name: str, view: tuple[float, float, float, str]
) -> None:
    choices, staged = scene_of(name, 3 + VIEWS.index(view), view)
    sample, _ = labelled(name, choices, staged)
    drawn = marked(staged.scene, places(name, staged))
    error = sample.landmarks.xy - drawn
    assert np.isfinite(error[33:]).all()
    assert np.nanmax(np.linalg.norm(error, axis=1)) < 0.5
    # A mark is a few dozen samples; what is left on average is no rounding.
    assert np.abs(np.nanmean(error, axis=0)).max() < 0.08


@pytest.mark.parametrize("name", RIGS)
def test_the_skin_at_a_label_is_the_labelled_skin(name: str) -> None:
    """Within a pixel of labels that can be seen the z-buffer shows the depth of the labelled place.

    Beside the edge of a nostril or a lip the next skin lies deeper: a few may miss.
    """
    good = []
    for view in VIEWS:
        choices, staged = scene_of(name, 4, view)
        sample, drawing = labelled(name, choices, staged)
        camera = staged.scene.camera
        wanted_mm = (places(name, staged) @ camera.camera_from_head.T + camera.translation_mm)[:, 2]
        for point in range(33, 96):
            if sample.landmarks.confidence[point] > 0:
                column, row = np.round(2.0 * sample.landmarks.xy[point] + 0.5).astype(int)
                near = drawing.near[row - 2 : row + 3, column - 2 : column + 3]
                good.append(np.abs(1.0 / np.maximum(near, 1e-6) - wanted_mm[point]).min() < 1.5)
    assert len(good) > 200
    assert np.mean(good) > 0.95


def outline_distance_px(sample: RenderedSample, drawing: Drawing) -> Float64:
    """(33,) px: from each contour label to the nearest place where skin ends before something 6 mm deeper."""
    depth = 1.0 / np.maximum(drawing.near, 1e-6)
    skin = drawing.material == Material.SKIN
    outline = np.zeros(skin.shape, bool)
    for axis in (0, 1):
        for step in (-1, 1):
            outline |= skin & (np.roll(depth, step, axis) - depth > 6.0)
    away = cv2.distanceTransform((~outline).astype(np.uint8), cv2.DIST_L2, 5) / 2.0
    place = np.clip(np.round(2.0 * sample.landmarks.xy[:33] + 0.5).astype(int), 0, len(away) - 1)
    return np.asarray(away[place[:, 1], place[:, 0]], dtype=np.float64)


@pytest.mark.parametrize("name", RIGS)
@pytest.mark.parametrize("yaw", [-60.0, -45.0, -30.0, 30.0, 45.0, 60.0])
def test_contour_points_of_the_far_side_lie_on_the_drawn_outline(name: str, yaw: float) -> None:
    """Within 2.5 px of a face 218 px high; at 60° the outline leaps from cheek to brow between two points."""
    choices, staged = scene_of(name, 2, (yaw, 4.0, 0.0, "rest"))
    away = outline_distance_px(*labelled(name, choices, staged))
    far = away[:14] if yaw < 0 else away[19:]
    if abs(yaw) < 50.0:
        assert far.max() < 2.5
    else:
        assert np.median(far) < 1.5
        assert far.max() < 7.5
