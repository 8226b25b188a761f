"""Train an expression network: `mien lab train expression`, and everything behind it but the loop.

The best weights are chosen on a part of the training faces that is held out (by subject where the data names them); the
validation split is never looked at here. The same call goes on where a run stopped. Under torchrun several processes
train together (`train.together`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import torch

from mien.errors import ConfigError, ModelError
from mien.lab.datasets.dataset import Dataset, open_dataset
from mien.lab.datasets.labels import load_labels
from mien.lab.models.expression.catalogue import entry, make
from mien.lab.train.augment import Augmentation
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.dlib_weights import begin_with_dlib
from mien.lab.train.expression_faces import ExpressionFaces, is_double, parted, read_faces
from mien.lab.train.expression_points import points_of
from mien.lab.train.expression_task import SHAKEN, ExpressionSpec, ExpressionTask
from mien.lab.train.expression_teachers import taught
from mien.lab.train.loop import Run, Schedule
from mien.lab.train.recipe import read_recipe, settings
from mien.lab.train.warm_start import warm_start
from mien.runtime.store import MODEL_FILE, model_folder

log = logging.getLogger(__name__)

KEYS = frozenset({"model", "models", "task", "schedule", "augmentation", "faces"})
"""Top-level keys of a recipe. [models.NAME] holds the fields of a network that --model may name: one schedule for
many."""


@dataclass(frozen=True, slots=True)
class FacesSpec:
    """What is learnt from.

    Attributes:
        split: of the data.
        classes: names of the expressions; empty = all of the first dataset's label schema.
        aligned: crops follow the points of Mien's landmark network; False = the pictures as they are.
        held_out: share of the faces that chooses the best weights.
        count: at most so many faces, evenly spread; 0 = all.
        teachers: networks whose readings are mixed with the labels (`expression_teachers`); none = the labels alone.
        taught: share of the teachers in the labels.
    """

    split: str = "train"
    classes: tuple[str, ...] = ()
    aligned: bool = True
    held_out: float = 0.06
    count: int = 0
    teachers: tuple[str, ...] = ()
    taught: float = 0.5


@dataclass(frozen=True, slots=True)
class Request:
    """What `mien lab train expression` asks for.

    Attributes:
        data: NAME:PATH of datasets, all learnt from.
        out: folder of the run.
        model: name in the catalogue; "" = as the recipe says.
        recipe: TOML, or None.
        points: file that keeps the points found in the data; None = in the run's folder.
        minutes, steps, seed: instead of the recipe's.
        threads: of torch.
        workers: processes that make crops.
        start: a checkpoint (.pt), a model (shipped name or folder), or dlib's face recognition network (.dat, for the
            network "recognition"), whose weights a new run begins with. The share
            held out must be what it was there, or faces that were learnt from choose the best weights.
    """

    data: tuple[str, ...]
    out: Path
    model: str = ""
    recipe: Path | None = None
    points: Path | None = None
    minutes: float | None = None
    steps: int | None = None
    seed: int | None = None
    threads: int = 2
    workers: int = 0
    start: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A recipe, read."""

    model: Mapping[str, Any]
    task: ExpressionSpec
    schedule: Schedule
    how: Augmentation
    faces: FacesSpec = field(default_factory=FacesSpec)


def plan_of(request: Request) -> Plan:
    """The recipe with what the request puts in its place.

    Raises:
        ConfigError: unknown model or key, or no model named.
    """
    recipe = read_recipe(request.recipe, KEYS) if request.recipe is not None else {}
    model = dict(recipe.get("model", {}))
    if request.model:
        others = recipe.get("models", {})
        if model.get("name") != request.model:
            model = {"name": request.model, **others.get(request.model, {})}
    if "name" not in model:
        raise ConfigError("no network is named: --model NAME, or [model] name in the recipe")
    task = dict(recipe.get("task", {}))
    task.setdefault("input_px", entry(str(model["name"])).input_px)
    table = dict(recipe.get("schedule", {}))
    table |= {k: v for k in ("minutes", "steps", "seed") if (v := getattr(request, k)) is not None}
    return Plan(
        model,
        settings(ExpressionSpec, task),
        settings(Schedule, table),
        settings(Augmentation, recipe.get("augmentation", {}), SHAKEN),
        settings(FacesSpec, recipe.get("faces", {})),
    )


