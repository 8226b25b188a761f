"""The built-in head as a rig: shapes, eyes, people and the 98 points, with nothing downloaded."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.geometry import default_camera, rotation_from_euler
from mien.core.schema import load_schema
from mien.errors import ConfigError
from mien.lab.rigs.builtin_rig import builtin_rig
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.landmarks import MARGINS_MM, Projected, project
from mien.lab.rigs.rig import MATERIALS, Identity, Posed

A = load_schema("arkit52")
W = load_schema("wflw98")
RIG = builtin_rig()
K = default_camera((256, 256))
AWAY = (0.0, 30.0, 450.0)
REGIONS = {  # shape prefix → box the moved points must reach into: |x|, y (mm)
    "brow": ((0.0, 70.0), (20.0, 80.0)),
    "eye": ((5.0, 70.0), (-35.0, 40.0)),
    "cheek": ((15.0, 75.0), (-70.0, 10.0)),
    "nose": ((0.0, 30.0), (-45.0, 15.0)),
    "jaw": ((0.0, 75.0), (-110.0, -30.0)),
    "mouth": ((0.0, 50.0), (-95.0, -35.0)),
    "tongue": ((0.0, 20.0), (-95.0, -45.0)),
}


def person(seed: int = 1) -> Identity:
    return RIG.identity(np.random.default_rng(seed))


def posed(who: Identity, **weights: float) -> Posed:
    row = np.zeros(52, np.float32)
    for name, weight in weights.items():
        row[A.index(name)] = weight
    return RIG.pose(who, row)


def seen(face: Posed, yaw: float = 0.0, pitch: float = 0.0) -> Projected:
    return project(face, rotation_from_euler(yaw, pitch, 0.0), AWAY, K, RIG.mesh)


@pytest.mark.parametrize("shape", A.names)
def test_every_shape_moves_its_own_region_most(shape: str) -> None:
    who = person()
    weights = {shape: 1.0, "jawOpen": 1.0} if shape == "mouthClose" else {shape: 1.0}
    before = posed(who, jawOpen=1.0) if shape == "mouthClose" else posed(who)
    moved = np.linalg.norm(posed(who, **weights).vertices - before.vertices, axis=1)
    assert moved.max() > 0.5
    at = who.neutral[moved > 0.6 * moved.max()]
    (x0, x1), (y0, y1) = next(box for prefix, box in REGIONS.items() if shape.startswith(prefix))
    inside = (np.abs(at[:, 0]) >= x0) & (np.abs(at[:, 0]) <= x1) & (at[:, 1] >= y0) & (at[:, 1] <= y1)
    assert inside.mean() > 0.5


@pytest.mark.parametrize("shape", [n for n in A.names if n.endswith("Left") and n not in ("jawLeft", "mouthLeft")])
def test_left_shapes_move_the_subjects_left_and_mirror_the_right(shape: str) -> None:
    who = person()
    twin = shape.removesuffix("Left") + "Right"
    rest = posed(who)
    left = posed(who, **{shape: 1.0}).points - rest.points
    right = posed(who, **{twin: 1.0}).points - rest.points
    size = np.linalg.norm(left, axis=1)
    if size.max() > 0.3:  # some shapes move no landmark
        assert rest.points[np.argmax(size), 0] > 0
    np.testing.assert_allclose(left, right[W.mirror] * [-1, 1, 1], atol=0.6)


def test_jaw_and_mouth_go_to_the_named_side() -> None:
    who = person()
    for shape, point in (("jawLeft", 16), ("mouthLeft", 94)):
        assert posed(who, **{shape: 1.0}).points[point, 0] > posed(who).points[point, 0] + 2.0


def test_mouth_close_never_exceeds_jaw_open() -> None:
    who = person()
    np.testing.assert_array_equal(posed(who, mouthClose=1.0).vertices, posed(who).vertices)


def test_nan_weights_are_zero_and_a_wrong_number_is_refused() -> None:
    who = person()
    np.testing.assert_array_equal(RIG.pose(who, np.full(52, np.nan)).vertices, posed(who).vertices)
    with pytest.raises(ValueError, match="52"):
        RIG.pose(who, np.zeros(51))


def test_eyes_turn_the_way_they_are_told() -> None:
    who = person()
    rest = posed(who)
    turned = RIG.pose(who, np.zeros(52), (20.0, 0.0), (0.0, 15.0))
    left, right = turned.points[97] - rest.points[97], turned.points[96] - rest.points[96]
    assert left[0] > 3.0
    assert abs(left[1]) < 0.1
    assert right[1] > 2.0
    assert abs(right[0]) < 0.1
    assert turned.gaze[0, 0] == pytest.approx(np.sin(np.radians(20.0)), abs=1e-5)
    still = np.setdiff1d(np.arange(len(rest.vertices)), [*RIG.eyes.left, *RIG.eyes.right])
    np.testing.assert_array_equal(turned.vertices[still], rest.vertices[still])


def test_seeds_make_people_and_the_same_seed_the_same_person() -> None:
    one, again, other = person(5), person(5), person(6)
    np.testing.assert_array_equal(one.neutral, again.neutral)
    assert one.name == again.name != other.name
    assert np.abs(one.neutral - other.neutral).max() > 2.0
    np.testing.assert_allclose(one.eye_centres.mean(axis=0), 0.0, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_points_lie_where_a_face_has_them(seed: int) -> None:
    xy = seen(posed(person(seed))).xy
    assert xy[33:51, 1].max() < xy[60:76, 1].min(), "brows above eyes"
    assert xy[60:76, 1].max() < xy[54, 1] < xy[76:96, 1].min(), "nose between eyes and mouth"
    assert xy[16, 1] == xy[:, 1].max(), "the chin is lowest"
    inner = np.delete(np.arange(98), np.arange(33))
    assert xy[:33, 0].min() < xy[inner, 0].min()
    assert xy[:33, 0].max() > xy[inner, 0].max()
    mirrored = xy[W.mirror] * [-1, 1] + [255, 0]
    np.testing.assert_allclose(xy, mirrored, atol=2.5)


def test_lids_meet_and_the_pupil_hides_when_the_eye_closes() -> None:
    open_eyes, wink = seen(posed(person())), seen(posed(person(), eyeBlinkLeft=1.0))
    assert open_eyes.xy[74, 1] - open_eyes.xy[70, 1] > 4.0
    assert abs(wink.xy[74, 1] - wink.xy[70, 1]) < 1.5
    assert not open_eyes.hidden[[96, 97]].any()
    assert wink.hidden[97]
    assert not wink.hidden[96]


def test_lips_part_when_the_jaw_opens() -> None:
    face = seen(posed(person(), jawOpen=1.0)).xy
    assert face[94, 1] - face[90, 1] > 10.0
    shut = seen(posed(person())).xy
    assert abs(shut[94, 1] - shut[90, 1]) < 3.0


@pytest.mark.parametrize("yaw", [-45.0, 45.0])
def test_the_far_contour_slides_to_the_outline(yaw: float) -> None:
    face = posed(person())
    result = seen(face, yaw)
    solid = [i for i, n in enumerate(RIG.mesh.materials) if n == "skin"]
    r = rotation_from_euler(yaw, 0.0, 0.0)
    camera = face.vertices[np.unique(RIG.mesh.triangles[np.isin(RIG.mesh.triangle_material, solid)])] @ r.T + AWAY
    skin = (camera @ K.T)[:, :2] / (camera @ K.T)[:, 2:]
    far = range(3, 8) if yaw < 0 else range(25, 30)
    for i in far:
        band = skin[np.abs(skin[:, 1] - result.xy[i, 1]) < 3.0]
        outline = band[:, 0].min() if yaw < 0 else band[:, 0].max()
        assert abs(result.xy[i, 0] - outline) < 5.0
    assert result.hidden[[60, 61, 62, 63, 64] if yaw < 0 else [68, 69, 70, 71, 72]].any()


def test_five_points_are_eyes_nose_and_corners() -> None:
    five = seen(posed(person())).five_xy
    assert five[0, 0] < five[2, 0] < five[1, 0]
    assert five[3, 0] < five[4, 0]
    assert five[0, 1] < five[2, 1] < five[3, 1]


def test_a_renderers_own_test_of_what_is_hidden_is_used() -> None:
    face = posed(person())
    result = project(face, rotation_from_euler(0, 0, 0), AWAY, K, lambda points: points[:, 0] > 0)
    assert result.hidden[72]
    assert not result.hidden[60]
    assert MARGINS_MM.shape == (98,)


def test_the_mesh_is_sound() -> None:
    mesh = RIG.mesh
    assert set(mesh.materials) <= set(MATERIALS)
    assert mesh.triangles.dtype == np.int32
    assert mesh.triangles.max() < len(person().neutral)
    assert mesh.triangle_material.max() == len(mesh.materials) - 1
    assert mesh.colours is not None
    assert mesh.colours.shape == person().neutral.shape
    v = posed(person()).vertices
    a, b, c = (v[mesh.triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    skin = mesh.triangle_material == mesh.materials.index("skin")
    middle = v[mesh.triangles[skin]].mean(axis=1)
    assert ((middle * normal[skin]).sum(axis=1) > 0).mean() > 0.7, "right side out"


def test_rigs_are_found_by_name() -> None:
    assert load_rig("builtin").name == "builtin"
    assert "Apache" in load_rig("builtin").attribution()
    with pytest.raises(ConfigError, match="nobody"):
        load_rig("nobody")
    with pytest.raises(ConfigError, match="folder"):
        load_rig("ict")


@pytest.mark.parametrize(("yaw", "pitch"), [(0.0, 0.0), (30.0, 10.0), (-45.0, -15.0)])
def test_the_contour_is_spaced_evenly_from_ear_to_chin(yaw: float, pitch: float) -> None:
    xy = seen(posed(person(2)), yaw, pitch).xy
    for half in (xy[:17], xy[16:33]):
        step = np.linalg.norm(np.diff(half, axis=0), axis=1)
        assert step.max() < 1.35 * step.min()


def test_points_on_the_skin_are_where_the_drawn_skin_is() -> None:
    face = posed(person(4), mouthSmileLeft=0.8, browInnerUp=0.7)
    result = seen(face, 20.0, -5.0)
    camera = face.vertices @ rotation_from_euler(20.0, -5.0, 0.0).T + AWAY
    drawn = (camera @ K.T)[:, :2] / (camera @ K.T)[:, 2:]
    own = RIG.definition
    for i in (33, 54, 60, 72, 76, 82, 85):
        corners = drawn[own.vertices[i]]
        expected = (corners * own.weights[i][:, None]).sum(axis=0)
        np.testing.assert_allclose(result.xy[i], expected, atol=0.5)
    again = (result.camera_mm @ K.T)[:, :2] / (result.camera_mm @ K.T)[:, 2:]
    np.testing.assert_allclose(result.xy, again, atol=0.01)


def test_nothing_in_a_pose_changes_the_person() -> None:
    who = person(9)
    before = who.neutral.copy()
    RIG.pose(who, np.ones(52), (10.0, 5.0), (-10.0, -5.0))
    np.testing.assert_array_equal(who.neutral, before)
