"""Windows cut anew from pictures of faces, for every batch of a detector's training."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mien.detect.cascade_geometry import corrected, points_to_picture
from mien.errors import ConfigError
from mien.lab.models.cascade import OutputNet, OutputSpec
from mien.lab.train.detect import keep_octaves
from mien.lab.train.detector_faces import read_faces
from mien.lab.train.detector_live import FacePicture, FaceWindows
from mien.lab.train.detector_recipe import read_stages
from mien.lab.train.detector_sources import Places
from mien.lab.train.detector_task import Batch, WindowSpec, WindowTask, window_loss
from mien.lab.train.detector_windows import NEGATIVE, PART, POSITIVE, Windows

BOX = np.array([8, 4, 40, 46], np.float32)
FIVE = np.array([[16, 18], [32, 18], [24, 26], [18, 36], [30, 36]], np.float32)


def picture(*, known: bool = True) -> FacePicture:
    """A bright ellipse in a dark picture: its box can be measured in the windows."""
    image = np.full((48, 48), 20, np.uint8)
    cv2.ellipse(image, (24, 25), (16, 21), 0, 0, 360, (250,), -1)
    return FacePicture(image, BOX, FIVE if known else np.full((5, 2), np.nan, np.float32))


def source(*, known: bool = True) -> FaceWindows:
    return FaceWindows([[picture(known=known)]], [1.0], [np.full((160, 160, 3), 20, np.uint8)])


def test_live_windows_are_labelled_where_the_face_is() -> None:
    windows = source()(300, 48, np.random.default_rng(0))
    assert set(windows.kinds.tolist()) == {POSITIVE, PART, NEGATIVE}
    square = np.array([[-0.5, -0.5, 47.5, 47.5]], np.float32)
    y, x = np.mgrid[0:48, 0:48]
    shares = []
    for i in np.flatnonzero(windows.kinds == POSITIVE):
        grey = windows.crops[i].astype(np.float32).mean(axis=2)
        bright = grey > (grey.min() + grey.max()) / 2
        left, top, right, bottom = box = corrected(square, windows.boxes[i : i + 1])[0]
        oval = ((2 * x - left - right) / (right - left)) ** 2 + ((2 * y - top - bottom) / (bottom - top)) ** 2 < 1
        shares.append((bright & oval).sum() / (bright | oval).sum())
        points = points_to_picture(square, windows.points[i].reshape(1, 5, 2))[0]
        assert (points > box[:2]).all()
        assert (points < box[2:]).all()
    assert len(shares) > 100
    assert np.median(shares) > 0.9  # some are covered in part


@pytest.mark.parametrize("size", [12, 24])
def test_smaller_windows_show_the_same(size: int) -> None:
    fine = source()(20, 48, np.random.default_rng(1))
    small = source()(20, size, np.random.default_rng(1))
    assert small.crops.shape == (20, size, size, 3)
    assert (small.kinds == fine.kinds).all()
    mean = fine.crops.reshape(20, size, 48 // size, size, 48 // size, 3).mean(axis=(2, 4))
    assert np.abs(mean - small.crops).max() <= 1


def test_a_face_whose_box_is_not_known_teaches_only_that_it_is_one() -> None:
    windows = source(known=False)(40, 24, np.random.default_rng(2))
    own = windows.kinds != NEGATIVE
    assert np.isnan(windows.boxes[own]).all()
    kind, box, points = (torch.from_numpy(a) for a in (windows.kinds.astype(np.int64), windows.boxes, windows.points))
    batch = Batch(torch.zeros(40, 3, 24, 24), kind, box, points)
    answer = OutputNet(OutputSpec())(torch.zeros(40, 3, 48, 48))
    loss, parts = window_loss(answer, batch, WindowSpec())
    assert torch.isfinite(loss)
    assert parts["box"] == 0


def test_a_batch_holds_the_live_windows() -> None:
    stored = source()(30, 24, np.random.default_rng(3))
    none = stored.only(np.flatnonzero(stored.kinds == NEGATIVE))
    everything = Windows(
        *(np.concatenate([getattr(w, f) for w in (stored, none)]) for f in ("crops", "kinds", "boxes", "points"))
    )
    task = WindowTask(OutputNet(OutputSpec()), WindowSpec(live=12), everything, stored, batch=32, live=source())
    first, again = (next(iter(task.batches(5))) for _ in range(2))
    assert first.image.shape == (32, 3, 24, 24)
    assert torch.equal(first.image, again.image)


def test_kept_octaves_do_not_learn() -> None:
    net = OutputNet(OutputSpec(widths=(8, 16, 16)))
    keep_octaves(net, 2)
    before = {k: v.clone() for k, v in net.octaves.state_dict().items()}
    net.train()
    answer = net(torch.randn(4, 3, 48, 48))
    answer.logits.sum().backward()
    learning = {n.split(".")[0] for n, p in net.octaves.named_parameters() if p.grad is not None}
    assert learning == {"2"}
    after = net.octaves.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before if k.startswith(("0.", "1.")))
    assert any(not torch.equal(before[k], after[k]) for k in before if "running_mean" in k)
    with pytest.raises(ConfigError, match="octave"):
        keep_octaves(net, 4)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    places = Places({}, frozenset(), tmp_path)
    with pytest.raises(ConfigError, match="no such group"):
        read_faces(places, {"dolls": 1.0})
    with pytest.raises(ConfigError, match="add up"):
        read_faces(places, {"sfhq": 0.5})
    with pytest.raises(ConfigError, match="--set sfhq"):
        read_faces(places, {"sfhq": 1.0})
    stage = {"name": "p", "slot": "p", "scenes": [0, 0], "model": {}}
    with pytest.raises(ConfigError, match="scenes: none"):
        read_stages({"stage": [stage]})
    with pytest.raises(ConfigError, match="kept: it needs shipped"):
        read_stages({"stage": [{**stage, "kept": True}]})
    assert read_stages({"stage": [{**stage, "kept": True, "shipped": "immtcnn-p"}]})[0].kept
    with pytest.raises(ConfigError, match="windows_of"):
        read_stages({"stage": [{**stage, "scenes": [0, 1], "windows_of": ["q"]}]})
