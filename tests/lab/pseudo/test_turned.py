"""Turned portraits: pixels and points go the same way, poses add up, the dataset is read back and goes on."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import SinkError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.pseudo_labelled import FORMAT, KIND, LABELS, MANIFEST, PICTURES, write_part
from mien.lab.pseudo.turned import MOST_TURN_DEG, Relief, TurnedFace
from mien.lab.pseudo.turned_set import TurnOrder, make_turned_set, random_turn
from mien.lab.rigs.catalogue import load_rig
from mien.lab.train.detector_faces import read_faces
from mien.lab.train.detector_sources import Places
from mien.sources.portrait import geometry, portrait

SIZE = 240
BEHIND = np.full((8, 8, 3), (255, 0, 255), np.uint8)


@pytest.fixture(scope="module")
def relief() -> Relief:
    return Relief(portrait(), geometry().points.astype(np.float32), load_rig("builtin"))


@pytest.fixture(scope="module")
def turned(relief: Relief) -> dict[int, TurnedFace]:
    return {yaw: relief.turned((yaw, 0, 0), SIZE, BEHIND) for yaw in (-40, 0, 40)}


def _beside_the_nose(face: TurnedFace) -> tuple[float, float]:
    """How far the right and the left eye's outer corner are from the bridge of the nose, sideways."""
    x = face.landmarks_xy[:, 0]
    return float(x[51] - x[60]), float(x[72] - x[51])


def test_not_turned_the_points_are_the_portraits(turned: dict[int, TurnedFace]) -> None:
    ours, given = turned[0].landmarks_xy[33:], geometry().points[33:].astype(np.float64)
    scale = np.linalg.norm(ours[27] - ours[39]) / np.linalg.norm(given[27] - given[39])  # points 60 and 72
    moved = (given - given.mean(axis=0)) * scale + ours.mean(axis=0)
    assert np.abs(ours - moved).max() < 1.0
    assert turned[0].visible[33:].mean() > 0.95


def test_a_turn_adds_to_the_pose_and_shortens_the_far_eye(turned: dict[int, TurnedFace]) -> None:
    for yaw in (-40, 40):
        assert turned[yaw].pose_ypr_deg[0] - turned[0].pose_ypr_deg[0] == pytest.approx(yaw, abs=6)
    right, left = _beside_the_nose(turned[40])
    assert left < 0.7 * right
    right, left = _beside_the_nose(turned[-40])
    assert right < 0.7 * left


def test_pixels_go_with_their_points(turned: dict[int, TurnedFace]) -> None:
    """Around a point that both pictures show, the turned picture has the portrait's colours."""
    for yaw in (-40, 40):
        face = turned[yaw]
        for point in (37, 42, 57, 79, 85, 96, 97):
            if face.visible[point]:
                seen, given = (_around(f.image, f.landmarks_xy[point]) for f in (face, turned[0]))
                assert np.abs(seen - given).max() < 25, point


def _around(image, xy):
    x, y = np.round(xy).astype(int)
    return image[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).mean(axis=0)


def test_far_points_hide_behind_the_nose(relief: Relief) -> None:
    far = relief.turned((70, 0, 0), SIZE, BEHIND)
    assert np.isnan(far.visible[:33]).all()
    assert far.visible[33:96].min() == 0
    assert far.visible[60:68].mean() > 0.8
    assert far.visible[68:76].mean() < 0.5


def test_what_the_portrait_does_not_show_is_filled(relief: Relief, turned: dict[int, TurnedFace]) -> None:
    assert turned[0].covered > 0.95
    purple = (relief.turned((70, 0, 0), SIZE, BEHIND).image == BEHIND[0, 0]).all(axis=2)
    assert purple.any()
    assert not purple[SIZE // 2 - 20 : SIZE // 2 + 20, SIZE // 2 - 20 : SIZE // 2 + 20].any()


@pytest.mark.parametrize("own", [-38.0, -12.0, 0.0, 3.0, 25.0, 60.0])
def test_random_turns_go_further_the_same_way(own: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        yaw, pitch, roll = random_turn(own, rng)
        assert 10 <= abs(yaw) <= MOST_TURN_DEG
        if abs(own) > 4:
            assert np.sign(yaw) == np.sign(own)
        assert abs(own + yaw) < 76
        assert max(abs(pitch), abs(roll)) < 40


def _pseudo_set(folder: Path) -> Path:
    for name in (LABELS, PICTURES):
        (folder / name).mkdir(parents=True)
    image, points = portrait(), geometry().points.astype(np.float32)
    cv2.imwrite(str(folder / PICTURES / "a.png"), image[..., ::-1])
    row = {"name": "a", "picture": "a.png", "subject": "a", "split": "train", "refused": "", "expression": ""}
    row |= {"attributes": "{}", "box_xyxy": np.array([0, 0, 9, 9]), "landmarks_xy": points}
    write_part([row | {"landmark_spread_px": np.full(98, 1.0)}], folder / LABELS / "part_00000.parquet")
    manifest = {"kind": KIND, "format": FORMAT, "source": "sfhq", "purposes": ["train"], "order": {}, "complete": True}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def test_a_set_is_made_read_back_and_goes_on(tmp_path: Path) -> None:
    source, out, rig = _pseudo_set(tmp_path / "a"), tmp_path / "b", load_rig("builtin")
    assert make_turned_set(source, out, rig, [BEHIND], TurnOrder(3, "builtin")) == 3
    made = open_dataset("pseudo", out).split("train")
    assert len(made) == 3
    for i in range(3):
        sample = made.sample(i)
        assert sample.landmarks_xy is not None
        assert sample.truth is not None
        assert abs(sample.truth.pose_ypr_deg[0]) > 20
        assert sample.subject == "sfhq/a"
        assert (sample.landmarks_xy > 0).all()
        assert (sample.truth.landmark_spread_px > 0).all()
    assert make_turned_set(source, out, rig, [BEHIND], TurnOrder(3, "builtin")) == 0  # nothing is left to do
    with pytest.raises(SinkError, match="another order"):
        make_turned_set(source, out, rig, [BEHIND], TurnOrder(2, "builtin"))


def test_detectors_read_turned_portraits(tmp_path: Path) -> None:
    """Their surroundings reach everywhere, so no rectangle of real pixels is stored (NaN)."""
    out, photos = tmp_path / "b", tmp_path / "photos"
    make_turned_set(_pseudo_set(tmp_path / "a"), out, load_rig("builtin"), [BEHIND], TurnOrder(1, "builtin"))
    photos.mkdir()
    cv2.imwrite(str(photos / "p.png"), np.full((130, 130, 3), 80, np.uint8))
    places = Places({"turned_sfhq": out, "backgrounds": photos}, frozenset(), tmp_path)
    (face,) = read_faces(places, {"turned_sfhq": 1.0}).groups[0]
    left, top, right, bottom = face.box_xyxy
    assert 0 <= left < right < face.image.shape[1]
    assert 0 <= top < bottom < face.image.shape[0]
    assert 55 < max(right - left, bottom - top) < 66
