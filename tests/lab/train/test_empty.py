"""Pictures without a face: what is asked of the maps there, and where the crops come from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mien.errors import SourceError
from mien.lab.datasets.sample import Sample
from mien.lab.models.answers import LandmarkMaps
from mien.lab.train.augment import Augmentation, make_crop
from mien.lab.train.empty import SIZE, BesideFaces, EmptyCrops, nothing
from mien.lab.train.landmark_task import LandmarkSpec, map_loss
from mien.lab.train.losses import PointTargets


def test_maps_of_a_picture_without_a_face_are_pressed_down() -> None:
    face = make_crop(nothing(np.zeros((90, 120, 3), np.uint8)), 64, Augmentation(), np.random.default_rng(0))
    targets = PointTargets(*(torch.from_numpy(v[None]) for v in (face.points_xy, face.visible, face.weight)))
    maps = torch.full((1, 98, 16, 16), 0.4, requires_grad=True)
    high, _ = map_loss(LandmarkMaps((maps,), torch.zeros(1, 98)), targets, LandmarkSpec(input_px=64))
    high.backward()
    assert (maps.grad > 0).all()  # less is better, everywhere
    low, _ = map_loss(LandmarkMaps((torch.zeros(maps.shape),), torch.full((1, 98), -9.0)), targets, LandmarkSpec())
    assert float(low.detach()) < 0.01 * float(high.detach())


def test_crops_come_from_everywhere_and_are_the_same_again() -> None:
    rng = np.random.default_rng(1)
    photos = [rng.integers(0, 256, (140, 200, 3)).astype(np.uint8) for _ in range(2)]
    crops = EmptyCrops(photos)
    first = crops.face(0)
    assert first.image.shape == (SIZE, SIZE, 3)
    assert np.isnan(first.points_xy).all()
    assert (first.weight == 1).all()
    assert np.array_equal(first.image, crops.face(0).image)
    assert not np.array_equal(first.image, crops.face(2).image)
    with pytest.raises(SourceError, match="no photograph"):
        EmptyCrops([])


class Pictures(list[Sample]):
    """As a dataset is read here."""

    class info:  # noqa: N801
        title = "pictures"


def test_beside_a_face_little_of_it_is_seen_but_for_pieces() -> None:
    image = np.zeros((200, 240, 3), np.uint8)
    image[60:140, 90:150] = 255  # the face
    rng = np.random.default_rng(0)
    xy = np.stack([rng.uniform(90, 150, 98), rng.uniform(60, 140, 98)], axis=1).astype(np.float32)
    xy[:2] = (90, 60), (149, 139)
    known = Sample("made", "a", "train", pixels=lambda: image, landmarks_xy=xy, landmark_schema="wflw98")
    crops = BesideFaces(Pictures([known]))  # type: ignore[arg-type]
    shown = np.array([crops.face(i).image.mean() / 255 for i in range(200)])
    pieces = shown > 0.5
    assert 0.1 < pieces.mean() < 0.3
    assert shown[~pieces].max() < 0.3
    assert np.isnan(crops.face(0).points_xy).all()
    assert np.array_equal(crops.face(5).image, crops.face(5).image)
    with pytest.raises(SourceError, match="pictures: no picture with points"):
        BesideFaces(Pictures([]))  # type: ignore[arg-type]
