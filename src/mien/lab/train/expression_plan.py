"""What a training of an expression network is asked for: the command line's words and a recipe, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mien.errors import ConfigError, RequestError
from mien.lab.datasets.dataset import Dataset
from mien.lab.datasets.labels import load_labels
from mien.lab.models.expression.catalogue import entry
from mien.lab.train.augment import Augmentation
from mien.lab.train.expression_task import SHAKEN, ExpressionSpec
from mien.lab.train.recipe import read_recipe, settings
from mien.lab.train.schedule import Schedule
from mien.lab.train.together import Device

KEYS = frozenset({"model", "models", "task", "schedule", "augmentation", "faces", "clips"})
"""Top-level keys of a recipe. [models.NAME] holds the fields of a network that --model may name: one schedule for
many."""


@dataclass(frozen=True, slots=True)
class FacesSpec:
    """What is learnt from.

    Attributes:
        split: of the data. A dataset that leaves out a person or a fold at a time (CK+, JAFFE) has none: it is learnt
            from as a whole, or `without` one of them.
        without: a fold or a person of such a dataset that is left out, to be measured on afterwards; "" = none.
        classes: names of the expressions; empty = all of the first dataset's label schema.
        aligned: crops follow the points of Mien's landmark network; False = the pictures as they are.
        held_out: share of the faces that chooses the best weights.
        count: at most so many faces, evenly spread; 0 = all.
        teachers: networks whose readings are mixed with the labels (`expression_teachers`); none = the labels alone.
        taught: share of the teachers in the labels.
    """

    split: str = "train"
    without: str = ""
    classes: tuple[str, ...] = ()
    aligned: bool = True
    held_out: float = 0.06
    count: int = 0
    teachers: tuple[str, ...] = ()
    taught: float = 0.5


@dataclass(frozen=True, slots=True)
class ClipsSpec:
    """How clips are looked at by networks of clips.

    Attributes:
        moments: pictures, each with the sound around it, that are taken of every clip.
        muted: chance that a clip is shown without its sound while it is learnt from.
    """

    moments: int = 8
    muted: float = 0.1

    def __post_init__(self) -> None:
        if self.moments < 1 or not 0 <= self.muted <= 1:
            raise ConfigError(f"[clips] moments {self.moments}, muted {self.muted}: expected 1 or more, and 0–1")


@dataclass(frozen=True, slots=True)
class Request:
    """What `mien lab train expression` asks for.

    Attributes:
        data: NAME:PATH of datasets, all learnt from.
        out: folder of the run.
        model: name in the catalogue; "" = as the recipe says.
        recipe: TOML, or None.
        points: file that keeps the points found in the data, of clips the folder that keeps what was read off them;
            None = in the run's folder.
        device: "auto" = a GPU, if there is one.
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
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class Plan:
    """A recipe, read."""

    model: Mapping[str, Any]
    task: ExpressionSpec
    schedule: Schedule
    how: Augmentation
    faces: FacesSpec = field(default_factory=FacesSpec)
    clips: ClipsSpec = field(default_factory=ClipsSpec)

    @property
    def of_clips(self) -> bool:
        """Whether the network looks at clips."""
        return entry(str(self.model["name"])).of_clips


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
        settings(ClipsSpec, recipe.get("clips", {})),
    )


_TEACHING = ("teachers", "taught")
"""Told by the ids of the teachers instead (`expression_teachers.taught`): their words are places on a disk."""


def facts_of(request: Request, plan: Plan, classes: Sequence[str]) -> dict[str, Any]:
    """What checkpoints say of how a network was taught: a run goes on only with the same.

    Args:
        request: its datasets are named without their place, a copy may lie elsewhere tomorrow.
        plan: of the run.
        classes: that are told apart.
    """
    facts = {
        "model": dict(plan.model),
        "task": asdict(plan.task),
        "classes": list(classes),
        "aligned": plan.faces.aligned,
        "faces": {
            k: list(v) if isinstance(v, tuple) else v for k, v in asdict(plan.faces).items() if k not in _TEACHING
        },
        "data": [word.partition(":")[0] for word in request.data],
        "seed": plan.schedule.seed,
    }
    if plan.of_clips:
        facts["clips"] = asdict(plan.clips)
    if request.start:
        facts["start"] = request.start
    return facts


def faces_of(facts: Mapping[str, Any]) -> FacesSpec | None:
    """What a checkpoint was taught on; None where it does not say (made by an earlier version).

    Args:
        facts: of the checkpoint.

    Raises:
        ConfigError: they are none.
    """
    return settings(FacesSpec, facts["faces"]) if "faces" in facts else None


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


def to_learn(dataset: Dataset, spec: FacesSpec) -> Dataset:
    """The part of a dataset that may be learnt from; see `FacesSpec.split` and `without`.

    Raises:
        RequestError: it has no such split, fold or person, or has folds and a split is asked for.
    """
    if dataset.info.protocol not in ("loso", "folds"):
        if spec.without:
            raise RequestError(f"[faces] without: {dataset.info.name} has a fixed split, no folds; leave it out")
        return dataset.split(spec.split)
    if spec.split != "train":
        raise RequestError(
            f"[faces] split {spec.split!r}: {dataset.info.name} has folds, no splits; leave it out, or name a "
            "fold or person in without"
        )
    if not spec.without:
        return dataset
    for fold in dataset.folds():
        if fold.name == spec.without:
            return fold.train
    names = ", ".join(fold.name for fold in dataset.folds())
    raise RequestError(f'[faces] without: {dataset.info.name} has no "{spec.without}"; it has: {names}')
