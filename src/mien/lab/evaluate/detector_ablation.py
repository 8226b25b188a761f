"""Which parts of a detection cascade help: variants of its networks, taught and judged alike.

    python -m mien.lab.evaluate.detector_ablation train --config recipes/ablation-immtcnn.toml --windows RUN --out OUT
    python -m mien.lab.evaluate.detector_ablation measure --config … --windows RUN --out OUT --data widerface:FOLDER

Every variant of a slot learns from the windows that a run of `mien.lab.train.detect` mined, the same batches in the
same order, and judges the same held-out windows. `measure` writes OUT/ablation.json and prints its tables; with
--without-people the cascades also look at pictures in which every finding is false.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from mien.errors import ConfigError
from mien.lab.evaluate.detect import evaluate, figures
from mien.lab.evaluate.detect_finders import run_finder
from mien.lab.evaluate.detector_ablation_tables import LIMITS, tables
from mien.lab.evaluate.window_figures import cost, judge
from mien.lab.metrics.boxes import BoxPicture, average_precision
from mien.lab.train.detect import HELD_OUT, WINDOWS, read_windows
from mien.lab.train.detector_networks import build, read_network
from mien.lab.train.detector_recipe import SLOTS
from mien.lab.train.detector_task import WindowSpec, WindowTask
from mien.lab.train.detector_windows import Windows
from mien.lab.train.loop import BEST, Run, Schedule
from mien.lab.train.recipe import read_recipe, settings

log = logging.getLogger(__name__)

DRAWS = 400


@dataclass(frozen=True, slots=True)
class Variant:
    """One [[variant]]: `name` = its folder, `slot` = p, r or o, `title` in words, `model` see `detect.build`."""

    name: str
    slot: str
    title: str
    model: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Whole:
    """One [[cascade]]: `title` in words, `stages` = variants for P-, R- and O-Net."""

    title: str
    stages: tuple[str, str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A recipe.

    Attributes:
        variants, cascades: what is compared.
        schedules: slot → how its variants are taught.
        tasks: slot → with which losses and changes of the windows.
    """

    variants: tuple[Variant, ...]
    cascades: tuple[Whole, ...]
    schedules: Mapping[str, Schedule]
    tasks: Mapping[str, WindowSpec]

    def only(self, names: Sequence[str]) -> Study:
        """The variants of these names or slots; none named = all.

        Raises:
            ConfigError: there is no such variant or slot.
        """
        known = {v.name for v in self.variants} | {v.slot for v in self.variants}
        if unknown := [n for n in names if n not in known]:
            every = ", ".join(sorted(known))
            raise ConfigError(f"--only {unknown[0]}: there is no such variant or slot; there are: {every}")
        kept = tuple(v for v in self.variants if not names or v.name in names or v.slot in names)
        return replace(self, variants=kept)


def read_study(path: Path) -> Study:
    """A recipe of `detector_ablation`.

    Raises:
        ConfigError: it cannot be read, or says what cannot be done.
    """
    recipe = read_recipe(path)
    if unknown := set(recipe) - {"variant", "cascade", "schedule", "task"}:
        raise ConfigError(f"{path}: no such table: {', '.join(sorted(unknown))}")
    variants = tuple(settings(Variant, t) for t in recipe.get("variant", ()))
    slot_of = {v.name: v.slot for v in variants}
    for variant in variants:
        if variant.slot not in SLOTS:
            raise ConfigError(f"[[variant]] {variant.name}: slot {variant.slot!r}: choose p, r or o")
        build(variant.model)
    cascades = tuple(settings(Whole, t) for t in recipe.get("cascade", ()))
    for whole in cascades:
        if [slot_of.get(n) for n in whole.stages] != list(SLOTS):
            raise ConfigError(f"[[cascade]] {whole.title}: name a variant each of P-, R- and O-Net, in this order")
    schedules, tasks = recipe.get("schedule", {}), recipe.get("task", {})
    return Study(
        variants,
        cascades,
        {s: settings(Schedule, schedules.get(s, {})) for s in SLOTS},
        {s: settings(WindowSpec, tasks.get(s, {})) for s in SLOTS},
    )


