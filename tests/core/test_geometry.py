import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.geometry import (
    FRONTAL,
    CropTransform,
    apparent_rotation,
    euler_from_rotation,
    iou,
    local_rotation,
    quaternion_from_rotation,
    rotation_from_euler,
    rotation_from_quaternion,
)

angles = st.floats(-80, 80)
sizes = st.floats(1, 4000)


@given(angles, angles, st.floats(-170, 170))
def test_euler_round_trip(yaw: float, pitch: float, roll: float) -> None:
    back = euler_from_rotation(rotation_from_euler(yaw, pitch, roll))
    assert np.allclose(back, [yaw, pitch, roll], atol=1e-3)


@given(angles, angles, st.floats(-170, 170))
def test_quaternion_round_trip(yaw: float, pitch: float, roll: float) -> None:
    rotation = local_rotation(yaw, pitch, roll)
    q = quaternion_from_rotation(rotation)
    assert abs(np.linalg.norm(q) - 1) < 1e-5
    assert q[3] >= 0
    assert np.allclose(rotation_from_quaternion(q), rotation, atol=1e-5)


def test_a_frontal_head_has_no_angles() -> None:
    assert np.allclose(euler_from_rotation(FRONTAL), 0)


@pytest.mark.parametrize(
    ("angles_deg", "point_head", "moves_to"),
    [
        ((30, 0, 0), [0, 0, 1], "right"),  # yaw +: the nose goes to the subject's left = image right
        ((0, 30, 0), [0, 0, 1], "up"),  # pitch +: the nose goes up
        ((0, 0, 30), [0, 1, 0], "left"),  # roll +: the top of the head goes to the image's left
    ],
)
def test_signs_in_the_image(angles_deg: tuple[float, float, float], point_head: list[float], moves_to: str) -> None:
    before = FRONTAL @ np.array(point_head)
    after = rotation_from_euler(*angles_deg) @ np.array(point_head)
    dx, dy = (after - before)[:2]  # camera: x right, y down
    assert {"right": dx > 0.1, "left": dx < -0.1, "up": dy < -0.1}[moves_to]


@given(sizes, sizes, st.floats(2, 3000), st.integers(8, 512), st.floats(-180, 180))
def test_crop_round_trip(x: float, y: float, side: float, size: int, roll: float) -> None:
    crop = CropTransform.around((x, y), side, size, roll)
    points = np.array([[0, 0], [size - 1, 0], [3.5, 7.25]])
    assert np.allclose(crop.to_crop(crop.to_image(points)), points, atol=0.05 + size * 2e-3)
    assert np.allclose(crop.to_image([(size - 1) / 2] * 2), (x, y), atol=1e-2)


@given(sizes, sizes, st.floats(2, 3000), st.floats(-180, 180), st.floats(0.5, 2))
def test_the_way_back_of_any_crop_is_the_inverse(x: float, y: float, side: float, roll: float, stretch: float) -> None:
    matrix = CropTransform.around((x, y), side, 64, roll).image_from_crop.astype(np.float64)
    matrix[0, :2] *= stretch  # no longer a turned square
    crop = CropTransform(matrix.astype(np.float32), (64, 64))
    square = np.vstack([crop.image_from_crop.astype(np.float64), [0, 0, 1]])
    assert np.allclose(crop.crop_from_image, np.linalg.inv(square)[:2], rtol=1e-5, atol=1e-4)


def test_crop_covers_the_square_it_promises() -> None:
    corners = CropTransform.around((100, 50), 40, 10).corners_xy
    assert np.allclose(corners, [[80, 30], [120, 30], [120, 70], [80, 70]], atol=1e-4)


def test_crop_turns_with_the_head() -> None:
    """A head with roll +30° has its top to the image's left; in its crop it stands upright."""
    up_in_image = (rotation_from_euler(0, 0, 30) @ [0, 1, 0])[:2]
    crop = CropTransform.around((0, 0), 100, 100, roll_deg=30)
    centre, top = crop.to_crop([[0, 0], up_in_image * 20])
    assert np.allclose(top - centre, [0, -20], atol=1e-3)


def test_a_crop_that_cannot_be_undone_is_refused() -> None:
    with pytest.raises(ValueError, match="not invertible"):
        CropTransform(np.zeros((2, 3), np.float32), (4, 4))


@given(st.lists(st.floats(-50, 50), min_size=8, max_size=8))
def test_iou_is_symmetric_and_bounded(v: list[float]) -> None:
    a = [min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3])]
    b = [min(v[4], v[6]), min(v[5], v[7]), max(v[4], v[6]), max(v[5], v[7])]
    assert iou(a, b) == iou(b, a)
    assert 0 <= iou(a, b) <= 1 + 1e-9


def test_iou_known_value() -> None:
    assert iou([0, 0, 2, 2], [1, 0, 3, 2]) == pytest.approx(1 / 3)
    assert iou([0, 0, 0, 0], [0, 0, 0, 0]) == 0


@given(angles, angles, st.floats(-170, 170))
def test_on_the_optical_axis_the_apparent_rotation_is_the_rotation(yaw: float, pitch: float, roll: float) -> None:
    seen = apparent_rotation(rotation_from_euler(yaw, pitch, roll), [0, 0, 600])
    assert np.allclose(seen, local_rotation(yaw, pitch, roll), atol=1e-9)


@given(st.floats(-500, 500), st.floats(-400, 400), st.floats(200, 2000), st.floats(-1, 1), st.floats(-1, 1))
def test_a_head_carried_around_the_camera_keeps_its_looks(x: float, y: float, z: float, ax: float, ay: float) -> None:
    """Turn the whole scene about the camera: what the head shows along its ray stays, up to in-plane roll."""
    head = rotation_from_euler(20, -10, 5)
    turned = local_rotation(30 * ax, 20 * ay)
    before = apparent_rotation(head, [x, y, z])
    place = turned @ [x, y, z]
    if place[2] <= 1:
        return
    after = apparent_rotation(turned @ head, place)
    assert np.allclose(before[2], after[2], atol=1e-6)  # third row: the ray in the head's axes


def test_a_face_at_the_edge_that_shows_its_front_is_not_turned() -> None:
    place = np.array([300.0, 0, 600])
    facing = apparent_rotation(local_rotation(np.degrees(np.arctan2(300, 600)), 0) @ FRONTAL, place)
    assert np.allclose(facing, np.eye(3), atol=1e-9)
    assert np.allclose(apparent_rotation(FRONTAL, [np.nan] * 3), np.eye(3))
