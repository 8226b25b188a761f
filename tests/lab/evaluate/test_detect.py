"""Measuring detectors: what is counted, ignored and false, on made-up pictures with a made-up detector."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from mien.cli.main import app
from mien.errors import ConfigError
from mien.lab.evaluate.detect import best_recall, evaluate, figures, table
from mien.lab.evaluate.detect_finders import named_finder, run_finder
from mien.lab.metrics.boxes import BoxPicture, box_overlaps
from mien.lab.models.mtcnn import ClassicMtcnn
from mien.lab.models.ssd import Ssd, SsdSpec
from mien.lab.train.checkpoints import write_checkpoint
from mien.lab.train.ssd import export_ssd
from mien.sources.portrait import geometry, portrait


class Bright:
    """Finds the bright squares; its probability is their brightness."""

    name, threshold = "bright", 0.5

    def find(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        grey = image[..., 0]
        _, _, stats, _ = cv2.connectedComponentsWithStats((grey > 40).astype(np.uint8))
        boxes = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:]], np.float32).reshape(-1, 4)
        scores = np.array([grey[y : y + h, x : x + w].max() / 255 for x, y, w, h, _ in stats[1:]], np.float32)
        return boxes, scores

    def close(self) -> None:
        pass


def picture(path: Path, *squares: tuple[int, int, int, int]) -> None:
    """x, y, side, brightness of each."""
    image = np.zeros((200, 300, 3), np.uint8)
    for x, y, side, value in squares:
        image[y : y + side, x : x + side] = value
    cv2.imwrite(str(path), image)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    (folder / "images").mkdir(parents=True)
    # Two faces, one of them small; a false finding; a small false one; a face that is missed at 0.5.
    picture(folder / "images/a.png", (10, 10, 60, 250), (100, 10, 12, 250), (200, 100, 50, 200), (250, 20, 8, 255))
    picture(folder / "images/b.png", (20, 20, 80, 100))
    images = [
        {"file": "images/a.png", "source": "a", "boxes": [[10, 10, 60, 60], [100, 10, 12, 12]]},
        {"file": "images/b.png", "source": "b", "boxes": [[20, 20, 80, 80]]},
    ]
    (folder / "validation.json").write_text(json.dumps({"images": images}))
    empty = tmp_path / "empty"
    empty.mkdir()
    picture(empty / "one.png", (50, 50, 40, 255), (150, 50, 40, 90))
    picture(empty / "two.png")
    return folder


def test_small_faces_are_ignored_and_false_findings_counted(data: Path) -> None:
    seen: list[tuple[int, int]] = []
    run = evaluate(
        Bright(), f"widerface:{data}", without_people=data.parent / "empty", told=lambda i, n: seen.append((i, n))
    )
    found = figures(run)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found["faces"] == 2
    assert found["recall"] == pytest.approx(0.5)
    assert found["precision"] == pytest.approx(0.5)
    assert found["false_per_picture"] == pytest.approx(0.5)
    assert found["without_people"] == {"pictures": 2, "false": 1, "where": {"one.png": 1}}
    assert [b["faces"] for b in found["by_height"]] == [0, 1, 1, 0]
    assert [s["metric"] for s in found["scores"]] == ["average precision", "recall", "precision"]
    text = table(found)
    assert "1 false in 2 pictures without people: one.png 1" in text
    assert "recall 0.500" in text


def test_the_threshold_and_the_least_size_can_be_chosen(data: Path) -> None:
    run = evaluate(Bright(), f"widerface:{data}", threshold=0.3, least_px=0)
    found = figures(run)
    assert found["faces"] == 3
    assert found["recall"] == 1
    assert found["precision"] == pytest.approx(3 / 5)


def test_best_recall_at_a_precision() -> None:
    truth = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], float)
    found = np.array([[0, 0, 10, 10], [50, 50, 60, 60], [20, 0, 30, 10]], float)
    pictures = [BoxPicture(truth, np.array([True, True]), found, np.array([0.9, 0.6, 0.3]))]
    recall, precision, threshold = best_recall(pictures, 0.9)
    assert (recall, precision, threshold) == (0.5, 1.0, pytest.approx(0.9))
    assert best_recall(pictures, 0.6)[0] == 1
    nothing = [BoxPicture(truth, np.array([True, True]), found[1:2], np.array([0.9]))]
    assert np.isnan(best_recall(nothing, 0.9)[0])


def test_a_training_run_is_measured_as_the_runtime_runs_it(data: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    for slot in ("p", "r", "o"):
        facts = {"model": {"kind": f"mtcnn-{slot}"}, "slot": slot}
        write_checkpoint(tmp_path / "run" / slot / "best.pt", {"facts": facts, "net": ClassicMtcnn(slot).state_dict()})
    finder = run_finder(tmp_path / "run", ("p", "r", "o"), {"thresholds": (0.0, 0.0, 0.5), "max_candidates": 20})
    boxes, scores = finder.find(np.full((60, 60, 3), 90, np.uint8))
    finder.close()
    assert len(boxes) == len(scores) > 0
    assert finder.threshold == 0.5
    assert finder.name == "run p+r+o"


def test_a_preset_s_detector_and_landmark_network_judge_together() -> None:
    finder = named_finder("balanced")
    try:
        boxes, evidence = finder.find(portrait())
    finally:
        finder.close()
    assert finder.name == "balanced"
    surest = int(evidence.argmax())
    assert finder.threshold < evidence[surest] < 1
    points = geometry().points
    assert box_overlaps(boxes[surest : surest + 1], np.r_[points.min(0), points.max(0)][None]).item() > 0.5
    with pytest.raises(ConfigError, match="min_evidence_new"):
        named_finder("mediapipe")


def test_mistakes_are_told(data: Path) -> None:
    with pytest.raises(ConfigError, match="cascade"):
        named_finder("cascad")
    with pytest.raises(ConfigError, match="as it is, without model"):
        named_finder("balanced", {"model": "x"})
    answer = CliRunner().invoke(app, ["lab", "evaluate", "detect", "--data", f"widerface:{data}", "--detector", "yolo"])
    assert answer.exit_code != 0


def test_a_single_shot_detector_is_measured_by_its_folder(data: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    export_ssd(Ssd(SsdSpec(size_px=64, width=8)), tmp_path / "ssd-face", "a test")
    how = ["--detector", "ssd", "--model", str(tmp_path / "ssd-face"), "--json"]
    answer = CliRunner().invoke(app, ["lab", "evaluate", "detect", "--data", f"widerface:{data}", *how])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["detector"] == "ssd"
