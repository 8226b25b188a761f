"""The ablation of the network for action units: figures of known answers, intervals over people, cost, leaks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.core.arrays import Float64
from mien.errors import ConfigError, ModelError, RequestError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.evaluate.au_ablation import ABSENT, cost_runs, cost_table, judge_runs, main, read_network, table
from mien.lab.evaluate.au_ablation_figures import LEAST_PRESENT, costs, judge, judged, means, unit_figures
from mien.lab.evaluate.window_figures import multiply_adds
from mien.lab.metrics.agreement import mean_absolute_error, pearson_r
from mien.lab.metrics.units import binary_f1
from mien.lab.models.au_graph import NODES, SPECS, AuGraph
from mien.lab.synth.stored.make import make_dataset
from mien.lab.synth.stored.order import Order
from mien.lab.train.action_units import network_spec
from mien.lab.train.checkpoints import write_checkpoint
from mien.lab.train.loop import BEST

U = len(NODES)
SMALL = {"fused": 16, "local_width": 4, "node_width": 16, "backbone": {"stem": 8, "blocks": [1, 1, 1, 1]}}


class Quiet:
    """Progress nobody looks at."""

    def started(self, done: int, total: int) -> None:
        pass

    def advance(self, samples: int) -> None:
        pass


@pytest.fixture(scope="module")
def truth() -> Float64:
    """400 faces; unit 2 is never present, unit 3 too rarely, unit 4 always, unit 5 is not known."""
    rng = np.random.default_rng(0)
    out = np.where(rng.random((400, U)) < 0.3, rng.uniform(1.2, 5, (400, U)), rng.uniform(0, 0.8, (400, U)))
    out[rng.random((400, U)) < 0.2] = np.nan
    out[:, 2], out[:, 5] = 0.2, np.nan
    out[:, 3] = np.where(np.arange(400) < LEAST_PRESENT - 1, 3.0, 0.0)
    out[:, 4] = 2.0
    return out


def write_run(folder: Path, kind: str, links: float = 0.1) -> AuGraph:
    torch.manual_seed(1)
    model = {"kind": kind, **SMALL}
    net = AuGraph(network_spec(model), np.full((U, U), links))
    facts = {"model": model, "task": {"input_px": 64}}
    write_checkpoint(folder / BEST, {"facts": facts, "net": net.state_dict(), "step": 7, "figures": {}})
    return net.eval()


def test_only_units_with_enough_support_are_judged(truth: Float64) -> None:
    assert set(range(U)) - set(judged(truth).tolist()) == {2, 3, 4, 5}


def test_figures_are_those_of_the_metrics_one_by_one(truth: Float64) -> None:
    found = np.clip(np.nan_to_num(truth) + np.random.default_rng(1).normal(0, 1, truth.shape), 0, 5)
    own = unit_figures(truth, found)
    for k in (0, 1, 7, U - 1):
        known = np.isfinite(truth[:, k])
        there, said = truth[known, k] >= 1, found[known, k] >= 1
        assert own.r[k] == pytest.approx(pearson_r(truth[:, k], found[:, k]).value)
        assert own.mae[k] == pytest.approx(mean_absolute_error(truth[:, k], found[:, k]).value)
        assert own.f1[k] == pytest.approx(binary_f1(there.astype(float), said.astype(float)).value)
        assert own.accuracy[k] == pytest.approx((there == said).mean())
        assert (own.known[k], own.present[k]) == (known.sum(), there.sum())
    assert np.isnan(own.r[2])  # a truth that never moves
    assert np.isnan(own.f1[2])
    assert np.isnan([own.r[5], own.mae[5], own.accuracy[5]]).all()


def test_an_answer_that_never_moves_has_no_r_and_counts_nothing_in_the_mean(truth: Float64) -> None:
    use = judged(truth)
    found = np.nan_to_num(truth)
    found[:, 0] = 2.5
    assert np.isnan(unit_figures(truth, found).r[0])
    assert means(truth[:, use], found[:, use])["r"] == pytest.approx((len(use) - 1) / len(use))
    silent = means(truth[:, use], np.zeros_like(truth[:, use]))
    assert (silent["r"], silent["f1"]) == (0.0, 0.0)
    assert silent["accuracy"] == pytest.approx(
        np.nanmean(np.where(np.isnan(truth), np.nan, truth < 1)[:, use]), abs=0.01
    )


def test_the_interval_is_one_over_people_and_the_difference_is_taken_on_the_same_draws(truth: Float64) -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 1.5, truth.shape)
    base, better = np.nan_to_num(truth) + noise, np.nan_to_num(truth) + 0.9 * noise
    many, few = [f"p{i}" for i in range(400)], [f"p{i // 40}" for i in range(400)]
    bad_for_some = base + np.repeat(rng.normal(0, 3, (10, U)), 40, axis=0)
    widths = []
    for people in (many, few):
        r = judge(truth, bad_for_some, people, repeats=200)["mean"]["r"]
        assert r["low"] < r["value"] < r["high"]
        widths.append(r["high"] - r["low"])
    assert widths[1] > 1.5 * widths[0]
    out = judge(truth, better, many, base, repeats=200)
    one, gap = out["mean"]["r"], out["beyond"]["r"]
    assert gap["value"] == pytest.approx(one["value"] - judge(truth, base, many, repeats=1)["mean"]["r"]["value"])
    assert gap["low"] > 0
    assert gap["high"] - gap["low"] < one["high"] - one["low"]
    same = judge(truth, base, many, base, repeats=50)["beyond"]
    assert all((v["value"], v["low"], v["high"]) == (0, 0, 0) for v in same.values())
    assert (out["judged"], out["people"], out["faces"]) == (U - 4, 400, 400)
    assert out["units"][NODES[3]] == {
        **dict.fromkeys(("r", "mae", "f1", "accuracy")),
        "known": 400,
        "present": LEAST_PRESENT - 1,
    }


def test_a_network_comes_back_with_its_links(tmp_path: Path) -> None:
    net = write_run(tmp_path, "se-resnet50-gcn", 0.7)
    other, spec, step = read_network(tmp_path)
    image, points = torch.rand(2, 3, 64, 64), torch.rand(2, 98, 2) * 64
    with torch.inference_mode():
        assert torch.equal(net(image, points), other(image, points))
    assert (spec.input_px, step) == (64, 7)
    with pytest.raises(ModelError):
        read_network(tmp_path / "nothing")


def test_the_costs_are_those_of_the_network_that_was_taught(tmp_path: Path) -> None:
    names = ("se-resnet50-gcn", "without-gcn", "se-resnet50")  # the last one looks at no landmarks
    nets = {n: write_run(tmp_path / n, n) for n in names}
    found = costs(nets, 64, tmp_path / "exported", repeats=3)
    layer = 16 * 16
    assert found[names[0]]["macs"] - found[names[1]]["macs"] == 3 * U * layer
    assert found[names[0]]["parameters"] - found[names[1]]["parameters"] == 3 * (layer + 16)
    for row in found.values():
        assert 0 < row["ms_low"] <= row["ms"] <= row["ms_high"]
        assert row["gap"]["onnxruntime auto"] < 0.01
    whole = SPECS["without-gcn"]
    with torch.device("meta"):
        one = AuGraph(whole)
        assert multiply_adds(one.backbone.stem, torch.zeros(1, 3, 64, 64)) == 32 * 32 * 64 * 3 * 49


def test_the_test_part_is_judged_and_a_leak_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = tmp_path / "drawn"
    order = Order(task="action-units", count=24, size_px=64, people=12)
    make_dataset(order, drawn, 0, False, Quiet())
    dataset = open_dataset("synthetic", drawn)
    for name in ("a", "b"):
        write_run(tmp_path / name, "plain-gcn" if name == "a" else "se-gcn")
    monkeypatch.setattr("mien.lab.evaluate.au_ablation_figures.LEAST_PRESENT", 1)
    runs = {n: tmp_path / n for n in ("a", "b")}
    rows = judge_runs(runs, dataset, repeats=5)
    assert list(rows) == ["a", ABSENT, "b"]
    assert {r["faces"] for r in rows.values()} == {len(dataset.split("test"))}
    assert rows[ABSENT]["mean"]["f1"]["value"] == 0
    assert "beyond" in rows["b"]
    assert "beyond" not in rows["a"]
    out = tmp_path / "out.json"
    main(["cost", *(f"--run={n}={p}" for n, p in runs.items()), "--out", str(out), "--repeats", "2"])
    small = json.loads(out.read_text(encoding="utf-8"))
    assert set(small) == set(runs)
    assert table(rows).count("\n") == 4
    found = cost_runs({"a": runs["a"]}, 1, published=True)["a"]["published"]
    assert found["parameters"] == sum(p.numel() for p in AuGraph(SPECS["plain-gcn"]).parameters())
    assert found["macs"] > small["a"]["macs"]
    assert cost_table({"a": small["a"], "b": {}}).splitlines()[-1].endswith("| 1.00 |")
    with pytest.raises(ConfigError, match="NAME=FOLDER"):
        main(["cost", "--run", "a", "--out", str(out)])
    part = dataset.split("test")
    monkeypatch.setattr(type(dataset), "split", lambda self, name: part)
    with pytest.raises(RequestError, match="leaks"):
        judge_runs(runs, dataset, repeats=5)
