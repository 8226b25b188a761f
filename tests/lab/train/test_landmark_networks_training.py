"""The command on drawn faces: learns, resumes, measures; recipes that ship can be built."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from mien.errors import ConfigError
from mien.lab.models.answers import LandmarkMaps, LandmarkPoints
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.faces import KeptFaces, Mixture, RenderedFaces, Share, make_face, raised_contour, read_marked_faces
from mien.lab.train.landmark_task import (
    LandmarkSpec,
    LandmarkTask,
    boundary_maps,
    errors_on,
    map_loss,
    point_loss,
)
from mien.lab.train.landmarks import build, face_set, load_weights, main
from mien.lab.train.loop import BEST, LAST, LOG
from mien.lab.train.losses import PointTargets, gaussian_maps
from mien.lab.train.recipe import read_recipe

RECIPES = Path(__file__).parents[3] / "recipes"
MARKED = Path(__file__).parents[4] / "shared" / "data" / "landmarks98"

RECIPE = """
[model]
kind = "{kind}"
{extra}
[task]
input_px = 64
{task}
[schedule]
steps = {steps}
batch = 4
evaluate_every = 2
save_every = 2
[augmentation]
mirror = 0.0
[[data]]
from = "rendered"
seeds = [0, 6]
size_px = 64
[[data]]
use = "validation"
title = "drawn"
from = "rendered"
seeds = [6, 9]
size_px = 64
[[data]]
use = "report"
from = "marked"
place = "marked"
optional = true
"""


@pytest.mark.parametrize(
    ("kind", "extra", "task"),
    [
        ("hrnet-w9", "width = 4\nmodules = [1, 1, 1]", ""),
        ("regressor-tiny", "input_px = 64", ""),
        ("lab", "stacks = 2\nchannels = 16", 'map_loss = "mse"\ndecoding = "quarter"'),
    ],
)
def test_the_command_trains_and_goes_on(tmp_path: Path, kind: str, extra: str, task: str) -> None:
    recipe = tmp_path / "recipe.toml"
    command = ["--config", str(recipe), "--out", str(tmp_path / "run"), "--workers", "0", "--threads", "1"]
    for steps in (2, 4):
        recipe.write_text(RECIPE.format(kind=kind, extra=extra, task=task, steps=steps))
        main(command)
        assert read_checkpoint(tmp_path / "run" / LAST)["step"] == steps
    events = [json.loads(line) for line in (tmp_path / "run" / LOG).read_text().splitlines()]
    scores = [e["score"] for e in events if e["event"] == "score"]
    assert len(scores) >= 2
    assert all(np.isfinite(scores))
    best = read_checkpoint(tmp_path / "run" / BEST)
    assert best["figures"]["score"] == min(scores)
    net = build(best["facts"]["model"])
    assert load_weights(net, tmp_path / "run" / BEST) == []


class _Fixed(nn.Module):
    """Answers what it was given."""

    def __init__(self, answer) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x):
        return self.answer


def _faces() -> KeptFaces:
    rng = np.random.default_rng(4)
    grid = np.stack(np.meshgrid(np.linspace(30, 90, 14), np.linspace(30, 90, 7)), -1).reshape(-1, 2)
    return KeptFaces(
        make_face(np.zeros((120, 120, 3), np.uint8), (grid + rng.normal(0, 1, (98, 2))).astype(np.float32))
        for _ in range(2)
    )


def test_errors_are_zero_for_the_truth_and_right_for_a_known_shift() -> None:
    from mien.lab.train.augment import PLAIN, make_crop

    faces, rng = _faces(), np.random.default_rng(0)
    truth = torch.from_numpy(np.stack([make_crop(faces.face(i), 64, PLAIN, rng).points_xy for i in range(2)]))
    zero = torch.zeros(2, 98)
    spec = LandmarkSpec(input_px=64, stride=1, sigma_px=1.5)
    points = LandmarkPoints((truth + 0.5) / 64, zero, zero)
    assert errors_on(_Fixed(points), faces, spec).max() < 1e-4
    shifted = LandmarkPoints((truth + 0.5 + torch.tensor([3.0, 4.0])) / 64, zero, zero)
    length = (truth[:, 72] - truth[:, 60]).norm(dim=1)
    assert errors_on(_Fixed(shifted), faces, spec) == pytest.approx((5 / length).numpy(), rel=1e-4)
    maps = LandmarkMaps((gaussian_maps(truth, 64, 1.5),), None)
    assert errors_on(_Fixed(maps), faces, spec).max() < 2e-3


def test_losses_are_least_at_the_truth() -> None:
    xy = 8 + 48 * torch.rand(2, 98, 2)
    targets = PointTargets(xy, torch.full((2, 98), float("nan")), torch.ones(2, 98))
    spec = LandmarkSpec(input_px=64, stride=4, sigma_px=1.0)
    right = LandmarkMaps((gaussian_maps((xy + 0.5) / 4 - 0.5, 16, 1.0),), None)
    wrong = LandmarkMaps((gaussian_maps((xy + 0.5) / 4 + 0.5, 16, 1.0),), None)
    assert float(map_loss(right, targets, spec)[0]) < 1e-2 < float(map_loss(wrong, targets, spec)[0])
    zero = torch.zeros(2, 98)
    _, parts = point_loss(LandmarkPoints((xy + 0.5) / 64, zero, zero), targets, spec)
    assert parts["error_px"] == pytest.approx(0, abs=1e-4)
    _, parts = point_loss(LandmarkPoints((xy + 3.5) / 64, zero, zero), targets, spec)
    assert parts["error_px"] == pytest.approx(3 * 2**0.5, rel=1e-3)


def test_unknown_and_outside_points_teach_nothing() -> None:
    xy = torch.full((1, 98, 2), 30.0)
    xy[0, 0], xy[0, 1] = float("nan"), 200.0
    weight = torch.ones(1, 98)
    weight[0, 0] = 0
    maps = torch.zeros(1, 98, 16, 16, requires_grad=True)
    targets = PointTargets(xy, torch.ones(1, 98), weight)
    loss, _ = map_loss(LandmarkMaps((maps,), None), targets, LandmarkSpec(input_px=64))
    loss.backward()
    taught = maps.grad.abs().sum(dim=(0, 2, 3)) > 0
    assert not taught[:2].any()
    assert taught[2:].all()


def test_a_line_is_worth_as_much_as_its_least_known_point() -> None:
    weight = torch.ones(1, 98)
    weight[0, 16] = 0
    lines, known = boundary_maps(torch.rand(1, 98, 4, 4), weight)
    assert lines.shape == (1, 15, 4, 4)
    assert known[0].tolist() == [0] + [1] * 14


def test_a_crop_depends_on_its_number_alone() -> None:
    net = build({"kind": "hrnet-w9", "width": 4, "modules": [1, 1, 1]})
    mixture = Mixture([Share(RenderedFaces("builtin", None, _wishes(), range(4)), 1.0)])

    def batch(first: int, workers: int):
        task = LandmarkTask(net, LandmarkSpec(input_px=64), mixture, {}, batch=2, workers=workers)
        batches = task.batches(first)
        return [next(batches) for _ in range(2)]

    first, again = batch(0, 0), batch(1, 0)
    assert torch.equal(first[1][0], again[0][0])
    assert torch.equal(first[1][1].xy, again[0][1].xy)
    assert first[0][0].is_contiguous(memory_format=torch.channels_last)


def _wishes():
    from mien.lab.render.random_scene import Wishes

    return Wishes(size_px=64)


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("landmarks-*.toml")), ids=lambda p: p.stem)
def test_recipes_that_ship_are_sound(recipe: Path) -> None:
    table = read_recipe(recipe)
    answer_of = build(table["model"])
    assert sum(p.numel() for p in answer_of.parameters()) > 1e5
    uses = [e.get("use", "train") for e in table["data"]]
    assert "train" in uses
    assert uses.count("validation") == 1
    assert not any(e.get("from") == "marked" and e.get("use", "train") != "report" for e in table["data"])


def test_what_must_not_be_trained_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="validation only"):
        face_set({"from": "marked", "place": "marked"}, {"marked": str(tmp_path)})
    for split, shade in (("train", 90), ("test", 140)):
        (tmp_path / split / "happy").mkdir(parents=True)
        assert cv2.imwrite(str(tmp_path / split / "happy" / "a.png"), np.full((8, 8, 3), shade, np.uint8))
    entry = {"from": "dataset", "name": "folder", "place": "own"}
    with pytest.raises(ConfigError, match="say which split"):
        face_set(entry, {"own": str(tmp_path)})
    assert len(face_set({**entry, "split": "train"}, {"own": str(tmp_path)})) == 1


def test_mistakes_in_a_recipe_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hrnet-w18"):
        build({"kind": "resnet"})
    with pytest.raises(ConfigError, match="wdith"):
        build({"kind": "hrnet-w9", "wdith": 3})
    recipe = tmp_path / "r.toml"
    recipe.write_text("[model")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_recipe(recipe)
    recipe.write_text(RECIPE.format(kind="hrnet-w9", extra="", task="", steps=1).replace('"validation"', '"report"'))
    with pytest.raises(ConfigError, match="validation"):
        main(["--config", str(recipe), "--out", str(tmp_path / "o")])
    with pytest.raises(ConfigError, match="--set marked"):
        recipe.write_text(
            recipe.read_text().replace("optional = true", "")
            + '\n[[data]]\nuse = "validation"\nfrom = "rendered"\nseeds = [0, 1]\n'
        )
        main(["--config", str(recipe), "--out", str(tmp_path / "o")])


@pytest.mark.parametrize(
    ("change", "words", "what"),
    [
        (("[model]", "[modle]"), [], "unknown key 'modle'; did you mean \"model\""),
        (("[[data]]\n", "[[data]]\nrotated = true\n"), [], r"\[\[data\]\] from .*: unknown key 'rotated'"),
        (('"validation"', '"validate"'), [], "use 'validate'"),
        (("", ""), ["marked"], "--set marked: expected WORD=PLACE"),
        (("", ""), ["marked="], "--set marked=: expected WORD=PLACE"),
        (("", ""), ["markd=here"], "asks for no 'markd'; did you mean \"marked\""),
        (("", ""), ["marked=a", "marked=b"], "given twice"),
    ],
)
def test_whatever_a_recipe_or_its_command_says_is_understood(
    tmp_path: Path, change: tuple[str, str], words: list[str], what: str
) -> None:
    recipe = tmp_path / "r.toml"
    text = RECIPE.format(kind="hrnet-w9", extra="", task="", steps=1)
    recipe.write_text(text.replace(*change, 1) if change[0] else text)
    told = [part for word in words for part in ("--set", word)]
    with pytest.raises(ConfigError, match=what):
        main(["--config", str(recipe), "--out", str(tmp_path / "o"), *told])


@pytest.mark.shared
@pytest.mark.skipif(not MARKED.is_dir(), reason="the shared data folder is not beside the checkout")
def test_marked_faces_are_read() -> None:
    faces = read_marked_faces(MARKED)
    assert len(faces) == 70
    face = faces.face(0)
    assert face.points_xy.shape == (98, 2)


def test_the_contour_is_raised_towards_the_eyes_whichever_way_the_head_lies() -> None:
    xy = np.zeros((98, 2), np.float32)
    xy[60:76] = (50, 40)
    xy[76:88] = (50, 80)
    xy[:33] = (20, 60)
    moved = raised_contour(xy) - xy
    unit = 40 / 0.784
    assert moved[0] == pytest.approx([0, -0.081 * unit], rel=1e-4)
    assert moved[32] == pytest.approx([0, -0.081 * unit], rel=1e-4)
    assert moved[26] == pytest.approx([0, -0.005 * unit], rel=1e-4)
    assert not moved[7:26].any()
    assert not moved[33:].any()
    lying = raised_contour(xy[:, ::-1].copy())
    assert lying == pytest.approx(raised_contour(xy)[:, ::-1])
    xy[90:96] = np.nan
    assert np.isfinite(raised_contour(xy)[:33]).all(), "inner lips are not needed"
    xy[80] = np.nan
    assert np.array_equal(raised_contour(xy), xy, equal_nan=True), "without a mouth nothing is known of up"