def classes_of(datasets: Sequence[Dataset], wished: Sequence[str]) -> tuple[str, ...]:
    """Names of the expressions in the order of the common schema.

    Raises:
        ConfigError: a name that is none.
    """
    common = load_labels("common").names
    if unknown := set(wished) - set(common):
        raise ConfigError(f"classes: {', '.join(sorted(unknown))} is no expression; choose of {', '.join(common)}")
    chosen = set(wished) or set(datasets[0].classes)
    return tuple(c for c in common if c in chosen)


def read_training(request: Request, spec: FacesSpec) -> ExpressionFaces:
    """The faces of all datasets.

    Raises:
        RequestError: no such dataset or split.
        SourceError: nothing usable in it.
    """
    datasets = [open_dataset(one).split(spec.split) for one in request.data]
    classes = classes_of(datasets, spec.classes)
    samples = [s for d in datasets for s in d if not is_double(s)]
    if spec.count and spec.count < len(samples):
        samples = [samples[i * len(samples) // spec.count] for i in range(spec.count)]
    points = None
    if spec.aligned:
        kept = request.points or request.out / "points.npz"
        points = points_of(samples, kept, lambda done, total: _told("points", done, total))
    return read_faces(samples, classes, points)


def begin_with(task: ExpressionTask, start: str) -> None:
    """Weights of another run or of a shipped model instead of random ones.

    Raises:
        ModelError: it cannot be read, or is another network's.
    """
    if not start.endswith(".pt"):
        some = [image for (image, _), _ in zip(task.batches(0), range(8), strict=False)]
        if start.endswith(".dat"):
            begin_with_dlib(task.net, Path(start), some)
        else:
            warm_start(task.net, model_folder(start) / MODEL_FILE, some)
        return
    state = read_checkpoint(Path(start))
    try:
        task.net.load_state_dict(state["average"]["state"] if "average" in state else state["net"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise ModelError(f"{start}: is no checkpoint of this network: {error}") from error


def _told(what: str, done: int, total: int) -> None:
    if done % 1000 == 0 or done == total:
        log.info("%s: %d of %d", what, done, total)


def train(request: Request) -> dict[str, Any]:
    """Train to the end, the time budget or Ctrl-C; the figures of the best weights.

    Raises:
        ConfigError, RequestError, SourceError, ModelError: before the first step.
    """
    plan = plan_of(request)
    torch.set_num_threads(request.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(plan.schedule.seed)
    request.out.mkdir(parents=True, exist_ok=True)
    faces = read_training(request, plan.faces)
    learnt, held_out = parted(faces, plan.faces.held_out)
    learnt, teachers = taught(learnt, plan.faces.teachers, plan.faces.taught)
    task = ExpressionTask(
        net=make(plan.model, len(faces.classes)),
        spec=plan.task,
        faces=learnt,
        held_out=held_out,
        how=plan.how,
        batch=plan.schedule.batch,
        half=plan.schedule.half,
        seed=plan.schedule.seed,
        workers=request.workers,
    )
    facts = {
        "model": dict(plan.model),
        "task": asdict(plan.task),
        "classes": list(faces.classes),
        "aligned": plan.faces.aligned,
    }
    if teachers:
        facts |= {"teachers": list(teachers), "taught": plan.faces.taught}
    if request.start:
        facts["start"] = request.start
    run = Run(task, plan.schedule, request.out, facts)
    if run.resume():
        log.info("going on at step %d", run.step)
    elif request.start:
        begin_with(task, request.start)
        run.average.state = {k: v.detach().clone() for k, v in task.net.state_dict().items()}
    parameters = sum(p.numel() for p in task.net.parameters())
    log.info("%d faces, %d held out, %.2f M parameters", len(learnt), len(held_out), parameters / 1e6)
    best = run.train()
    return {"best_held_out_error": best, "steps": run.step, "seconds": run.seconds, "parameters": parameters}
