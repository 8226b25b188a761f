"""The rows of the SE-ResNet50-GCN ablation beside each other: how well each reads people it never saw, and its cost.

    python -m mien.lab.evaluate.au_ablation judge --run se-resnet50-gcn=RUN --run plain-gcn=RUN2 --data DIR --out FILE
    python -m mien.lab.evaluate.au_ablation cost --run … --out FILE [--published]
    python -m mien.lab.evaluate.au_ablation table --out FILE

Runs are folders of `mien.lab.train.action_units`; their best weights (chosen on the val part) judge the test part of
the drawn set, once. The first run is the base: the others are told apart from it on the same faces. `cost` times the
exported networks in the runtime, or networks of their kinds' published sizes: give it a machine at rest. FILE is JSON;
both add to it.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from mien.core.arrays import Float32, Float64
from mien.errors import ConfigError, RequestError
from mien.lab.datasets.dataset import Dataset, open_dataset
from mien.lab.evaluate.au_ablation_figures import costs, judge
from mien.lab.metrics.leaks import check_no_leak
from mien.lab.models.au_graph import NODES, SPECS, AuGraph
from mien.lab.train.action_units import network_spec
from mien.lab.train.au_faces import StoredAuFaces
from mien.lab.train.au_task import AuSpec, answers
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.loop import BEST
from mien.lab.train.recipe import settings

log = logging.getLogger(__name__)

ABSENT = "no unit ever present"
"""The row of an answer that is 0 everywhere."""


def read_network(folder: Path) -> tuple[AuGraph, AuSpec, int]:
    """The best weights of a run, how it was taught, and the step they are from.

    Raises:
        ModelError: there are none, or they cannot be read.
    """
    state = read_checkpoint(folder / BEST)
    facts = state["facts"]
    # The links are among the weights.
    net = AuGraph(network_spec(facts["model"]), _no_links())
    net.load_state_dict(state["net"])
    return net.eval(), settings(AuSpec, facts["task"]), int(state["step"])


def judge_runs(runs: Mapping[str, Path], dataset: Dataset, repeats: int = 1000) -> dict[str, Any]:
    """Every run on the test part; see `au_ablation_figures.judge`.

    Raises:
        RequestError: a person or a picture of the test part is in one of the others too.
    """
    test = dataset.split("test")
    leaks = check_no_leak([*dataset.split("train"), *dataset.split("val")], test, pictures="files")
    if leaks.without_subject:
        raise RequestError(f"{leaks.without_subject} samples do not say whose face they are: no interval over people")
    faces, people = StoredAuFaces(test), [str(s.subject) for s in test]
    rows: dict[str, Any] = {}
    base: Float64 | None = None
    for name, folder in runs.items():
        net, spec, step = read_network(folder)
        truth, found = (a.astype(np.float64) for a in answers(net, faces, spec, half=False))
        rows[name] = {"step": step, "input_px": spec.input_px, **judge(truth, found, people, base, repeats)}
        if base is None:
            base = found
            rows[ABSENT] = judge(truth, np.zeros_like(truth), people, base, repeats)
        log.info("%s: %s", name, {k: v["value"] for k, v in rows[name]["mean"].items()})
    return rows


def cost_runs(runs: Mapping[str, Path], repeats: int = 60, *, published: bool = False) -> dict[str, dict[str, Any]]:
    """What every run costs; see `au_ablation_figures.costs`. `published`: what it would cost without the recipe's
    changes of its kind's size (weights by chance), under the key "published".

    Raises:
        RequestError: the runs see crops of different sizes.
    """
    loaded = {name: read_network(folder) for name, folder in runs.items()}
    sizes = {spec.input_px for _, spec, _ in loaded.values()}
    if len(sizes) != 1:
        raise RequestError(f"the runs see crops of {sorted(sizes)} px: their times cannot stand beside each other")
    nets = {n: net for n, (net, _, _) in loaded.items()}
    if published:
        kinds = {n: read_checkpoint(folder / BEST)["facts"]["model"]["kind"] for n, folder in runs.items()}
        nets = {n: AuGraph(SPECS[k], _no_links()).eval() for n, k in kinds.items()}
    with tempfile.TemporaryDirectory() as place:
        found = costs(nets, sizes.pop(), Path(place), repeats)
    return {n: {"published": own} for n, own in found.items()} if published else found


def _no_links() -> Float32:
    return np.zeros((len(NODES), len(NODES)), np.float32)


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: means with their intervals, and the difference of r from the first row."""
    head = ["row", "mean r", "beyond the first", "MAE", "macro F1", "accuracy, %"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name, row in rows.items():
        mean, beyond = row.get("mean", {}), row.get("beyond", {})
        cells = [name, _cell(mean.get("r")), _cell(beyond.get("r"), sign="+"), _cell(mean.get("mae"))]
        cells += [_cell(mean.get("f1")), _cell(mean.get("accuracy"), 100, 1)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def cost_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: what every row costs; the last column is the time in times of the first row's."""
    head = ["row", "parameters, M", "multiply-adds, M", "ms a face (10–90 of 100)", "of the first"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    known = {n: row for n, row in rows.items() if "ms" in row}
    for name, row in known.items():
        cells = [name, f"{row['parameters'] / 1e6:.2f}", f"{row['macs'] / 1e6:.0f}"]
        cells += [f"{row['ms']:.2f} ({row['ms_low']:.2f}–{row['ms_high']:.2f})"]
        lines.append(f"| {' | '.join(cells)} | {row['ms'] / next(iter(known.values()))['ms']:.2f} |")
    return "\n".join(lines)


def unit_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: r of every unit that is judged, by row, with its support."""
    shown = {n: row["units"] for n, row in rows.items() if "units" in row and n != ABSENT}
    lines = [f"| unit | present in, of | {' | '.join(shown)} |", "|---|---|" + "---|" * len(shown)]
    for unit in NODES:
        own = [units[unit] for units in shown.values()]
        if any(u["mae"] is not None for u in own):
            cells = [f"{u['r']:.2f}" if u["r"] is not None else "–" for u in own]
            lines.append(f"| {unit} | {own[0]['present']}, {own[0]['known']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(one: Mapping[str, float | None] | None, times: float = 1, digits: int = 3, sign: str = "") -> str:
    if one is None or one["value"] is None:
        return "–"
    value, low, high = (
        f"{times * v:{sign}.{digits}f}" if v is not None else "–" for v in (one["value"], one["low"], one["high"])
    )
    return f"{value} [{low}, {high}]"


def _named(words: Sequence[str]) -> dict[str, Path]:
    out: dict[str, Path] = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not (name and equals and folder) or name in out:
            raise ConfigError(f"--run {word}: expected NAME=FOLDER, each name once")
        out[name] = Path(folder)
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=("judge", "cost", "table"))
    parser.add_argument("--run", action="append", default=[], metavar="NAME=FOLDER", dest="runs")
    parser.add_argument("--data", type=Path, help="drawn set with a test part")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--published", action="store_true", help="cost: of the kinds' published sizes")
    parser.add_argument("--repeats", type=int, help="draws of people; runs of each network")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rows: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
    runs = _named(options.runs)
    if options.action != "table":
        if not runs or (options.action == "judge" and options.data is None):
            raise ConfigError("judge needs --run and --data, cost needs --run")
        if options.action == "judge":
            new = judge_runs(runs, open_dataset("synthetic", options.data), options.repeats or 1000)
        else:
            new = cost_runs(runs, options.repeats or 60, published=options.published)
        rows = {n: {**rows.get(n, {}), **new.get(n, {})} for n in dict.fromkeys([*rows, *new])}
        options.out.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    published = {n: row["published"] for n, row in rows.items() if "published" in row}
    for text in (table(rows), cost_table(rows), cost_table(published), unit_table(rows)):
        log.info("\n%s\n", text)


if __name__ == "__main__":
    main()
