"""Teaching the pixel reader, in small: what it is taught on, what is asked, that it learns, resumes and is exported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.action_units.face_crop import PX_PER_UNIT, middle_of
from mien.action_units.pixel_reader import PixelReader
from mien.action_units.visibility import GAZE_SHAPES
from mien.core.schema import load_schema
from mien.errors import ConfigError, RequestError, SourceError
from mien.lab.render.random_scene import choose
from mien.lab.rigs.catalogue import load_rig
from mien.lab.synth.expressions import EXCLUSIVE
from mien.lab.synth.single_shapes import random_shapes
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.loop import LAST
from mien.lab.train.shape_crops import Bend, shaken
from mien.lab.train.shape_export import MOST_SHARE, fit_mixture
from mien.lab.train.shape_export import main as export_main
from mien.lab.train.shape_faces import main as make_faces
from mien.lab.train.shape_faces import write_set
from mien.lab.train.shape_groups import AT_REST, IN_GROUP, Drawn, drawn_groups
from mien.lab.train.shape_points import main as find_points
from mien.lab.train.shape_puppets import calm, plain_of
from mien.lab.train.shape_set import ShapeSet
from mien.lab.train.shape_task import SHAKEN, correlations, shape_loss
from mien.lab.train.shape_views import MARGIN, Look, crop_size
from mien.lab.train.shapes import main, mean_face

A = load_schema("arkit52")
# Not narrower than 8 channels: backwards through narrower convolutions, channels last, PyTorch 2.13 damages its memory
# on processors with AVX2 alone ("double free or corruption").
TRY = """
[model]
stem = 8
widths = [8, 8, 8]
squeezed = 8
features = 8
hidden = 12
points = [8]
[schedule]
batch = 2
half = false
evaluate_every = 100
save_every = 2
[[data]]
place = "drawn"
[[data]]
use = "validation"
place = "drawn"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawn groups, with readings of the landmark solver."""
    out = tmp_path_factory.mktemp("shapes") / "drawn"
    how = Drawn(size_px=160, readings=True)
    assert write_set(out, drawn_groups(load_rig("builtin"), how, Look()), 2, ["test"]) == 2
    with pytest.raises(SourceError, match="lacks landmarks"):
        ShapeSet(out).seen()
    find_points([str(out)])
    return out


def test_a_set_holds_what_it_says(folder: Path) -> None:
    faces = ShapeSet(folder)
    w, h = crop_size(MARGIN)
    assert faces.crops.shape == (2, IN_GROUP, h, w, 3)
    assert len({c.tobytes() for c in faces.crops[0]}) == IN_GROUP
    rest = np.delete(faces.plain[:, :AT_REST], GAZE_SHAPES, axis=2)
    assert np.nanmax(rest) == 0
    assert np.nanmax(faces.plain[:, AT_REST:]) > 0.3
    assert faces.read is not None
    assert np.isfinite(faces.read).any()
    with pytest.raises(RequestError, match="holds a set already"):
        write_set(folder, iter(()), 1, [])


def test_landmarks_of_crops_are_those_of_a_face(folder: Path) -> None:
    fronts, turns = ShapeSet(folder).seen()
    assert np.isfinite(turns).mean() > 0.7
    found = fronts[np.isfinite(turns).all(axis=2)]
    width = np.nanmean(np.linalg.norm(found[:, 72] - found[:, 60], axis=1))
    assert abs(width - 1.0) < 0.15


def test_the_same_seed_gives_the_same_group(folder: Path) -> None:
    again = next(drawn_groups(load_rig("builtin"), Drawn(size_px=160), Look()))
    np.testing.assert_array_equal(ShapeSet(folder).crops[0], np.stack([f.crop for f in again]))


def test_plain_groups_show_more_people_and_more_at_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    single = [np.mean([(random_shapes(rng, busy=b) > 0).sum() <= 2 for _ in range(1000)]) for b in (False, True)]
    assert single[1] < 0.8 * single[0]
    plain = Drawn(plain=True, people=100_000)
    assert plain.wishes().attributes == {"occlusion": False}
    assert len({choose(seed, plain.wishes()).person for seed in range(300)}) > 295
    order = ["--plain", "--people", "100000", "--rig", "builtin", "--rig", "builtin", "--groups", "2"]
    make_faces(["--out", str(tmp_path / "set"), *order])
    first, second = ShapeSet(tmp_path / "set").crops[:, 0].astype(float)
    assert np.abs(first - second).mean() > 5, "a rig that is named twice draws the same again"


def test_no_set(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no set of faces"):
        ShapeSet(tmp_path)
    (tmp_path / "plain.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(SourceError, match="no set of faces"):
        ShapeSet(tmp_path)


def test_every_shape_occurs_and_opposites_never_meet() -> None:
    rng = np.random.default_rng(1)
    rows = np.stack([random_shapes(rng) for _ in range(2500)])
    moving = np.delete(rows, GAZE_SHAPES, axis=1)
    assert (moving.max(axis=0) > 0.5).all()
    assert ((rows >= 0) & (rows <= 1)).all()
    for one, other in EXCLUSIVE:
        assert (np.minimum(rows[:, A.index(one)], rows[:, A.index(other)]) == 0).all()
    assert (rows[:, A.index("mouthClose")] <= rows[:, A.index("jawOpen")]).all()


def test_a_shaken_crop_moves_little(folder: Path) -> None:
    crop = ShapeSet(folder).crops[0, 0]
    plain = shaken(crop, SHAKEN, None, np.random.default_rng(5))
    w, h = crop_size(0)
    assert plain.shape == (h, w, 3)
    inner = crop[MARGIN:-MARGIN, MARGIN:-MARGIN].astype(float)
    assert np.corrcoef(inner.ravel(), plain.astype(float).ravel())[0, 1] > 0.8


def test_a_bent_face_takes_its_points_along() -> None:
    reference, bend = mean_face(), Bend.random(np.random.default_rng(7), 2.0)
    assert 1.0 < np.abs(bend.field).max() < 12.0
    w, h = crop_size(0)
    still = replace(SHAKEN, **dict.fromkeys(("scale", "rotation_deg", "shift", "blur", "coarse", "noise", "jpeg"), 0.0))
    middle = middle_of(reference)
    for x, y in ((30, 40), (56, 90), (80, 60)):
        crop = np.zeros((h + 2 * MARGIN, w + 2 * MARGIN, 3), np.uint8)
        crop[y + MARGIN - 2 : y + MARGIN + 3, x + MARGIN - 2 : x + MARGIN + 3] = 250
        image = shaken(crop, still, None, np.random.default_rng(1), bend)[..., 0].astype(float)
        rows, columns = np.mgrid[:h, :w]
        seen = np.array([(columns * image).sum(), (rows * image).sum()]) / image.sum()
        front = middle + (np.array([x, y]) - [(w - 1) / 2, (h - 1) / 2]) / [PX_PER_UNIT, -PX_PER_UNIT]
        moved = bend.points(front[None].astype(np.float32), reference)[0]
        told = (moved - middle) * [PX_PER_UNIT, -PX_PER_UNIT] + [(w - 1) / 2, (h - 1) / 2]
        assert np.linalg.norm(told - seen) < 0.8
        assert np.isnan(bend.points(np.full((1, 2), np.nan, np.float32), reference)).all()


def test_loss_is_least_at_the_truth_and_ignores_nan() -> None:
    truth = torch.tensor([[0.0, 0.3, 1.0, float("nan")]])
    right = torch.logit(torch.tensor([[1e-6, 0.3, 1 - 1e-6, 0.5]]))
    assert float(shape_loss(right, truth, 3.0)) < 1e-4
    assert float(shape_loss(right + 0.5, truth, 3.0)) > 1e-3
    other = right.clone()
    other[0, 3] = 7.0
    assert float(shape_loss(other, truth, 3.0)) == float(shape_loss(right, truth, 3.0))
    both, plain = (float(shape_loss(right + 0.5, truth, 3.0, squared)) for squared in (2.0, 0.0))
    wrong = torch.sigmoid(right + 0.5)[0, :3] - truth[0, :3]
    worth = 1 + 3 * truth[0, :3]
    assert both - plain == pytest.approx(2 * float((worth * wrong**2).sum() / worth.sum()), rel=1e-4)


def test_puppets_of_smiling_portraits_teach_only_what_is_known() -> None:
    own, moved = np.zeros(52, np.float32), np.zeros(52, np.float32)
    moved[A.index("cheekPuff")], moved[A.index("tongueOut")] = 0.7, np.nan
    assert calm(own)
    np.testing.assert_array_equal(plain_of(own, moved), moved)
    own[A.index("mouthSmileLeft")] = 0.8
    moved[A.index("mouthSmileLeft")] = 0.5
    assert not calm(own)
    plain = plain_of(own, moved)
    assert plain[A.index("mouthSmileLeft")] == 1.0
    assert np.isnan(plain[A.index("cheekPuff")])


def test_mixture_takes_the_better_reader_and_treats_sides_alike() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random((400, 52)).astype(np.float32)
    good, bad = truth + 0.02 * rng.normal(size=truth.shape), rng.random(truth.shape)
    landmarks = np.where(np.arange(52) < 26, good, bad).astype(np.float32)
    landmarks[:, A.index("tongueOut")] = np.nan
    pixels = np.where(np.arange(52) < 26, bad, good).astype(np.float32)
    truth[:, A.index("jawForward")] = 0.0
    found = fit_mixture(truth, pixels, landmarks)
    own = [k for k in range(52) if (k < 26) == (int(A.mirror[k]) < 26)]
    assert all(found.share[k] < 0.1 for k in own if k < 26 and k != A.index("jawForward"))
    most = [next((v for start, v in MOST_SHARE.items() if name.startswith(start)), 1.0) for name in A.names]
    assert all(0.9 * most[k] < found.share[k] <= most[k] + 1e-6 for k in own if k >= 26)
    assert most[A.index("browInnerUp")] < 1.0 == most[A.index("browDownLeft")]
    assert found.share[A.index("tongueOut")] == 1.0
    assert found.r[A.index("jawForward")] == 0.0
    np.testing.assert_array_equal(found.share, found.share[A.mirror])


def test_correlations_need_movement() -> None:
    truth = np.zeros((20, 52), np.float32)
    truth[:, 0] = np.linspace(0, 1, 20)
    r = correlations(truth, truth)
    assert r[0] == pytest.approx(1.0)
    assert np.isnan(r[1:]).all()


def test_it_trains_resumes_and_is_exported(folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "try.toml"
    recipe.write_text(TRY, encoding="utf-8")
    run = tmp_path / "run"
    words = ["--config", str(recipe), "--out", str(run), "--set", f"drawn={folder}"]
    main([*words, "--steps", "2"])
    main([*words, "--steps", "4"])
    steps = [json.loads(line)["step"] for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert max(steps) == 4
    assert 2 in steps
    out = tmp_path / "tiny-pixels"
    export_main(["--run", str(run), "--val", str(folder), "--out", str(out)])
    reader = PixelReader(str(out))
    assert ((reader.share >= 0) & (reader.share <= 1)).all()
    reader.close()
    deeper = tmp_path / "deeper.toml"
    started = TRY[: TRY.index("[schedule]")].replace("[model]", "[started]")
    deeper.write_text(started + TRY.replace("[model]", "[model]\nblocks = [1, 2, 1]"), encoding="utf-8")
    main(["--config", str(deeper), "--out", str(tmp_path / "onward"), *words[4:], "--start", str(out), "--steps", "2"])
    export_main(
        ["--run", str(tmp_path / "onward"), "--val", str(folder), "--out", str(tmp_path / "b"), "--first", "0.5"]
    )
    state = read_checkpoint(tmp_path / "onward" / LAST)
    assert state["facts"]["model"]["blocks"] == [1, 2, 1]
    with pytest.raises(ConfigError, match="needs the folder"):
        main(["--config", str(recipe), "--out", str(run)])
