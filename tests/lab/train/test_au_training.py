"""Teaching a network for action units, in small: what is learnt from, what is asked, and that it runs and resumes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.core.schema import load_schema
from mien.errors import ConfigError, RequestError
from mien.lab.models.au_graph import SPECS
from mien.lab.models.au_regions import REGIONS
from mien.lab.render.random_scene import Wishes
from mien.lab.train.action_units import main, make_task, network_spec
from mien.lab.train.au_faces import AuFace, AuMixture, RenderedAuFaces, au_crop, mirrored, shown
from mien.lab.train.au_task import AuSpec, au_loss, figures
from mien.lab.train.augment import PLAIN
from mien.lab.train.loop import Schedule
from mien.lab.train.recipe import read_recipe

FACS = load_schema("facs")
RECIPE = Path(__file__).resolve().parents[3] / "recipes" / "action-units.toml"
TRY = """
[model]
kind = "se-resnet50-gcn"
fused = 16
local_width = 4
[model.backbone]
stem = 8
blocks = [1, 1, 1, 1]
[task]
input_px = 64
adjacency_faces = 4
[schedule]
batch = 2
half = false
evaluate_every = 100
save_every = 2
[[data]]
from = "rendered"
seeds = [0, 4]
size_px = 64
[[data]]
use = "validation"
from = "rendered"
seeds = [4, 6]
size_px = 64
"""


@pytest.fixture(scope="module")
def faces() -> RenderedAuFaces:
    return RenderedAuFaces("builtin", None, Wishes(size_px=96, people=1), range(20, 24))


def test_units_without_a_picture_are_those_with_one(faces: RenderedAuFaces) -> None:
    one = faces.face(1)
    np.testing.assert_array_equal(one.units, faces.units(1))
    assert one.units.shape == (len(FACS),)
    assert len(faces) == 4


def test_what_a_rig_cannot_show_is_not_taught() -> None:
    units = shown(np.ones(len(FACS), np.float32), "ict")
    assert np.isnan(units[FACS.index("AU19")])
    assert units[FACS.index("AU12_L")] == 1.0


def test_the_mirror_image_takes_its_units_along(faces: RenderedAuFaces) -> None:
    units = np.arange(len(FACS), dtype=np.float32)
    one = AuFace(faces.face(0).face, units)
    other = mirrored(one)
    assert other.units[FACS.index("AU12_L")] == units[FACS.index("AU12_R")]
    again = mirrored(other)
    np.testing.assert_array_equal(again.units, units)
    np.testing.assert_array_equal(again.face.image, one.face.image)
    np.testing.assert_allclose(again.face.points_xy, one.face.points_xy, atol=1e-4)


def test_a_hidden_region_is_not_asked_for(faces: RenderedAuFaces) -> None:
    face = faces.face(0).face
    visible = np.ones(98, np.float32)
    visible[list(REGIONS["mouth"][0])] = 0.0
    one = AuFace(replace(face, visible=visible), np.full(len(FACS), 2.0, np.float32))
    crop = au_crop(one, 64, PLAIN, np.random.default_rng(0))
    assert np.isnan(crop.units[FACS.index("AU25")])
    assert crop.units[FACS.index("AU4_L")] == 2.0
    assert crop.face.image.shape == (64, 64, 3)


def test_loss_is_smallest_at_the_truth_and_leaves_out_what_is_not_known() -> None:
    truth = torch.tensor([[0.0, 3.0, float("nan"), 4.9]])
    right = torch.logit(torch.tensor([[0.001, 0.6, 0.1, 0.98]]))
    spec = AuSpec()
    least = float(au_loss(right, truth, spec)[0])
    for i in (0, 1, 3):
        worse = right.clone()
        worse[0, i] += 2.0 if i != 3 else -2.0
        assert float(au_loss(worse, truth, spec)[0]) > least
    other = right.clone()
    other[0, 2] = 9.0
    assert float(au_loss(other, truth, spec)[0]) == pytest.approx(least)
    assert torch.isfinite(au_loss(right, truth * float("nan"), spec)[0])


def test_figures_of_known_answers() -> None:
    rng = np.random.default_rng(0)
    truth = np.where(rng.random((60, 3)) < 0.5, rng.uniform(1.2, 5, (60, 3)), 0.0).astype(np.float32)
    truth[:, 2] = 0.2
    right = figures(truth, truth)
    assert right["r"] == pytest.approx(1.0)
    assert (right["f1"], right["mae"], right["units"]) == (1.0, 0.0, 2.0)
    nothing = figures(truth, np.zeros_like(truth))
    assert (nothing["score"], nothing["f1"]) == (1.0, 0.0)
    assert figures(truth[:, 2:], truth[:, 2:])["units"] == 0.0


def test_a_run_learns_resumes_and_writes_its_weights(tmp_path: Path) -> None:
    recipe, out = tmp_path / "try.toml", tmp_path / "run"
    recipe.write_text(TRY, encoding="utf-8")
    common = ["--config", str(recipe), "--out", str(out), "--workers", "0", "--threads", "1"]
    main([*common, "--steps", "2"])
    main([*common, "--steps", "3"])
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    starts = [e["step"] for e in lines if e["event"] == "start"]
    assert starts == [0, 2]
    assert all(np.isfinite(e["r"]) for e in lines if e["event"] == "score" and e["units"])
    assert (out / "best.pt").is_file()


def test_recipes_say_what_is_wrong(tmp_path: Path) -> None:
    recipe = read_recipe(RECIPE)
    schedule = Schedule(batch=2)
    with pytest.raises(ConfigError, match="choose one of"):
        network_spec({"kind": "vgg"})
    with pytest.raises(ConfigError, match="no setting dept"):
        network_spec({"kind": "se-resnet50-gcn", "dept": 2})
    with pytest.raises(ConfigError, match="no \\[\\[data\\]\\]"):
        make_task({**recipe, "data": recipe["data"][:2]}, {}, schedule, 0)
    with pytest.raises(ConfigError, match='folder "drawn"'):
        make_task({**recipe, "data": [{**e, "optional": False} for e in recipe["data"]]}, {}, schedule, 0)
    with pytest.raises(RequestError, match="no face to learn from"):
        AuMixture([])
    assert network_spec(recipe["model"]) == SPECS["se-resnet50-gcn"]


def test_recipes_with_words_nobody_reads_are_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text("[modle]\n" + RECIPE.read_text())
    with pytest.raises(ConfigError, match="modle"):
        main(["--config", str(recipe), "--out", str(tmp_path / "o")])
    recipe.write_text(RECIPE.read_text())
    with pytest.raises(ConfigError, match="WORD=PLACE"):
        main(["--config", str(recipe), "--out", str(tmp_path / "o"), "--set", "drawn"])