def train(study: Study, windows: Path, out: Path, seed: int) -> None:
    """Teach every variant that is not finished, into OUT/seedN/NAME; stopped (Ctrl-C), the same call goes on later.

    Args:
        study: what.
        windows: folder of a run of `mien.lab.train.detect`; its stages p, r and o are read, as the variants need them.
        out: where to.
        seed: of weights and batches.
    """
    loaded: dict[str, tuple[Windows, Windows]] = {}
    for variant in study.variants:
        folder = out / f"seed{seed}" / variant.name
        if (folder / BEST).is_file():
            continue
        slot = variant.slot
        if slot not in loaded:
            loaded = {slot: (read_windows(windows / slot / WINDOWS), read_windows(windows / slot / HELD_OUT))}
        schedule = replace(study.schedules[slot], seed=seed)
        torch.manual_seed(seed)
        net = build(variant.model)
        task = WindowTask(net, study.tasks[slot], *loaded[slot], schedule.batch, seed, schedule.half)
        run = Run(task, schedule, folder, {"model": dict(variant.model), "slot": slot})
        run.resume()
        log.info("%s: held-out score %.4f", variant.name, run.train())
        if run.progress < 1:
            return


def measure(
    study: Study, windows: Path, out: Path, data: str | None, without_people: Path | None = None
) -> dict[str, Any]:
    """Judge every variant with every seed, and the whole cascades; of one that was not taught only the cost is told.

    Args:
        study: what.
        windows: as for `train`.
        out: as for `train`.
        data: NAME:PATH of photographs with boxes for the cascades; None = the windows only.
        without_people: folder of pictures in which every finding of a cascade is false; None = no such pictures.

    Returns:
        `windows`: a row per variant and seed, figures that are not defined left out; `cascades`: per cascade and seed,
        as `detect.figures`, and `draws`: see `redrawn`; both plain data.
    """
    rows: list[dict[str, Any]] = []
    wholes: list[dict[str, Any]] = []
    held_out = {s: read_windows(windows / s / HELD_OUT) for s in {v.slot for v in study.variants}}
    for place in sorted(out.glob("seed*")):
        seed = {"seed": int(place.name.removeprefix("seed"))}
        taught = {v.name: place / v.name / BEST for v in study.variants if (place / v.name / BEST).is_file()}
        for variant in study.variants:
            own = {"name": variant.name, "slot": variant.slot, "title": variant.title, **seed}
            net = read_network(taught[variant.name]) if variant.name in taught else build(variant.model)
            rows.append({**own, **cost(net, variant.slot)})
            if variant.name in taught:
                found = asdict(judge(net, held_out[variant.slot]))
                rows[-1] |= {k: v for k, v in found.items() if math.isfinite(v)}
            log.info("%s %s: %s", place.name, variant.name, rows[-1])
        for whole in study.cascades if data is not None else ():
            if set(whole.stages) <= set(taught):
                found_whole = _looked(place, whole, str(data), without_people)
                wholes.append({**found_whole, "title": whole.title, **seed})
                log.info("%s %s: AP %.4f", place.name, whole.title, wholes[-1]["average_precision"])
    return {"windows": rows, "cascades": wholes}


def joined_with(before: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured before, and now: a variant or cascade that was measured again counts with its new figures."""
    keys = {"windows": ("name", "seed"), "cascades": ("title", "seed")}
    out = {}
    for table, key in keys.items():
        rows = {tuple(r[k] for k in key): r for r in (*before.get(table, ()), *found[table])}
        out[table] = list(rows.values())
    return out


def redrawn(pictures: Sequence[BoxPicture]) -> list[float]:
    """Average precision of as many pictures, drawn with replacement: 400 draws, for every cascade the same ones."""
    chosen = np.random.default_rng(0).integers(len(pictures), size=(DRAWS, len(pictures)))
    return [round(average_precision([pictures[i] for i in draw]).value, 5) for draw in chosen.tolist()]


def _looked(place: Path, whole: Whole, data: str, without_people: Path | None) -> dict[str, Any]:
    finder = run_finder(place, whole.stages, {"thresholds": LIMITS})
    try:
        run = evaluate(finder, data, without_people=without_people)
        return {**figures(run), "draws": redrawn(run.pictures)}
    finally:
        finder.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=("train", "measure"))
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--windows", type=Path, required=True, help="folder of a run of mien.lab.train.detect")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], metavar="VARIANT_OR_SLOT")
    parser.add_argument("--data", help="NAME:PATH of photographs with boxes, e.g. widerface:FOLDER")
    parser.add_argument(
        "--without-people", type=Path, metavar="FOLDER", help="pictures on which the cascades find none"
    )
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    study = read_study(options.config).only(options.only)
    if options.action == "train":
        train(study, options.windows, options.out, options.seed)
        return
    file = options.out / "ablation.json"
    before = json.loads(file.read_text(encoding="utf-8")) if options.only and file.is_file() else {}
    measured = measure(study, options.windows, options.out, options.data, options.without_people)
    found = joined_with(before, measured)
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    log.info("\n%s", tables(found))


if __name__ == "__main__":
    main()
