"""How well a network reads action units: by unit and in the mean, with intervals over people; what it costs.

Tables are (N, U) 0–5, a face per row; NaN in the truth = not asked for. A unit that is present in fewer than
`LEAST_PRESENT` of the faces, or never absent, is not judged: NaN, and no mean has it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.core.arrays import Float64, Int64
from mien.lab.evaluate.window_figures import multiply_adds
from mien.lab.export import export, parity
from mien.lab.metrics.score import numbers
from mien.lab.metrics.uncertainty import REPEATS, by_subject
from mien.lab.models.au_graph import NODES, AuGraph, intensity
from mien.lab.train.au_task import PRESENT
from mien.lab.train.faces import POINTS
from mien.runtime.card import CardFacts, InputCard, OutputCard, TrainingCard
from mien.runtime.session import choose_backend
from mien.runtime.store import open_model

LEAST_PRESENT = 20
MEASURES = ("r", "mae", "f1", "accuracy")
_FLAT = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class UnitFigures:
    """(U,) each; NaN = not defined.

    Attributes:
        r: Pearson's correlation of the intensities; NaN where the answer never moves.
        mae: mean absolute error, 0–5.
        f1: of presence.
        accuracy: share of the faces whose presence is told rightly.
        known, present: faces that are asked for, and in which the unit is present.
    """

    r: Float64
    mae: Float64
    f1: Float64
    accuracy: Float64
    known: Int64
    present: Int64


def unit_figures(truth: Float64, found: Float64) -> UnitFigures:
    """Figures of every unit, whatever its support."""
    known = np.isfinite(truth)
    count = known.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = np.where(known, truth, 0.0), np.where(known, found, 0.0)
        da, db = np.where(known, a - a.sum(0) / count, 0.0), np.where(known, b - b.sum(0) / count, 0.0)
        spread = np.sqrt((da**2).sum(0) * (db**2).sum(0))
        r = np.where(spread > _FLAT * count, (da * db).sum(0) / spread, np.nan)
        there, said = known & (a >= PRESENT), known & (b >= PRESENT)
        f1 = np.where(there.any(0), 2 * (there & said).sum(0) / (there.sum(0) + said.sum(0)), np.nan)
        right = (known & (there == said)).sum(0) / count
        return UnitFigures(r, np.abs(a - b).sum(0) / count, f1, right, count, there.sum(0))


def judged(truth: Float64) -> Int64:
    """Numbers of the units that can be judged."""
    present, known = (truth >= PRESENT).sum(axis=0), np.isfinite(truth).sum(axis=0)
    return np.flatnonzero((present >= LEAST_PRESENT) & (known > present))


def means(truth: Float64, found: Float64) -> dict[str, float]:
    """Mean of each of `MEASURES` over the units; where one is not defined it is left out, r of an answer that never
    moves counts 0."""
    by_unit = unit_figures(truth, found)
    still = np.isnan(by_unit.r) & (np.ptp(np.nan_to_num(truth), axis=0) > 0)
    values = {name: getattr(by_unit, name) for name in MEASURES} | {"r": np.where(still, 0.0, by_unit.r)}
    return {k: float(v[np.isfinite(v)].mean()) if np.isfinite(v).any() else float("nan") for k, v in values.items()}


def judge(
    truth: Float64, found: Float64, people: Sequence[str], base: Float64 | None = None, repeats: int = REPEATS
) -> dict[str, Any]:
    """Plain data: "units" by name, "mean" of each measure with its interval and, with `base` (another network's
    answers to the same faces), "beyond": the difference of the means with its interval. None = NaN.

    People are drawn with replacement; both networks are judged on the same draws.
    """
    truth, found = numbers(truth, (None, len(NODES)), "truth"), numbers(found, (None, len(NODES)), "found")
    own = judged(truth)
    whole, t, f = unit_figures(truth, found), truth[:, own], found[:, own]
    draws = _Draws(people, repeats)
    out: dict[str, Any] = {"faces": len(truth), "people": len(set(people)), "judged": len(own)}
    out["mean"] = draws.of(lambda i: means(t[i], f[i]))
    if base is not None:
        b = base[:, own]
        out["beyond"] = draws.of(lambda i: _minus(means(t[i], f[i]), means(t[i], b[i])))
    out["units"] = {NODES[k]: _unit(whole, k, k in own) for k in range(len(NODES))}
    return out


def _minus(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
    return {k: v - b[k] for k, v in a.items()}


def _unit(whole: UnitFigures, k: int, judged_too: bool) -> dict[str, Any]:
    values = {m: _plain(float(getattr(whole, m)[k])) if judged_too else None for m in MEASURES}
    return {**values, "known": int(whole.known[k]), "present": int(whole.present[k])}


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None


class _Draws:
    """Several measures on the same draws of people."""

    def __init__(self, people: Sequence[str], repeats: int) -> None:
        self.people, self.repeats = people, repeats

    def of(self, metric: Callable[[Int64], Mapping[str, float]]) -> dict[str, Any]:
        seen: list[Mapping[str, float]] = []

        def first(items: Int64) -> float:
            seen.append(metric(items))
            return seen[-1][MEASURES[0]]

        by_subject(first, self.people, repeats=self.repeats)
        out = {}
        for name in MEASURES:
            drawn = np.array([s[name] for s in seen[1:]], dtype=np.float64)
            drawn = drawn[np.isfinite(drawn)]
            ends = np.quantile(drawn, [0.025, 0.975]).tolist() if len(drawn) else [None, None]
            out[name] = {"value": _plain(seen[0][name]), "low": ends[0], "high": ends[1]}
        return out


class _Intensities(nn.Module):
    """Crop, and landmarks where the network looks at them → intensities, for tracing."""

    def __init__(self, net: AuGraph) -> None:
        super().__init__()
        self.net = net
        self.train(net.training)

    def forward(self, image: Tensor, points_xy: Tensor | None = None) -> Tensor:
        points = image.new_zeros(len(image), POINTS, 2) if points_xy is None else points_xy
        return intensity(self.net(image, points))


def export_units(net: AuGraph, input_px: int, folder: Path) -> tuple[Tensor, ...]:
    """A model folder for one face at a time; the example it was traced with: image and, with regions, landmarks."""
    chance = torch.Generator().manual_seed(1)
    image = torch.randn(1, 3, input_px, input_px, generator=chance)
    points = torch.rand(1, POINTS, 2, generator=chance) * input_px
    example = (image,) if net.local is None else (image, points)
    facts = CardFacts(
        name=folder.name,
        version="1",
        task="action units from a crop and its landmarks, for a comparison",
        licence="Apache-2.0",
        inputs=(
            InputCard(name="image", shape=(1, 3, input_px, input_px), recipe="normalised RGB of a face crop"),
            InputCard(name="points", shape=(1, POINTS, 2), recipe="landmarks, px of the crop"),
        )[: len(example)],
        outputs=(OutputCard(name="units", shape=(1, len(NODES)), schema="facs", unit="0–5"),),
        training=TrainingCard(command="a comparison", data=()),
    )
    export(_Intensities(net.eval()), example, folder, facts)
    return example


def costs(nets: Mapping[str, AuGraph], input_px: int, place: Path, repeats: int = 60) -> dict[str, dict[str, Any]]:
    """Per name: `parameters`; `macs`: multiply-adds of convolutions and linear layers; `ms` of one face in the runtime
    (median, and `ms_low`, `ms_high`: 10 and 90 of 100), one thread, the networks taking turns; `gap`: the largest
    difference of an intensity from the checkpoint's, by backend and precision."""
    out: dict[str, dict[str, Any]] = {}
    models, feeds = {}, {}
    for name, net in nets.items():
        example = export_units(net, input_px, place / name)
        gaps = parity(_Intensities(net), example, place / name)
        out[name] = {
            "parameters": sum(p.numel() for p in net.parameters()),
            "macs": multiply_adds(_Intensities(net), *example),
            "gap": {way: gap["units"] for way, gap in gaps.items()},
            "backend": choose_backend(),
        }
        models[name] = open_model(place / name, threads=1)
        feeds[name] = {port: x.numpy() for port, x in zip(("image", "points"), example, strict=False)}
    times: dict[str, list[float]] = {name: [] for name in nets}
    for turn in range(-3, repeats):
        for name, model in models.items():
            began = time.perf_counter()
            model.run(feeds[name])
            times[name] += [1000 * (time.perf_counter() - began)] if turn >= 0 else []
    for name, model in models.items():
        model.close()
        low, middle, high = np.quantile(times[name], [0.1, 0.5, 0.9]).tolist()
        out[name] |= {"ms": middle, "ms_low": low, "ms_high": high}
    return out
