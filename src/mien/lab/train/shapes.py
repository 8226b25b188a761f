"""Train the pixel reader as a recipe says.

    python -m mien.lab.train.shapes --config recipes/pixel-shapes.toml --out RUN --set drawn=SET --set val=SET

The same command goes on where the run stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from mien.action_units.landmark_solver import LandmarkSolver
from mien.core.arrays import Float32
from mien.errors import ConfigError
from mien.lab.models.shape_reader import ShapeReader, ShapeReaderSpec
from mien.lab.train.augment import Augmentation
from mien.lab.train.checkpoints import read_checkpoint, write_checkpoint
from mien.lab.train.command import named_places, order_of, trainer_parser
from mien.lab.train.dlib_weights import begin_with_dlib
from mien.lab.train.loop import LAST, Run, Schedule
from mien.lab.train.recipe import LANDMARK_KEYS, settings
from mien.lab.train.shape_growth import FIRST, deepened
from mien.lab.train.shape_set import ShapeSet
from mien.lab.train.shape_task import SHAKEN, ShapeSpec, ShapeTask
from mien.lab.train.warm_start import Inputs, warm_start
from mien.runtime.store import MODEL_FILE

log = logging.getLogger(__name__)

_BATCHES = 6
"""That the running statistics of a shipped model are taken from."""


def make_task(recipe: Mapping[str, Any], places: Mapping[str, str], schedule: Schedule, workers: int) -> ShapeTask:
    """Everything but the loop.

    Raises:
        ConfigError: a set is missing, or an unknown setting.
        SourceError: a folder holds no set.
    """
    entries = [e for e in recipe.get("data", []) if not e.get("optional") or e["place"] in places]
    if missing := [e["place"] for e in entries if e["place"] not in places]:
        raise ConfigError(f'the recipe needs the folder "{missing[0]}": --set {missing[0]}=FOLDER')
    learnt = [(ShapeSet(places[e["place"]]), float(e.get("share", 1))) for e in entries if e.get("use") != "validation"]
    checks = [ShapeSet(places[e["place"]]) for e in entries if e.get("use") == "validation"]
    if not learnt or not checks:
        raise ConfigError('the recipe needs a [[data]] to learn from and one with use = "validation"')
    return ShapeTask(
        net=ShapeReader(settings(ShapeReaderSpec, recipe.get("model", {}))),
        reference=mean_face(),
        spec=settings(ShapeSpec, recipe.get("task", {})),
        sets=learnt,
        validation=checks[0],
        how=settings(Augmentation, recipe.get("augmentation", {}), SHAKEN),
        batch=schedule.batch,
        half=schedule.half,
        seed=schedule.seed,
        workers=workers,
    )


def mean_face() -> Float32:
    """(98, 3) that the features of the shipped landmark solver refer to."""
    solver = LandmarkSolver()
    try:
        return solver.reference
    finally:
        solver.close()


def begin_with(task: ShapeTask, start: Path, spec: ShapeReaderSpec) -> None:
    """Weights of another run, a shipped model, or of dlib's face recognition network, instead of random ones.

    Args:
        task: its network is changed.
        start: a checkpoint, a model folder, or dlib's file (.dat).
        spec: of a model folder's network, which does not say it itself.

    Raises:
        ModelError: it cannot be read, or does not fit.
    """
    net = task.net
    if start.suffix == ".dat":
        crops = [batch.pairs.flatten(0, 2) for batch in islice(task.batches(0), _BATCHES)]
        begin_with_dlib(net.trunk(), start, crops)
        return
    if start.is_dir():
        batches = islice(task.batches(0), _BATCHES)
        some: list[Inputs] = [(b.pairs.flatten(0, 1), b.features.flatten(0, 1)) for b in batches]
        state, blocks = warm_start(ShapeReader(spec), start / MODEL_FILE, some).state_dict(), spec.blocks
    else:
        kept = read_checkpoint(start)
        state, blocks = kept["net"], settings(ShapeReaderSpec, kept["facts"].get("model", {})).blocks
    lacking = deepened(net, state, blocks)
    log.info("began with %s; new: %s", start, ", ".join(lacking) or "nothing")


def main(arguments: list[str] | None = None) -> None:
    """See the module."""
    parser = trainer_parser(__doc__, workers=0, threads=1)
    parser.add_argument(
        "--start",
        type=Path,
        help="begin with the weights of another run's checkpoint or of a model folder, where they fit, or of dlib's "
        "network (.dat)",
    )
    options = parser.parse_args(arguments)
    order = order_of(options, {*LANDMARK_KEYS, "started"}, named_places)
    recipe, schedule = order.recipe, order.schedule
    task = make_task(recipe, order.places, schedule, options.workers)
    facts = {"model": dict(recipe.get("model", {})), "task": dict(recipe.get("task", {}))}
    if options.start is not None and not (options.out / LAST).is_file():
        begin_with(task, options.start, settings(ShapeReaderSpec, recipe.get("started", recipe.get("model", {}))))
        options.out.mkdir(parents=True, exist_ok=True)
        write_checkpoint(options.out / FIRST, {"net": task.net.state_dict(), "facts": facts})
    run = Run(task, schedule, options.out, facts)
    if run.resume():
        log.info("going on at step %d", run.step)
    parameters = sum(p.numel() for p in task.net.parameters())
    log.info("%.2f M parameters; best score %.4g", parameters / 1e6, run.train())


if __name__ == "__main__":
    main()
