"""Photo puppets on the built-in portrait: exact at rest, labels that move with the pixels, no folds, refusals."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.errors import RequestError, SourceError
from mien.lab.pseudo.puppet import MOST, Portrait, Puppet, puppet_frames
from mien.lab.pseudo.puppet_layers import eye_height_px
from mien.lab.pseudo.puppet_mesh import LEAST_AREA, Mesh
from mien.sources.portrait import geometry, portrait

ARKIT = load_schema("arkit52")


def weights(**named: float) -> Float32:
    out = np.zeros(52, np.float32)
    for name, value in named.items():
        for full in (name, f"{name}Left", f"{name}Right"):
            if full in ARKIT:
                out[ARKIT.index(full)] = value
    return out


@pytest.fixture(scope="module")
def built_in() -> Portrait:
    return Portrait(portrait(), geometry().points.astype(np.float32), "built-in")


@pytest.fixture(scope="module")
def puppet(built_in: Portrait) -> Puppet:
    return Puppet(built_in)


def test_nothing_asked_gives_the_picture_back(puppet: Puppet, built_in: Portrait) -> None:
    frame = puppet.frame(np.zeros(52))
    assert np.array_equal(frame.image, built_in.image)
    assert np.array_equal(frame.landmarks_xy, built_in.landmarks_xy)


def test_the_background_stands_still(puppet: Puppet, built_in: Portrait) -> None:
    frame = puppet.frame(weights(mouthSmile=0.8, browInnerUp=1.0), (4.0, 2.0, -3.0))
    far_rows = slice(340, None)  # more than a face's width below the chin
    assert np.array_equal(frame.image[far_rows], built_in.image[far_rows])
    assert not np.array_equal(frame.image, built_in.image)


@pytest.mark.parametrize(
    ("asked", "points", "direction"),
    [
        ({"browInnerUp": 1.0, "browOuterUp": 1.0}, range(33, 51), (0, -1)),
        ({"browDown": 1.0}, (37, 38, 42, 50), (0, 1)),
        ({"eyeBlink": 1.0}, (62, 70), (0, 1)),
        ({"mouthSmileLeft": 1.0}, (82,), (1, -1)),
        ({"mouthSmileRight": 1.0}, (76,), (-1, -1)),
        ({"jawOpen": 0.2}, (16, 85, 94), (0, 1)),
    ],
)
def test_points_go_where_the_shape_takes_them(
    puppet: Puppet, built_in: Portrait, asked: dict[str, float], points: range, direction: tuple[int, int]
) -> None:
    frame = puppet.frame(weights(**asked))
    assert frame.carried == 1.0
    assert frame.least_area >= LEAST_AREA
    move = (frame.landmarks_xy - built_in.landmarks_xy)[list(points)].mean(axis=0)
    for axis, sign in enumerate(direction):
        if sign:
            assert move[axis] * sign > 0.5


def test_pixels_move_as_the_points_do(puppet: Puppet, built_in: Portrait) -> None:
    """A patch around a point is found again, by correlation, where the label says."""
    frame = puppet.frame(weights(mouthSmile=0.6), (4.0, -3.0, 0.0))
    for point in (54, 57, 60, 64, 68, 72, 76, 82):
        x, y = built_in.landmarks_xy[point].round().astype(int)
        patch = built_in.image[y - 6 : y + 7, x - 6 : x + 7]
        area = frame.image[y - 18 : y + 19, x - 18 : x + 19]
        score = cv2.matchTemplate(area, patch, cv2.TM_CCOEFF_NORMED)
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        found = np.array([int(column) - 12, int(row) - 12])
        asked = frame.landmarks_xy[point] - built_in.landmarks_xy[point]
        assert np.abs(found - asked).max() < 1.6, point


def test_a_blink_shuts_the_eyes(puppet: Puppet, built_in: Portrait) -> None:
    half, shut = (puppet.frame(weights(eyeBlink=v)).landmarks_xy.astype(np.float64) for v in (0.5, 1.0))
    rest = built_in.landmarks_xy.astype(np.float64)
    for eye in (0, 1):
        assert eye_height_px(shut, eye) < 0.2 * eye_height_px(rest, eye)
        assert 0.3 < eye_height_px(half, eye) / eye_height_px(rest, eye) < 0.8


def test_a_faint_movement_is_a_faint_movement(puppet: Puppet, built_in: Portrait) -> None:
    """Micro-expressions: a tenth of the weight moves the points a tenth as far, and changes the picture a little."""
    strong = puppet.frame(weights(browDown=0.6)).landmarks_xy - built_in.landmarks_xy
    frame = puppet.frame(weights(browDown=0.06))
    faint = frame.landmarks_xy - built_in.landmarks_xy
    assert np.abs(faint * 10 - strong)[33:51].max() < 0.15 * np.abs(strong).max() + 0.05
    change = np.abs(frame.image.astype(int) - built_in.image).max(axis=2)
    assert change.max() > 0
    assert (change > 40).mean() < 0.01


def test_turning_the_head_moves_the_nose_to_the_subjects_left(puppet: Puppet, built_in: Portrait) -> None:
    frame = puppet.frame(np.zeros(52), (6.0, 0.0, 0.0))
    move = frame.landmarks_xy - built_in.landmarks_xy
    assert move[54, 0] > 2
    assert move[54, 0] > move[[0, 32], 0].mean() + 1
    roll = puppet.frame(np.zeros(52), (0.0, 0.0, 6.0)).landmarks_xy - built_in.landmarks_xy
    assert roll[[33, 46], 0].mean() < -1


@pytest.mark.parametrize("name", ["tongueOut", "eyeLookInLeft", "jawForward"])
def test_what_a_photo_cannot_show_is_refused(puppet: Puppet, name: str) -> None:
    assert MOST[name] == 0
    with pytest.raises(RequestError, match=name):
        puppet.frame(weights(**{name: 0.3}))


def test_sequences_are_checked_before_the_first_frame(built_in: Portrait) -> None:
    shapes = np.stack([weights(), weights(jawOpen=0.9)])
    with pytest.raises(RequestError, match="jawOpen"):
        puppet_frames(built_in, shapes)
    with pytest.raises(RequestError, match="head turn"):
        puppet_frames(built_in, np.zeros((2, 52)), np.array([[0, 0, 0], [30, 0, 0]]))
    with pytest.raises(RequestError, match="rows"):
        puppet_frames(built_in, np.zeros((2, 52)), np.zeros((3, 3)))
    with pytest.raises(RequestError, match="NaN"):
        puppet_frames(built_in, np.full((1, 52), np.nan))
    frames = list(puppet_frames(built_in, np.stack([weights(), weights(mouthSmile=0.2)])))
    assert [f.carried for f in frames] == [1.0, 1.0]
    assert frames[1].shapes[ARKIT.index("mouthSmileLeft")] == pytest.approx(0.2)


def test_points_that_are_no_face_fit_no_rig(built_in: Portrait) -> None:
    scattered = np.random.default_rng(0).uniform(50, 450, (98, 2)).astype(np.float32)
    with pytest.raises(SourceError, match="fits these points"):
        Puppet(Portrait(built_in.image, scattered))


def test_a_mesh_maps_its_own_points_back() -> None:
    xs, ys = np.meshgrid(np.linspace(-1, 60, 6), np.linspace(-1, 60, 6))
    xy = np.stack([xs.ravel(), ys.ravel()], axis=1)
    mesh = Mesh.over(xy, (60, 60), np.zeros(0, np.int64))
    moved = xy.copy()
    inner = (xy > 5).all(axis=1) & (xy < 55).all(axis=1)
    moved[inner] += [3.0, -2.0]
    back = mesh.map_back(moved)
    assert np.allclose(back[28, 33], [30.0, 30.0], atol=1e-4)
    assert np.array_equal(back[0, 0], [0, 0]) or np.abs(back[0, 0]).max() < 1
    assert mesh.least_area(moved) > 0.3
    moved[inner] += [40.0, 0.0]
    assert mesh.least_area(moved) < 0
    calm = mesh.relaxed(moved, np.zeros(len(xy), bool))
    assert mesh.least_area(calm) > mesh.least_area(moved)
