"""The single-shot detector: anchors, decoding, matching, loss, export."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.detect.ssd import Options, SsdDetector
from mien.lab.export import parity
from mien.lab.models.answers import AnchorAnswer
from mien.lab.models.ssd import Ssd, SsdSpec, anchors_of, encoded
from mien.lab.train.detector_ssd import (
    FACE,
    NONE,
    UNJUDGED,
    SceneBatch,
    SmallScene,
    SsdTask,
    anchor_loss,
    cut_scene,
    matched,
)
from mien.lab.train.ssd import _Decoded, export_ssd


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small wait for each other's threads longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


SMALL = SsdSpec(size_px=64, width=8, anchors_px=((12.0,), (24.0,), (48.0,)))


def test_every_anchor_has_an_answer_at_its_own_place() -> None:
    net, anchors = Ssd(SMALL), anchors_of(SMALL)
    answer = net(torch.randn(2, 3, 64, 64))
    assert answer.logits.shape == (2, len(anchors))
    assert answer.offsets.shape == (2, len(anchors), 4)
    assert len(anchors) == 64 + 16 + 4
    np.testing.assert_allclose(anchors[9] * 64, [12, 12, 12, 12])  # second row, second column of stride 8
    np.testing.assert_allclose(anchors[64 + 16] * 64, [16, 16, 48, 48])


def test_decoding_is_the_inverse_of_encoding() -> None:
    anchors = anchors_of(SMALL)
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 0.6, (len(anchors), 2))
    boxes = np.concatenate([low, low + rng.uniform(0.05, 0.4, low.shape)], axis=1).astype(np.float32)
    offsets = torch.from_numpy(encoded(anchors, boxes))[None]
    found = Ssd(SMALL).decoded(AnchorAnswer(torch.zeros(1, len(anchors)), offsets))
    np.testing.assert_allclose(found[0].numpy(), boxes, atol=1e-5)


def test_matching() -> None:
    anchors = anchors_of(SMALL)
    boxes = np.array([[0.09375, 0.09375, 0.28125, 0.28125], [0.5, 0.5, 0.54, 0.54]], np.float32)
    kinds, offsets = matched(anchors, boxes, np.array([False, False]))
    assert kinds[9] == FACE  # exactly this anchor
    np.testing.assert_allclose(offsets[9], 0, atol=1e-5)
    assert (kinds == FACE).sum() >= 2  # a face too small for every anchor has its best one
    assert kinds[64 * 0 + 63] == NONE
    ignored, _ = matched(anchors, boxes, np.array([True, False]))
    assert ignored[9] == UNJUDGED
    empty, _ = matched(anchors, np.zeros((0, 4), np.float32), np.zeros(0, bool))
    assert (empty == NONE).all()


def test_a_cut_scene_keeps_boxes_on_their_faces_and_doubts_those_it_cuts_off() -> None:
    image = np.zeros((128, 128, 3), np.uint8)
    image[10:42, 8:40] = 255
    scene = SmallScene(image, np.array([[8, 10, 40, 42]], np.float32) / 128, np.zeros(1, bool))
    kept = cut = gone = 0
    for seed in range(60):
        part = cut_scene(scene, 0.5, 64, np.random.default_rng(seed))
        assert part.image.shape == (64, 64, 3)
        if not len(part.boxes):
            gone += 1
            assert part.image.mean() < 255 * 0.12
            continue
        seen = (np.clip(part.boxes[0, 2:], 0, 1) - np.clip(part.boxes[0, :2], 0, 1)) * 64
        assert part.image[..., 0].sum() / 255 == pytest.approx(float(seen.prod()), abs=64)
        share = float(seen.prod() / ((part.boxes[0, 2:] - part.boxes[0, :2]) * 64).prod())
        assert bool(part.ignored[0]) == (share < 0.6)
        kept, cut = kept + (share > 0.99), cut + (share < 0.6)
    assert min(kept, cut) > 2
    assert 0 < gone < 20


def test_the_loss_counts_positives_and_the_hardest_negatives() -> None:
    kind = torch.tensor([[FACE, NONE, NONE, NONE, NONE, UNJUDGED]])
    logits = torch.tensor([[0.0, 5.0, -9.0, -9.0, -9.0, 50.0]])
    batch = SceneBatch(torch.zeros(1, 3, 64, 64), kind, torch.zeros(1, 6, 4))
    total, parts = anchor_loss(AnchorAnswer(logits, torch.full((1, 6, 4), 2.0)), batch)
    assert parts["face"] == pytest.approx(np.log(2) + 5.0067 + 2 * np.log1p(np.exp(-9)), abs=1e-3)
    assert parts["box"] == pytest.approx(4 * 1.5)
    assert float(total) == pytest.approx(parts["face"] + parts["box"])


def test_it_learns_one_scene_by_heart_and_the_runtime_finds_the_face(tmp_path: Path) -> None:
    torch.manual_seed(0)
    image = np.full((64, 64, 3), 90, np.uint8)
    image[20:44, 12:36] = (230, 60, 60)
    scene = SmallScene(image, np.array([[12, 20, 36, 44]], np.float32) / 64, np.zeros(1, bool))
    net = Ssd(SMALL)
    task = SsdTask(net, SMALL, [scene], [scene], batch=4, half=False, colour=0.0)
    optimizer = torch.optim.Adam(task.net.parameters(), lr=5e-3)
    task.net.train()
    for _, batch in zip(range(60), task.batches(0), strict=False):
        loss, _ = task.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    task.net.eval()
    with torch.inference_mode():
        assert task.evaluate()["score"] < 1.0
    export_ssd(net, tmp_path / "ssd-face", "a test")
    gaps = parity(_Decoded(net), torch.randn(1, 3, 64, 64), tmp_path / "ssd-face")
    assert max(gaps["onnxruntime auto"].values()) < 1e-2
    detector = SsdDetector(Options(model=str(tmp_path / "ssd-face"), min_confidence=0.4))
    boxes, _ = detector.find(image)
    detector.close()
    np.testing.assert_allclose(boxes[0], [12, 20, 36, 44], atol=4)


def test_the_same_weights_look_at_a_larger_picture() -> None:
    torch.manual_seed(1)
    small, large = (Ssd(replace(SMALL, size_px=px)).eval() for px in (192, 256))
    large.load_state_dict(small.state_dict())
    picture = torch.randn(1, 3, 256, 256)
    with torch.inference_mode():
        wide, near = large(picture), small(picture[..., 32:224, 32:224])
    fine = wide.logits[0, :1024].reshape(32, 32), near.logits[0, :576].reshape(24, 24)  # stride 8, away from the edges
    torch.testing.assert_close(fine[0][14:18, 14:18], fine[1][10:14, 10:14], atol=1e-5, rtol=0)
    assert (fine[0][14:18, 14:18] - fine[1][9:13, 10:14]).abs().max() > 1e-4
    np.testing.assert_allclose(anchors_of(large.spec)[0] * 256, anchors_of(small.spec)[0] * 192)
