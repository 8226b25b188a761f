"""The rigs of others, where a copy of their files lies beside the checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from mien.core.geometry import default_camera, rotation_from_euler
from mien.core.schema import load_schema
from mien.lab.rigs.blend_rig import BlendRig
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.landmarks import Projected, project
from mien.lab.rigs.rig import MATERIALS, Identity

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "rigs"
NAMES = ("ict", "makehuman", "valid")
A = load_schema("arkit52")
W = load_schema("wflw98")
K = default_camera((256, 256))
STILL = {
    "ict": {"tongueOut"},
    "makehuman": set(),
    "valid": {n for n in A.names if n.startswith("eyeLook")} | {"mouthLeft", "mouthRight", "mouthShrugUpper"},
}
"""Shapes that a rig does not have."""

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="no shared rigs beside the checkout"),
    pytest.mark.parametrize("name", NAMES),
]


@cache
def load(name: str) -> BlendRig:
    rig = load_rig(name, SHARED / name)
    assert isinstance(rig, BlendRig)
    return rig


def person(name: str, seed: int = 1) -> Identity:
    return load(name).identity(np.random.default_rng(seed))


def seen(name: str, who: Identity, weights: dict[str, float], yaw: float = 0.0) -> Projected:
    row = np.zeros(52, np.float32)
    for shape, weight in weights.items():
        row[A.index(shape)] = weight
    posed = load(name).pose(who, row)
    return project(posed, rotation_from_euler(yaw, 0.0, 0.0), (0.0, 30.0, 500.0), K, load(name).mesh)


def test_the_mesh_is_sound(name: str) -> None:
    mesh, who = load(name).mesh, person(name)
    assert set(mesh.materials) <= set(MATERIALS)
    assert mesh.triangles.max() < len(who.neutral)
    assert mesh.triangle_material.max() < len(mesh.materials)
    assert mesh.uv is not None
    assert mesh.uv.shape == (len(mesh.triangles), 3, 2)
    assert len(mesh.triangle_material) == len(mesh.triangles)
    assert 50.0 < np.ptp(who.eye_centres[:, 0]) < 75.0, "people's eyes are about 63 mm apart"
    np.testing.assert_allclose(who.eye_centres.mean(axis=0), 0.0, atol=1e-3)


def test_it_has_the_shapes_it_should(name: str) -> None:
    who = person(name)
    still = {n for i, n in enumerate(A.names) if not len(who.shapes.moved(i))}
    assert still == STILL[name]


def test_seeds_reproduce(name: str) -> None:
    np.testing.assert_array_equal(person(name, 4).neutral, person(name, 4).neutral)
    assert len({person(name, s).name for s in range(6)}) > 3


@pytest.mark.parametrize("seed", range(5))
def test_points_lie_where_a_face_has_them(name: str, seed: int) -> None:
    xy = seen(name, person(name, seed), {}).xy
    assert xy[33:51, 1].max() < xy[60:76, 1].min() + 1.0, "brows above eyes"
    assert xy[60:76, 1].max() < xy[54, 1] < xy[76:96, 1].min(), "nose between eyes and mouth"
    assert xy[14:19, 1].max() == xy[:, 1].max(), "the chin is lowest"
    assert xy[:33, 0].min() < xy[33:, 0].min()
    assert xy[:33, 0].max() > xy[33:, 0].max()
    for right, mid, left in ((60, 62, 64), (68, 70, 72), (76, 79, 82), (88, 90, 92)):
        assert xy[right, 0] < xy[mid, 0] < xy[left, 0]
    assert np.abs(xy - (xy[W.mirror] * [-1, 1] + [255, 0])).mean() < 2.5


def test_lids_close_and_hide_the_pupil(name: str) -> None:
    who = person(name, 2)
    still, wink = seen(name, who, {}), seen(name, who, {"eyeBlinkLeft": 1.0})
    assert still.xy[74, 1] - still.xy[70, 1] > 2.5
    assert abs(wink.xy[74, 1] - wink.xy[70, 1]) < 0.35 * (still.xy[74, 1] - still.xy[70, 1])
    assert abs((wink.xy[66, 1] - wink.xy[62, 1]) - (still.xy[66, 1] - still.xy[62, 1])) < 0.5
    assert wink.hidden[97]
    assert not wink.hidden[96]
    assert not still.hidden[[96, 97]].any()


def test_smiles_and_jaws_move_the_right_points(name: str) -> None:
    who = person(name, 3)
    still = seen(name, who, {}).xy
    smile = seen(name, who, {"mouthSmileLeft": 1.0}).xy - still
    assert smile[82, 1] < -1.0
    assert np.abs(smile[76]).max() < 0.5 * np.abs(smile[82]).max()
    jaw = seen(name, who, {"jawOpen": 1.0}).xy
    assert jaw[94, 1] - jaw[90, 1] > 8.0
    assert jaw[16, 1] > still[16, 1] + 4.0
    shut = seen(name, who, {"jawOpen": 0.5, "mouthClose": 0.5}).xy
    half = seen(name, who, {"jawOpen": 0.5}).xy
    assert shut[94, 1] - shut[90, 1] < 0.7 * (half[94, 1] - half[90, 1])


def test_eyes_turn_the_way_they_are_told(name: str) -> None:
    who = person(name)
    rig = load(name)
    rest, turned = rig.pose(who, np.zeros(52)), rig.pose(who, np.zeros(52), (20.0, 0.0), (0.0, 20.0))
    assert turned.points[97, 0] - rest.points[97, 0] > 3.0
    assert turned.points[96, 1] - rest.points[96, 1] > 3.0
    moved = np.flatnonzero((turned.vertices != rest.vertices).any(axis=1))
    assert set(moved) <= {*rig.eyes.left, *rig.eyes.right}
    assert (rest.vertices[rig.eyes.left, 0] > 0).all()


@pytest.mark.parametrize("yaw", [-45.0, 45.0])
def test_a_turned_head_shows_its_near_eye_and_slides_its_far_contour(name: str, yaw: float) -> None:
    who = person(name)
    result, still = seen(name, who, {}, yaw), seen(name, who, {})
    near = range(68, 76) if yaw < 0 else range(60, 68)
    assert not result.hidden[list(near)].any()
    assert result.hidden[:33].mean() < 0.3
    assert still.hidden[:33].mean() < 0.2
    # The far contour stays outside the far eye and the mouth, as an outline does.
    side = -1.0 if yaw < 0 else 1.0
    eye, contour = (60, range(3)) if yaw < 0 else (72, range(30, 33))
    assert (side * (result.xy[list(contour), 0] - result.xy[eye, 0])).min() > -2.0
