"""Samples of the built-in head: reproducible, and the labels are where the picture shows them."""

from dataclasses import replace

import numpy as np
import pytest

from mien.core.arrays import Float32
from mien.lab.render.assemble import Staged, stage
from mien.lab.render.prototypes import Face
from mien.lab.render.random_scene import ATTRIBUTES, Choices, View, Wishes, choose
from mien.lab.render.rasterize import Drawing, draw
from mien.lab.render.sample import behind, render_sample
from mien.lab.render.scene import Light, Material
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Rig


@pytest.fixture(scope="module")
def rig() -> Rig:
    return load_rig("builtin")


def plain(seed: int = 3, yaw: float = 0.0, things: tuple[str, ...] = (), hair: str = "none") -> Choices:
    """A neutral face seen from near the front, with wide eyes."""
    choices = choose(seed, Wishes(people=4))
    shapes = np.zeros(52, np.float32)
    look = replace(choices.look, hair=hair, makeup=None, beard=0.0, iris=(0.9, 0.0, 0.0), pupil=0.45)
    return replace(
        choices,
        look=look,
        face=Face("neutral", 0.0, shapes),
        view=View(yaw, 4.0, -6.0, 900.0, 0.8, (0.02, -0.03)),
        gaze_deg=((4.0, -2.0), (3.0, -2.0)),
        things=things,
    )


def test_same_seed_same_bytes_and_other_seeds_differ(rig: Rig) -> None:
    one, again = render_sample(rig, 5), render_sample(rig, 5)
    assert one.image.shape == (256, 256, 3)
    assert one.image.dtype == np.uint8
    assert one.image.tobytes() == again.image.tobytes()
    np.testing.assert_array_equal(one.landmarks.xy, again.landmarks.xy)
    other = render_sample(rig, 6)
    assert np.abs(one.image.astype(int) - other.image.astype(int)).mean() > 5
    assert not np.array_equal(one.landmarks.xy, other.landmarks.xy)


def test_a_picture_does_not_depend_on_those_before_it(rig: Rig) -> None:
    first = render_sample(rig, 11).image
    for seed in range(3):
        render_sample(rig, seed)
    assert render_sample(rig, 11).image.tobytes() == first.tobytes()


def test_size_of_the_picture(rig: Rig) -> None:
    small, large = render_sample(rig, 2, 128), render_sample(rig, 2, 256)
    assert small.image.shape == (128, 128, 3)
    np.testing.assert_allclose((small.landmarks.xy + 0.5) * 2, large.landmarks.xy + 0.5, atol=0.02)


def _evenly_lit(staged: Staged) -> Drawing:
    around = np.zeros((4, 3), np.float32)
    around[0] = 1.0
    return draw(replace(staged.scene, light=Light(np.array([[0, 0, 1, 0, 0, 0]], np.float32), around, 0.0)))


@pytest.mark.parametrize("yaw", [0.0, -25.0])
def test_pupils_are_in_the_middle_of_the_drawn_pupils(rig: Rig, yaw: float) -> None:
    staged = stage(rig, plain(yaw=yaw))
    drawing = _evenly_lit(staged)
    eye = (drawing.material.reshape(256, 2, 256, 2).swapaxes(1, 2).reshape(256, 256, 4) == Material.EYE).all(axis=2)
    iris = drawing.linear[..., 0]
    dark = np.where(eye, np.clip(0.25 - iris, 0.0, None), 0.0)
    for point in (96, 97):
        xy = staged.scene.camera.pixels(staged.posed.points[point])
        y, x = np.mgrid[:256, :256]
        near = dark * (np.hypot(x - xy[0], y - xy[1]) < 4)
        assert near.sum() > 1.0
        drawn = np.array([(near * x).sum(), (near * y).sum()]) / near.sum()
        assert np.hypot(*(drawn - xy)) < 0.5


