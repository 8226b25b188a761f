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
from mien.lab.synth.people import Habits
from mien.lab.train.landmark_evidence import (
    PERFORMED,
    Evidence,
    Found,
    Gap,
    limits,
    performance_gains,
    portrait_faces,
    stranger_smile_gain,
)
from mien.lab.train.landmark_gap import measure, photo_faces
from mien.lab.train.landmark_habits import beyond
from mien.lab.train.landmark_solver import (
    NOT_LEARNED,
    Crowd,
    Plan,
    amplify,
    calibrate,
    draw,
    mean_face,
    scores,
    train,
    unclipped,
)
from mien.lab.train.landmark_solver_card import Provenance, write_solver_card
from mien.runtime.store import open_model
from mien.sources.portrait_motion import landmarks_at

RIG = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "rigs" / "ict"


def test_photos_without_boxes_are_explained(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"boxes\.json"):
        next(photo_faces(tmp_path))


def test_too_few_faces_are_explained() -> None:
    points = np.random.default_rng(0).normal(size=(98, 3)).astype(np.float32)
    sideways = Found(np.stack([points[:, :2]] * 2), np.radians([[-30.0, 0.0], [30.0, 0.0]]))
    with pytest.raises(SourceError, match="fewer than"):
        measure(sideways, points, 90.0, "landmarks/test")


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
    gap, calm = measure(Found(xy.astype(np.float32), reported), reference, 90.0, "landmarks/test")
    assert calm.sum() > 5
    assert np.degrees(gap.pitch_rad) == pytest.approx(8.0, abs=1.5)
    assert gap.offset_mm[33:51, 1] == pytest.approx(np.full(18, 1.8), abs=1.5)
    gap.save(tmp_path / "gap.npz")
    again = Gap.read(tmp_path / "gap.npz")
    assert np.array_equal(again.offset_mm, gap.offset_mm)
    assert again.pitch_rad == gap.pitch_rad
    assert again.backend == "landmarks/test"


def test_another_says_which_faces_are_calm_where_lips_are_imprecise() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(98, 3)) * [0.5, 0.6, 0.25]
    reference = ((points + points[load_schema("wflw98").mirror] * [-1, 1, 1]) / 2).astype(np.float32)
    reference[90:95:4, 1] = [0.1, -0.1]  # lips that read as open on everybody
    smiling = reference.copy()
    smiling[33:51, 1] += 0.2
    turns = rng.normal(scale=2.0, size=(40, 2))
    calm = np.arange(40) % 2 == 0
    shapes = [reference if one else smiling for one in calm]
    xy = np.stack(
        [
            (s.astype(np.float64) @ rotation_from_euler(y, p, 0).T)[:, :2] * 200
            for s, (y, p) in zip(shapes, turns, strict=True)
        ]
    )
    found = Found(xy.astype(np.float32), np.radians(turns))
    with pytest.raises(SourceError, match="fewer than"):
        measure(found, reference, 90.0, "landmarks/test")
    gap, used = measure(found, reference, 90.0, "landmarks/test", calm)
    assert used.sum() > 5
    assert not (used & ~calm).any()
    assert np.abs(gap.offset_mm[33:51, 1]).max() < 1.5, "the others' brows would move it by 18 mm"


def test_shapes_that_a_rig_lacks_are_left_to_the_other() -> None:
    own, other = np.ones((2, 52, 98, 3), np.float32)
    index = load_schema("arkit52").index
    other[index("browDownLeft")] = 3.0
    other[index("cheekPuff")] = 0.0
    other[index("eyeLookUpLeft")] = 5.0
    out = beyond(other, own)
    assert (out[index("browDownLeft")] == 2.0).all()
    assert not out[[index("cheekPuff"), index("eyeLookUpLeft"), index("mouthPucker")]].any()


def seen_truly() -> tuple[Evidence, np.ndarray]:
    """The portrait's own landmarks as a perfect backend would report them, and its face at rest as the mean face."""
    boxes = [box.xyxy for _, box in portrait_faces()]
    assert len(boxes) == 25 + len(PERFORMED)
    poses = [({}, (0.0, 0.0, 0.0))] * 25 + [(w, (0.0, 0.0, 0.0)) for w in PERFORMED.values()]
    xy = np.stack([landmarks_at(w, head, 640) for w, head in poses])
    found = Found(xy, np.zeros((len(xy), 2)))
    flat = xy[0] * [1, -1]
    flat = (flat - flat[[60, 72]].mean(axis=0)) / np.linalg.norm(flat[60] - flat[72])
    return Evidence(found, found), np.column_stack([flat, np.zeros(98)]).astype(np.float32)


def test_gains_bring_the_portrait_to_the_target_and_evidence_is_kept(tmp_path: Path) -> None:
    seen, reference = seen_truly()
    seen.save(tmp_path / "evidence.npz")
    seen = Evidence.read(tmp_path / "evidence.npz")
    gains = performance_gains(lambda x: np.full((len(x), 52), 0.76, np.float32), seen, 0.0, reference)
    assert gains == pytest.approx(dict.fromkeys(gains, 1.25))
    low = stranger_smile_gain(lambda x: np.full((len(x), 52), 1.2, np.float32), seen, 0.0, reference)
    assert low == pytest.approx(0.75)
    found = limits(lambda x: np.zeros((len(x), 52), np.float32), seen, 0.0, reference)
    assert found.shut[0] < 0.1 < found.shut[1] < 0.8
    assert found.spread == {"brows": 0.0, "eyes": 0.0, "mouth": 0.0}


@pytest.mark.shared
@pytest.mark.skipif(not (RIG / "ict_light.npz").is_file(), reason="no shared ICT rig beside the checkout")
def test_a_short_training_learns_and_ships(tmp_path: Path) -> None:
    rig = load_rig98(str(RIG))
    reference, unit_mm = mean_face(rig, None)
    assert 80 < unit_mm < 100
    crowd = Crowd(rig, habits=Habits(("other",), np.full((1, 52, 98, 3), 0.5, np.float32)))
    net = train(crowd, Plan(rounds=1, faces_per_round=6144, batch=128), reference)
    held_out = draw(crowd, np.random.default_rng(5), 1024, reference)
    calibrate(net, held_out)
    result = scores(net, held_out)
    assert set(result) == set(load_schema("arkit52").names) - set(NOT_LEARNED)
    assert result["eyeBlinkLeft"][0] > 0.8
    assert result["jawOpen"][0] > 0.7
    folder = tmp_path / "solver-x"
    write_onnx(net, Constants(reference, np.ones(52, np.float32), *np.zeros((2, 2), np.float32)), folder / "model.onnx")
    write_solver_card(folder, result, 1024, Provenance("0" * 40, {"jawOpen": 1.2}, 0.7, "landmarks/test"))
    model = open_model(folder, threads=1)
    assert model.card.name == "solver-x"
    assert "backend=landmarks/test;" in model.card.inputs[0].recipe
    assert "jawForward" in model.card.limits[0]
    assert "jawOpen 1.20" in model.card.limits[-1]
    assert model.card.training.commit == "0" * 40
    raw = unclipped(net, held_out.known)
    assert np.allclose(np.clip(raw, 0, 1), model.run({"features": held_out.known})["weights"], atol=1e-4)
    amplify(net, {"jawOpen": 2.0}, {})
    index = load_schema("arkit52").index
    again = unclipped(net, held_out.known)
    assert np.allclose(again[:, index("jawOpen")], 2 * raw[:, index("jawOpen")], atol=1e-4)
    assert np.array_equal(again[:, index("mouthPucker")], raw[:, index("mouthPucker")])
    model.close()
