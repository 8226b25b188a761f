"""Comparing variants of the cascade's networks: figures with known answers, and a tiny study from recipe to tables."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mien.errors import ConfigError
from mien.lab.evaluate.detector_ablation import joined_with, measure, read_study, redrawn, train
from mien.lab.evaluate.detector_ablation_tables import tables
from mien.lab.evaluate.window_figures import judge, multiply_adds, ranking_precision
from mien.lab.metrics.boxes import BoxPicture
from mien.lab.models.answers import WindowAnswer
from mien.lab.train.detector_windows import NEGATIVE, PART, POSITIVE, Windows

RECIPES = Path(__file__).parents[3] / "recipes"
RECIPE = """
[schedule.p]
steps = 2
batch = 8
evaluate_every = 100
half = false

[[variant]]
name = "plain"
slot = "p"
title = "one kernel"
model = { kind = "immtcnn-p", kernels = [3], fusion = false }

[[variant]]
name = "classic"
slot = "p"
title = "as published"
model = { kind = "mtcnn-p" }
"""


class Brightness(nn.Module):
    """A face is what is bright; its box is 0.1 off on every side, its points 0.03 to the right."""

    def forward(self, x: Tensor) -> WindowAnswer:
        count = len(x)
        points = torch.full((count, 5, 2), 0.5)
        points[:, :, 0] += 0.03
        return WindowAnswer(x.mean(dim=(1, 2, 3))[:, None], torch.full((count, 4), 0.1), points.reshape(count, 10))


def windows(values: list[int], kinds: list[int], size: int = 12) -> Windows:
    """Windows of one grey each."""
    crops = np.tile(np.array(values, np.uint8)[:, None, None, None], (1, size, size, 3))
    points = np.full((len(values), 10), 0.5, np.float32)
    return Windows(crops, np.array(kinds, np.int8), np.zeros((len(values), 4), np.float32), points)


def test_the_ranking_s_precision_of_known_orders() -> None:
    high, low = np.array([3.0, 2.0], np.float32), np.array([1.0, 0.0], np.float32)
    assert ranking_precision(high, low) == 1.0
    # From the top: negative, negative, positive, positive: precision 1/3 and 2/4.
    assert ranking_precision(low, high) == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert ranking_precision(high[:1], high[:1]) == 0.5


def test_parts_of_faces_are_not_judged_and_errors_are_those_of_the_positives() -> None:
    found = judge(Brightness(), windows([250, 10, 200, 100, 255], [POSITIVE, POSITIVE, NEGATIVE, NEGATIVE, PART]))
    assert (found.positives, found.negatives) == (2, 2)
    assert found.average_precision == pytest.approx((1 + 2 / 4) / 2)
    assert found.missed == 0.5
    assert found.box_error == pytest.approx(0.1)
    assert found.points_error == pytest.approx(0.03)


def test_multiply_adds_of_known_layers() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3, groups=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 4, 5))
    assert multiply_adds(net, torch.zeros(1, 3, 4, 4)) == 8 * 4 * 27 + 32 * 5
    assert multiply_adds(nn.Conv2d(4, 4, 3, groups=4), torch.zeros(1, 4, 3, 3)) == 4 * 9
    assert not any(m._forward_hooks for m in net.modules())


def test_a_study_from_its_recipe_to_its_table(tmp_path: Path) -> None:
    config, run, out = tmp_path / "study.toml", tmp_path / "run", tmp_path / "out"
    config.write_text(RECIPE)
    (run / "p").mkdir(parents=True)
    some = windows([250, 240, 10, 20] * 4, [POSITIVE, PART, NEGATIVE, NEGATIVE] * 4)
    for name in ("windows.npz", "held_out.npz"):
        np.savez(run / "p" / name, crops=some.crops, kinds=some.kinds, boxes=some.boxes, points=some.points)
    study = read_study(config)
    train(study.only(["plain"]), run, out, seed=1)
    assert not (out / "seed1/classic").exists()
    train(study, run, out, seed=1)
    written = (out / "seed1/plain/best.pt").stat().st_mtime_ns
    train(study, run, out, seed=1)
    assert (out / "seed1/plain/best.pt").stat().st_mtime_ns == written
    found = measure(study, run, out, None)
    assert [(r["name"], r["positives"], r["negatives"]) for r in found["windows"]] == [
        ("plain", 4, 8),
        ("classic", 4, 8),
    ]
    assert found["windows"][1]["parameters"] == 6632
    assert all(r["ms"] > 0 for r in found["windows"])
    (out / "seed1/classic/best.pt").unlink()
    lines = tables(measure(study, run, out, None)).splitlines()
    assert lines[0].startswith("| P-Net | parameters")
    plain, classic = ([c.strip() for c in line.split("|")[1:-1]] for line in lines[2:])
    assert plain[:2] == ["one kernel", f"{found['windows'][0]['parameters']:,}"]
    assert all(float(c) >= 0 for c in plain[2:])
    assert classic[1] == "6,632"
    assert float(classic[2]) > 0
    assert classic[4:] == ["–"] * 3


def test_the_project_s_own_study_can_be_read_and_every_cascade_is_whole() -> None:
    study = read_study(RECIPES / "ablation-immtcnn.toml")
    assert {v.slot for v in study.variants} == {"p", "r", "o"}
    assert len(study.cascades) >= 3
    assert len({(s.steps, s.batch, s.seed) for s in study.schedules.values()}) == 3
    assert all(s.evaluate_every > s.steps for s in study.schedules.values())


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('slot = "p"', 'slot = "q"', "choose p, r or o"),
        ('kind = "mtcnn-p"', 'kind = "none"', "choose one of mtcnn-p"),
        ("[schedule.p]", "[plan.p]", "no such table: plan"),
    ],
)
def test_a_mistake_in_a_study_is_named(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    (tmp_path / "study.toml").write_text(RECIPE.replace(right, wrong))
    with pytest.raises(ConfigError, match=said):
        read_study(tmp_path / "study.toml")


def test_a_cascade_needs_one_network_of_each_kind(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        RECIPE + '[[cascade]]\ntitle = "two"\nstages = ["plain", "classic", "plain"]\n'
    )
    with pytest.raises(ConfigError, match="two: name a variant each"):
        read_study(tmp_path / "study.toml")


def test_who_asks_for_a_variant_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(RECIPE, encoding="utf-8")
    study = read_study(tmp_path / "study.toml")
    assert [v.name for v in study.only(["plain"]).variants] == ["plain"]
    assert len(study.only(["p"]).variants) == len(study.only([]).variants) == 2
    with pytest.raises(ConfigError, match=r"--only plane: .*classic, p, plain"):
        study.only(["classic", "plane"])


def test_what_is_measured_again_replaces_what_was_and_the_rest_stays() -> None:
    def row(name: str, seed: int, value: float) -> dict[str, object]:
        return {"name": name, "seed": seed, "average_precision": value}

    before = {"windows": [row("a", 1, 0.5), row("b", 1, 0.6)], "cascades": [{"title": "whole", "seed": 1}]}
    found = joined_with(before, {"windows": [row("b", 1, 0.7), row("b", 2, 0.8)], "cascades": []})
    assert found["windows"] == [row("a", 1, 0.5), row("b", 1, 0.7), row("b", 2, 0.8)]
    assert found["cascades"] == before["cascades"]


def whole(title: str, precision: float, draws: list[float]) -> dict[str, object]:
    """A cascade's row."""
    alone = {"pictures": 20, "false": 3, "where": {}}
    row = {"title": title, "seed": 1, "faces": 134, "pictures": 50, "average_precision": precision, "draws": draws}
    return {
        **row,
        "recall": 0.5,
        "precision": 0.9,
        "best": {"recall": 0.6},
        "without_people": alone,
        "ms_per_picture": 9,
    }


def test_cascades_are_set_against_the_first_one_picture_by_picture() -> None:
    first, second = whole("classic", 0.5, [0.4, 0.5, 0.6]), whole("ours", 0.6, [0.5, 0.6, 0.7])
    head, _, *rows = tables({"windows": [], "cascades": [first, second]}).splitlines()
    assert "134 faces on 50 pictures" in head
    assert "false ones on 20 pictures" in head
    cells = [[c.strip() for c in row.split("|")[1:-1]] for row in rows]
    assert cells[0] == ["classic", "0.500", "–", "0.600", "0.500", "0.900", "3", "9"]
    assert cells[1][2] == "+0.100 [+0.100, +0.100]"


def test_pictures_are_drawn_again_the_same_way_for_everyone() -> None:
    box = np.array([[0.0, 0.0, 50.0, 50.0]])
    hit = BoxPicture(box, np.array([True]), box, np.array([0.9]))
    missed = BoxPicture(box, np.array([True]), np.zeros((0, 4)), np.zeros(0))
    draws = redrawn([hit, missed])
    assert draws == redrawn([hit, missed])
    assert set(draws) == {0.0, 0.5, 1.0}
    assert redrawn([hit, hit]) == [1.0] * len(draws)