def test_labels_are_reprojected_points(rig: Rig) -> None:
    for seed in range(6):
        sample = render_sample(rig, seed)
        staged = stage(rig, choose(seed))
        again = sample.camera.pixels(staged.posed.points[33:])
        assert np.abs(again - sample.landmarks.xy[33:]).max() < 0.05
        np.testing.assert_allclose(sample.five_xy[2:], sample.landmarks.xy[[54, 76, 82]])
        left, top, right, bottom = sample.box_xyxy
        assert left <= sample.landmarks.xy[:, 0].min() < sample.landmarks.xy[:, 0].max() <= right
        assert top < sample.landmarks.xy[:, 1].min() < sample.landmarks.xy[:, 1].max() <= bottom


def _material_under(drawing: Drawing, xy: Float32) -> int:
    column, row = np.round(2 * xy + 0.5).astype(int)
    return int(drawing.material[row, column])


def test_points_lie_on_what_they_name(rig: Rig) -> None:
    staged = stage(rig, plain())
    drawing = _evenly_lit(staged)
    pixels = staged.scene.camera.pixels(staged.posed.points)
    assert {_material_under(drawing, pixels[p]) for p in (96, 97)} == {Material.EYE}
    assert {_material_under(drawing, pixels[p]) for p in (*range(33, 60), 79, 85)} == {Material.SKIN}
    eyes = {_material_under(drawing, pixels[lids].mean(axis=0)) for lids in (slice(60, 68), slice(68, 76))}
    assert eyes == {Material.EYE}


def _hidden(rig: Rig, choices: Choices) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    staged = stage(rig, choices)
    camera = staged.scene.camera
    points = staged.posed.points @ camera.camera_from_head.T + camera.translation_mm
    return behind(draw(staged.scene), camera, points.astype(np.float32))


def test_what_things_hide(rig: Rig) -> None:
    hidden, by_things = _hidden(rig, plain())
    assert not hidden[33:].any()
    assert not by_things.any()
    hidden, by_things = _hidden(rig, plain(things=("mask",)))
    assert hidden[76:96].all()
    assert by_things[76:96].all()
    assert not hidden[33:51].any()
    hidden, _ = _hidden(rig, plain(things=("sunglasses",)))
    assert hidden[[62, 66, 70, 74, 96, 97]].all()
    assert not hidden[76:96].any()
    assert not _hidden(rig, plain(things=("glasses",)))[0][[96, 97]].any()


def test_the_far_side_of_a_turned_head_is_hidden(rig: Rig) -> None:
    hidden, by_things = _hidden(rig, plain(yaw=75.0))
    assert hidden[[72, 97]].all()
    assert not hidden[[60, 96]].any()
    assert not by_things.any()


def test_a_shut_eye_hides_its_pupil(rig: Rig) -> None:
    choices = plain()
    shut = choices.face.shapes.copy()
    from mien.core.schema import load_schema

    shut[load_schema("arkit52").index("eyeBlinkLeft")] = 1.0
    hidden, _ = _hidden(rig, replace(choices, face=Face("other", float("nan"), shut)))
    assert hidden[97]
    assert not hidden[96]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_attributes_are_as_asked_for(rig: Rig, attribute: str) -> None:
    for wanted in (True, False):
        for seed in range(4):
            sample = render_sample(rig, seed, 96, Wishes(attributes={attribute: wanted}))
            assert sample.attributes[attribute] is wanted, (seed, wanted)


def test_head_pose_gaze_and_units(rig: Rig) -> None:
    sample = render_sample(rig, 8)
    view = sample.choices.view
    np.testing.assert_allclose(sample.pose.yaw_pitch_roll_deg, [view.yaw_deg, view.pitch_deg, view.roll_deg], atol=1e-3)
    np.testing.assert_allclose(sample.gaze.left_yaw_pitch_deg, sample.choices.gaze_deg[0], atol=1e-5)
    assert np.isfinite(np.delete(sample.action_units.values, sample.action_units.schema.index("AU19"))).all()
    assert sample.blendshapes.values.shape == (52,)


def test_the_same_person_keeps_the_face(rig: Rig) -> None:
    few = Wishes(people=2)
    samples = [render_sample(rig, seed, 64, few) for seed in range(12)]
    assert len({s.identity for s in samples}) == 2
    for name in {s.identity for s in samples}:
        assert len({s.choices.look.skin for s in samples if s.identity == name}) == 1
