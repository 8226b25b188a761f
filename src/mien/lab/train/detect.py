"""Train a detection cascade as a recipe says: stage after stage, each on what the finished ones let through.

    python -m mien.lab.train.detect --config recipes/detector-immtcnn.toml --out RUN --set fer2013=FILE \\
        --set sfhq=FOLDER --set drawn=FOLDER --set backgrounds=FOLDER

The same command goes on where the run stopped; a finished stage is not trained again.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from mien.errors import ConfigError, RequestError
from mien.lab.models.blocks.parallel import ParallelSpec
from mien.lab.models.cascade import OutputNet, OutputSpec, ProposalNet, ProposalSpec, RefineNet, RefineSpec
from mien.lab.models.mtcnn import ClassicMtcnn
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.detector_mining import MiningSpec, mine_all
from mien.lab.train.detector_scenes import Sources, make_scene
from mien.lab.train.detector_sources import WORDS, Places, read_sources
from mien.lab.train.detector_task import WindowSpec, WindowTask
from mien.lab.train.detector_windows import Windows, joined
from mien.lab.train.loop import BEST, Run, Schedule
from mien.lab.train.recipe import CASCADE_KEYS, places_of, read_recipe, settings

log = logging.getLogger(__name__)

SLOTS = {"p": 12, "r": 24, "o": 48}
"""Networks of a cascade, and the sides of their windows, px."""
WINDOWS, HELD_OUT = "windows.npz", "held_out.npz"
_HELD_OUT_FIRST = 10_000_000


def build(table: Mapping[str, Any]) -> nn.Module:
    """A network as a stage's `model` says: `kind`, and any field of its spec.

    Raises:
        ConfigError: unknown kind or field.
    """
    options = dict(table)
    kind = str(options.pop("kind", ""))
    if kind in ("mtcnn-p", "mtcnn-r", "mtcnn-o"):
        settings(_Nothing, options)
        return ClassicMtcnn(kind[-1])  # type: ignore[arg-type]
    if kind == "immtcnn-p":
        return ProposalNet(settings(ProposalSpec, options))
    if kind == "immtcnn-r":
        return RefineNet(settings(RefineSpec, options))
    if kind == "immtcnn-o":
        parallel = options.pop("parallel", {})
        found = None if parallel is False else settings(ParallelSpec, parallel)
        return OutputNet(settings(OutputSpec, {**options, "parallel": found}))
    raise ConfigError(f"model kind {kind!r}: choose one of mtcnn-p, -r, -o, immtcnn-p, -r, -o")


@dataclass(frozen=True, slots=True)
class _Nothing:
    """The classic networks have no settings."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One [[stage]] of a recipe.

    Attributes:
        name: its folder in the run.
        slot: which network it trains: p, r or o.
        scenes: first and last (not included) number of the scenes that are mined.
        held_out_scenes: how many scenes of held-out material judge it.
        model: see `build`.
        task: see `WindowSpec`.
        mining: see `MiningSpec`.
        schedule: see `Schedule`.
        again: name of an earlier stage of the same slot whose weights and windows it goes on from; it is mined with the
            whole cascade so far, and learns what that got wrong.
    """

    name: str
    slot: str
    scenes: tuple[int, int]
    model: Mapping[str, Any]
    held_out_scenes: int = 300
    task: Mapping[str, Any] | None = None
    mining: Mapping[str, Any] | None = None
    schedule: Mapping[str, Any] | None = None
    again: str | None = None


def read_stages(recipe: Mapping[str, Any]) -> list[Stage]:
    """The stages, checked: the networks before a stage must have been trained by earlier ones.

    Raises:
        ConfigError: a mistake in the recipe.
    """
    stages: list[Stage] = []
    for table in recipe.get("stage", []):
        stage = settings(Stage, table)
        if stage.slot not in SLOTS:
            raise ConfigError(f"[[stage]] {stage.name}: slot {stage.slot!r}: choose p, r or o")
        before = {s.slot for s in stages}
        if missing := [s for s in "pro"[: "pro".index(stage.slot)] if s not in before]:
            raise ConfigError(f"[[stage]] {stage.name}: no stage before it trains {missing[0]}")
        if stage.again is not None and stage.again not in {s.name for s in stages if s.slot == stage.slot}:
            raise ConfigError(f"[[stage]] {stage.name}: again: no earlier stage {stage.again!r} of slot {stage.slot}")
        stages.append(stage)
    if not stages:
        raise ConfigError("the recipe has no [[stage]]")
    return stages


class CascadeRun:
    """Trains the stages of a recipe into a folder."""

    def __init__(self, stages: Sequence[Stage], out: Path, places: Places) -> None:
        self.stages, self.out, self.places = stages, out, places
        self._sources: dict[str, Sources] = {}

    def train(self) -> None:
        """All stages that are not finished."""
        for at, stage in enumerate(self.stages):
            finished = self.out / stage.name / "finished"
            if finished.is_file():
                continue
            if not self._one(stage, self.stages[:at]):
                return
            finished.write_text("the stage was trained to its end\n", encoding="utf-8")

    def _one(self, stage: Stage, before: Sequence[Stage]) -> bool:
        """Train a stage; False if it was stopped before its end."""
        folder = self.out / stage.name
        folder.mkdir(parents=True, exist_ok=True)
        nets = [trained(self.out, s) for s in _latest(before, stage)]
        windows = self._windows(stage, nets, "train")
        if stage.again is not None:
            windows = joined([windows, read_windows(self.out / stage.again / WINDOWS)])
        held_out = self._windows(stage, nets, "val")
        schedule = settings(Schedule, {"batch": 256, **(stage.schedule or {})})
        torch.manual_seed(schedule.seed)
        net = build(stage.model)
        spec = settings(WindowSpec, stage.task or {})
        task = WindowTask(net, spec, windows, held_out, schedule.batch, schedule.seed, schedule.half)
        run = Run(task, schedule, folder, {"model": _plain(stage.model), "slot": stage.slot})
        if run.resume():
            log.info("%s: going on at step %d", stage.name, run.step)
        elif stage.again is not None:
            net.load_state_dict(read_checkpoint(self.out / stage.again / BEST)["net"])
            run.average.state = {k: v.detach().clone() for k, v in net.state_dict().items()}
        log.info("%s: %d windows, %s", stage.name, len(windows), _counts(windows))
        log.info("%s: best score %.4g", stage.name, run.train())
        return run.progress >= 1

    def _windows(self, stage: Stage, nets: Sequence[nn.Module], split: str) -> Windows:
        path = self.out / stage.name / (WINDOWS if split == "train" else HELD_OUT)
        if path.is_file():
            return read_windows(path)
        if split not in self._sources:
            self._sources[split] = read_sources(self.places, split)
        sources = self._sources[split]
        first, last = stage.scenes
        numbers = range(first, last)
        if split != "train":
            numbers = range(_HELD_OUT_FIRST, _HELD_OUT_FIRST + stage.held_out_scenes)
        spec = settings(MiningSpec, stage.mining or {})
        parts = []
        for part in mine_all(lambda n: make_scene(sources, n), numbers, nets, SLOTS[stage.slot], spec):
            parts.append(part)
            if len(parts) % 500 == 0:
                log.info("%s: %d of %d %s scenes mined", stage.name, len(parts), len(numbers), split)
        windows = joined(parts)
        unfinished = path.with_name("part.npz")
        np.savez(unfinished, **{f.name: getattr(windows, f.name) for f in fields(Windows)})
        unfinished.replace(path)
        return windows


def trained(out: Path, stage: Stage) -> nn.Module:
    """The network of a finished stage."""
    return read_network(out / stage.name / BEST)


def read_network(path: Path) -> nn.Module:
    """A network from its checkpoint, ready to be asked.

    Raises:
        ModelError: it cannot be read.
    """
    state = read_checkpoint(path)
    net = build(state["facts"]["model"])
    net.load_state_dict(state["net"])
    return net.eval()


def _latest(before: Sequence[Stage], stage: Stage) -> list[Stage]:
    """The newest stage of every slot that mines for this one."""
    newest = {s.slot: s for s in before}
    slots = "pro"[: "pro".index(stage.slot) + (1 if stage.again is not None else 0)]
    return [newest[slot] for slot in slots]


def read_windows(path: Path) -> Windows:
    """Windows that a stage mined.

    Raises:
        RequestError: they cannot be read.
    """
    try:
        arrays = np.load(path)
        return Windows(*(arrays[f.name] for f in fields(Windows)))
    except (OSError, ValueError, KeyError) as error:
        raise RequestError(f"{path}: no windows of a stage: {error}; train it with mien.lab.train.detect") from error


def _counts(windows: Windows) -> str:
    names = {1: "positive", -1: "part", 0: "negative"}
    return ", ".join(f"{int((windows.kinds == k).sum())} {name}" for k, name in names.items())


def _plain(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        k: _plain(v) if isinstance(v, Mapping) else list(v) if isinstance(v, tuple) else v for k, v in table.items()
    }


def main(arguments: list[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="WORD=PLACE", dest="places")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    recipe = read_recipe(options.config, CASCADE_KEYS)
    held_out = frozenset(recipe.get("held_out", ()))
    folders = {k: Path(v) for k, v in places_of(options.places, WORDS).items()}
    CascadeRun(read_stages(recipe), options.out, Places(folders, held_out, options.out)).train()


if __name__ == "__main__":
    main()
