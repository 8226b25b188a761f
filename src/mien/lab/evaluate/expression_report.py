"""Figures of expression readers in words, and on disk: figures.json, and a reliability diagram of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from mien.errors import SinkError


def write_report(results: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write `figures.json` and `reliability.png`.

    Raises:
        SinkError: they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"runs": list(results)}, indent=1, ensure_ascii=False)
        (folder / "figures.json").write_text(text + "\n", encoding="utf-8")
        out = [folder / "figures.json"]
        shown = [r for r in results if r.get("reliability")]
        if shown:
            out.append(folder / "reliability.png")
            _draw(shown, out[-1])
    except OSError as error:
        raise SinkError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return out


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """The runs in words: one line each, then the confusion of every one."""
    lines = []
    for r in results:
        low, high = r["accuracy_interval"]
        interval = f" [{low:.4f}, {high:.4f}]" if low is not None else ""
        ece = f", ECE {r['ece']:.3f}" if r.get("ece") is not None else ""
        time = f", {r['latency_ms']:.2f} ms a face" if r["latency_ms"] is not None else ""
        missed = f", {r['not_found']} not found" if r["not_found"] else ""
        lines.append(
            f"{r['name']}, {r['protocol']}: accuracy {r['accuracy']:.4f}{interval}, macro F1 {r['macro_f1']:.4f}"
            f"{ece}{time}; {r['faces']} faces{missed}"
        )
        width = max(len(c) for c in r["classes"])
        for name, row in zip(r["classes"], r["confusion"], strict=False):
            recall = r["recall"][name]
            told = "–" if recall is None else f"{recall:.3f}"
            counts = " ".join(f"{n:5d}" for n in row)
            lines.append(f"  {name:>{width}} {counts}   n {r['support'][name]:5d}, recall {told}")
    return "\n".join([*lines, *over_runs(results)])


def over_runs(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each network of which several runs were measured that differ in their seed alone: mean ± standard
    deviation over them, and the 95 % interval of the mean (Student's t). Runs that were taught otherwise (size, recipe,
    data) are apart; those of one seed, or that do not say theirs, are no sample, and the line says so."""
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for r in results:
        if r.get("network"):
            taught = json.dumps(r.get("taught"), sort_keys=True)
            groups.setdefault((r["network"], r["protocol"], taught), []).append(r)
    lines = []
    for (network, protocol, _), runs in groups.items():
        if len(runs) < 2:
            continue
        seeds = [r.get("seed") for r in runs]
        if None in seeds or len(set(seeds)) < len(seeds):
            told_of = ", ".join("not said" if s is None else str(s) for s in seeds)
            lines.append(f"{network}, {protocol}: {len(runs)} runs, not averaged: their seeds are {told_of}")
            continue
        told = []
        for key, title in (("accuracy", "accuracy"), ("macro_f1", "macro F1")):
            values = np.array([r[key] for r in runs], np.float64)
            spread = float(values.std(ddof=1))
            mean, half = values.mean(), float(student.ppf(0.975, len(values) - 1)) * spread / len(values) ** 0.5
            told.append(f"{title} {mean:.4f} ± {spread:.4f} [{mean - half:.4f}, {mean + half:.4f}]")
        lines.append(f"{network}, {protocol}: {len(runs)} runs: {', '.join(told)}")
    return lines


def _draw(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Share right over mean probability, one panel each; the diagonal would be perfect."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(results), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, result in zip(figure.subplots(1, len(results), squeeze=False)[0], results, strict=True):
        bins = result["reliability"]
        most = max(b["count"] for b in bins)
        axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axis.bar(
            [b["sure"] for b in bins], [b["right"] for b in bins], [0.06 * b["count"] / most + 0.004 for b in bins]
        )
        axis.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability said", ylabel="share right")
        axis.set_title(f"{result['name']}\nECE {result['ece']:.3f}", fontsize=8)
    figure.savefig(path, dpi=110)
