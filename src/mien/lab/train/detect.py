"""Train a detection cascade as a recipe says: stage after stage, each on what the finished ones let through.

    python -m mien.lab.train.detect --config recipes/detector-immtcnn.toml --out RUN --set fer2013=FILE \\
        --set sfhq=FOLDER --set drawn=FOLDER --set backgrounds=FOLDER

The same command goes on where the run stopped; a finished stage is not trained again. With --mine the windows of every
stage are made, by the networks before it, and nothing is trained: for `evaluate.detector_ablation`.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from mien.detect.cascade_geometry import normalised
from mien.errors import ConfigError, RequestError
from mien.lab.train.detector_faces import read_faces
from mien.lab.train.detector_mining import MiningSpec, mine_all
from mien.lab.train.detector_networks import build, read_network
from mien.lab.train.detector_recipe import SLOTS, Stage, read_stages
from mien.lab.train.detector_scene_faces import Sources
from mien.lab.train.detector_scenes import make_scene
from mien.lab.train.detector_sources import WORDS, Places, read_sources
from mien.lab.train.detector_task import WindowSpec, WindowTask
from mien.lab.train.detector_windows import Windows, joined
from mien.lab.train.loop import BEST, Run, Schedule
from mien.lab.train.recipe import CASCADE_KEYS, places_of, read_recipe, settings
from mien.lab.train.warm_start import warm_start
from mien.runtime.store import MODEL_FILE, model_folder

log = logging.getLogger(__name__)

WINDOWS, HELD_OUT = "windows.npz", "held_out.npz"
_HELD_OUT_FIRST = 10_000_000


class CascadeRun:
    """Trains the stages of a recipe into a folder."""

    def __init__(self, stages: Sequence[Stage], out: Path, places: Places) -> None:
        self.stages, self.out, self.places = stages, out, places
        self._sources: dict[str, Sources] = {}

    def train(self) -> None:
        """All stages that are not finished."""
        for at, stage in enumerate(self.stages):
            finished = self.out / stage.name / "finished"
            if finished.is_file() or stage.kept:
                continue
            if not self._one(stage, self.stages[:at]):
                return
            finished.write_text("the stage was trained to its end\n", encoding="utf-8")

    def mine(self) -> None:
        """The windows of all stages; what a stage's networks before it are must be trained, or shipped."""
        for at, stage in enumerate(self.stages):
            (self.out / stage.name).mkdir(parents=True, exist_ok=True)
            newest = {s.slot: s for s in self.stages[:at]}
            nets = [trained(self.out, newest[slot]) for slot in "pro"[: "pro".index(stage.slot)]]
            for split in ("train", "val"):
                log.info("%s, %s: %s", stage.name, split, _counts(self._windows(stage, nets, split)))

    def _one(self, stage: Stage, before: Sequence[Stage]) -> bool:
        """Train a stage; False if it was stopped before its end."""
        folder = self.out / stage.name
        folder.mkdir(parents=True, exist_ok=True)
        nets = [trained(self.out, s) if s is not stage else shipped(s) for s in _latest(before, stage)]
        windows = joined(
            ([self._windows(stage, nets, "train")] if stage.scenes[1] > stage.scenes[0] else [])
            + [read_windows(self.out / name / WINDOWS) for name in (stage.again, *stage.windows_of) if name is not None]
        )
        held_out = self._windows(stage, nets, "val")
        schedule = settings(Schedule, {"batch": 256, **(stage.schedule or {})})
        torch.manual_seed(schedule.seed)
        net = build(stage.model)
        spec = settings(WindowSpec, stage.task or {})
        task = WindowTask(net, spec, windows, held_out, schedule.batch, schedule.seed, schedule.half)
        if stage.faces is not None:
            task.live = read_faces(self.places, stage.faces)
        keep_octaves(net, stage.fixed)
        run = Run(task, schedule, folder, {"model": _plain(stage.model), "slot": stage.slot})
        if run.resume():
            log.info("%s: going on at step %d", stage.name, run.step)
        elif stage.again is not None or stage.shipped is not None:
            begun = shipped(stage, windows) if stage.again is None else read_network(self.out / stage.again / BEST)
            net.load_state_dict(begun.state_dict())
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


def keep_octaves(net: nn.Module, count: int) -> None:
    """The first octave convolutions of an R- or O-Net learn no more: neither weights nor statistics.

    Raises:
        ConfigError: it has fewer.
    """
    octaves = list(getattr(net, "octaves", ()))
    if count > len(octaves):
        raise ConfigError(f"fixed: {count}, but the network has {len(octaves)} octave convolutions")
    for block in octaves[:count]:
        block.eval()
        block.train = lambda mode=True, block=block: block  # the loop sets the whole network to training
        block.requires_grad_(False)


def trained(out: Path, stage: Stage) -> nn.Module:
    """The network of a finished stage, or the shipped one that it keeps."""
    return shipped(stage) if stage.kept else read_network(out / stage.name / BEST)


def shipped(stage: Stage, windows: Windows | None = None) -> nn.Module:
    """The network that a stage's `shipped` names, ready to be asked.

    Args:
        stage: has `shipped`.
        windows: what it will be trained on; without them it can be asked, but not trained.

    Raises:
        ModelError: there is no such model, or it is another network's.
    """
    size = SLOTS[stage.slot]
    batches = [torch.zeros(8, 3, size, size)]
    if windows is not None:
        some = np.random.default_rng(0).integers(len(windows), size=(4, 512))
        batches = [torch.from_numpy(normalised(windows.crops[chosen])) for chosen in some]
    return warm_start(build(stage.model), model_folder(str(stage.shipped)) / MODEL_FILE, batches).eval()


def _latest(before: Sequence[Stage], stage: Stage) -> list[Stage]:
    """The newest stage of every slot that mines for this one; itself = the model that it begins with."""
    newest = {s.slot: s for s in before}
    if stage.shipped is not None:
        newest[stage.slot] = stage
    whole = stage.again is not None or stage.shipped is not None
    slots = "pro"[: "pro".index(stage.slot) + (1 if whole else 0)]
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
    parser.add_argument("--mine", action="store_true", help="make the windows of every stage, and train nothing")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    recipe = read_recipe(options.config, CASCADE_KEYS)
    held_out = frozenset(recipe.get("held_out", ()))
    folders = {k: Path(v) for k, v in places_of(options.places, WORDS).items()}
    run = CascadeRun(read_stages(recipe), options.out, Places(folders, held_out, options.out))
    run.mine() if options.mine else run.train()


if __name__ == "__main__":
    main()
