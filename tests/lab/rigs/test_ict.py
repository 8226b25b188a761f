"""The ICT rig and the 98 points on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.core.geometry import rotation_from_euler
from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.rigs.ict import load_ict, rig_from_arkit
from mien.lab.rigs.ict98 import Rig98, load_rig98

RIG = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "rigs" / "ict"
needs_rig = pytest.mark.skipif(not (RIG / "ict_light.npz").is_file(), reason="no shared ICT rig beside the checkout")
W = load_schema("wflw98")
A = load_schema("arkit52")


@pytest.fixture(scope="module")
def rig() -> Rig98:
    return load_rig98(str(RIG))


def points(rig: Rig98, **weights: float) -> np.ndarray:
    row = np.zeros((1, 52), np.float32)
    for name, weight in weights.items():
        row[0, A.index(name)] = weight
    arkit = row @ rig_from_arkit(rig.rig.expression_names)
    return rig.shape(np.zeros((1, 100)), arkit, np.zeros((1, 2, 2))).points[0]


def test_a_missing_rig_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"ict_light\.npz"):
        load_ict(tmp_path)


def test_another_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "ict_light.npz", something=np.zeros(3))
    with pytest.raises(SourceError, match="not the light ICT rig"):
        load_ict(tmp_path)


@needs_rig
@pytest.mark.shared
def test_the_98_points_are_symmetric_and_in_place(rig: Rig98) -> None:
    face = points(rig)
    mirrored = face[W.mirror] * [-1, 1, 1]
    assert np.abs(face - mirrored).max() < 2.0
    assert face[W.index("left_eye_outer"), 0] > 0 > face[W.index("right_eye_outer"), 0]
    assert face[W.index("contour_chin"), 1] < face[W.index("lip_lower_outer_mid"), 1] < face[W.index("nose_tip"), 1]
    heights = [face[W.index(n), 1] for n in ("left_brow_upper_3", "left_brow_lower_2", "left_eye_upper_mid")]
    assert heights == sorted(heights, reverse=True)
    assert len(np.unique(face.round(3), axis=0)) == 98


@needs_rig
@pytest.mark.shared
def test_lids_close_and_do_not_cross(rig: Rig98) -> None:
    upper, lower = W.index("left_eye_upper_mid"), W.index("left_eye_lower_mid")
    still, shut = points(rig), points(rig, eyeBlinkLeft=1.0, eyeLookDownLeft=1.0)
    assert still[upper, 1] - still[lower, 1] > 8
    assert 0 <= shut[upper, 1] - shut[lower, 1] < 1.5


@needs_rig
@pytest.mark.shared
@pytest.mark.parametrize(
    ("shape", "point", "axis", "sign"),
    [
        ("jawOpen", "contour_chin", 1, -1),
        ("mouthSmileLeft", "mouth_left", 1, 1),
        ("browInnerUp", "right_brow_upper_5", 1, 1),
        ("mouthLeft", "lip_upper_outer_mid", 0, 1),
        ("jawRight", "contour_chin", 0, -1),
    ],
)
def test_shapes_move_the_right_way(rig: Rig98, shape: str, point: str, axis: int, sign: int) -> None:
    moved = points(rig, **{shape: 1.0}) - points(rig)
    assert moved[W.index(point), axis] * sign > 1.0


@needs_rig
@pytest.mark.shared
def test_the_far_contour_slides_to_the_silhouette(rig: Rig98) -> None:
    still = rig.shape(np.zeros((1, 100)), np.zeros((1, 57)), np.zeros((1, 2, 2)))
    turned = rotation_from_euler(40, 0, 0)[None]
    xy = still.project(turned, [[0, 0, 900.0]], [900.0])[0]
    plain = still.points[0] @ turned[0].T + [0, 0, 900.0]
    plain_x = plain[:, 0] / plain[:, 2] * 900
    cheek = W.index("contour_left_10")
    assert xy[cheek, 0] > plain_x[cheek] + 2  # the subject's left is the far side, on the image's right
    near = W.index("contour_right_10")
    assert xy[near, 0] == pytest.approx(plain_x[near], abs=2.0)


@needs_rig
@pytest.mark.shared
def test_pupils_follow_the_gaze(rig: Rig98) -> None:
    def pupil(yaw: float, pitch: float) -> np.ndarray:
        return rig.shape(np.zeros((1, 100)), np.zeros((1, 57)), np.full((1, 2, 2), [yaw, pitch])).points[0, 97]

    assert pupil(20, 0)[0] > pupil(0, 0)[0] + 4
    assert pupil(0, 15)[1] > pupil(0, 0)[1] + 3


def test_arkit_names_find_their_rig_shapes() -> None:
    names = ("browInnerUp_L", "browInnerUp_R", "jawLeft", "mouthSmile_L", "PupilDilate_L")
    table = rig_from_arkit(names)
    assert np.flatnonzero(table[A.index("browInnerUp")]).tolist() == [0, 1]
    assert np.flatnonzero(table[A.index("jawLeft")]).tolist() == [2]
    assert np.flatnonzero(table[A.index("mouthSmileLeft")]).tolist() == [3]
    assert table[A.index("tongueOut")].sum() == 0
    assert table[:, 4].sum() == 0
