"""Training the landmark solver, in small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.core.geometry import rotation_from_euler
from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.models.landmark_mlp import Constants, write_onnx
from mien.lab.rigs.ict98 import load_rig98
from mien.lab.train.landmark_gap import Found, Gap, measure, photo_faces
from mien.lab.train.landmark_solver import NOT_LEARNED, Plan, calibrate, draw, mean_face, scores, train
from mien.lab.train.landmark_solver_card import write_solver_card
from mien.runtime.store import open_model

RIG = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "rigs" / "ict"


def test_photos_without_boxes_are_explained(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"boxes\.json"):
        next(photo_faces(tmp_path))


def test_too_few_faces_are_explained() -> None:
    points = np.random.default_rng(0).normal(size=(98, 3)).astype(np.float32)
    sideways = Found(np.stack([points[:, :2]] * 2), np.radians([[-30.0, 0.0], [30.0, 0.0]]))
    with pytest.raises(SourceError, match="fewer than"):
        measure(sideways, points, 90.0)


def test_a_known_gap_and_pitch_are_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(98, 3)) * [0.5, 0.6, 0.25]
    points[90:95:4, 1] = -0.5  # a closed mouth
    reference = ((points + points[load_schema("wflw98").mirror] * [-1, 1, 1]) / 2).astype(np.float32)
    moved = reference.astype(np.float64)
    moved[33:51, 1] += 0.02
    turns = rng.normal(scale=4.0, size=(40, 2))
    xy = np.stack([(moved @ rotation_from_euler(y, p, 0).T)[:, :2] * 200 for y, p in turns])
    reported = np.radians(turns + np.array([0.0, 8.0]))
    gap, calm = measure(Found(xy.astype(np.float32), reported), reference, 90.0)
    assert calm > 5
    assert np.degrees(gap.pitch_rad) == pytest.approx(8.0, abs=1.5)
    assert gap.offset_mm[33:51, 1] == pytest.approx(np.full(18, 1.8), abs=1.5)
    gap.save(tmp_path / "gap.npz")
    again = Gap.read(tmp_path / "gap.npz")
    assert np.array_equal(again.offset_mm, gap.offset_mm)
    assert again.pitch_rad == gap.pitch_rad


@pytest.mark.shared
@pytest.mark.skipif(not (RIG / "ict_light.npz").is_file(), reason="no shared ICT rig beside the checkout")
def test_a_short_training_learns_and_ships(tmp_path: Path) -> None:
    rig = load_rig98(str(RIG))
    reference, unit_mm = mean_face(rig, None)
    assert 80 < unit_mm < 100
    net = train(rig, Plan(rounds=1, faces_per_round=6144, batch=128), None, reference)
    held_out = draw(rig, np.random.default_rng(5), 1024, None, reference)
    calibrate(net, held_out)
    result = scores(net, held_out)
    assert set(result) == set(load_schema("arkit52").names) - set(NOT_LEARNED)
    assert result["eyeBlinkLeft"][0] > 0.8
    assert result["jawOpen"][0] > 0.7
    write_onnx(net, Constants(reference, np.ones(52, np.float32), np.zeros(2, np.float32)), tmp_path / "model.onnx")
    write_solver_card(tmp_path, result, 1024, with_gap=False)
    model = open_model(tmp_path, threads=1)
    assert "jawForward" in model.card.limits[0]
    model.close()
