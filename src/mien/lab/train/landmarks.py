"""Train a landmark network as a recipe says.

    python -m mien.lab.train.landmarks --config recipes/landmarks-hrnet128.toml --out runs/hrnet128 \\
        --set drawn=FOLDER --set photos=FOLDER --minutes 45

The same command goes on where the run stopped. The recipe names its data by words; --set says where they are.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from mien.errors import ConfigError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.models.hrnet import W9, W12, W18, HrNet, HrNetSpec
from mien.lab.models.lab import Lab, LabSpec
from mien.lab.models.regressor import MOBILE, TINY, Regressor, RegressorSpec
from mien.lab.render.random_scene import Wishes
from mien.lab.train.augment import Augmentation
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.command import order_of, trainer_parser
from mien.lab.train.detector_sources import read_photos
from mien.lab.train.empty import BesideFaces, EmptyCrops
from mien.lab.train.faces import (
    DatasetFaces,
    FaceSet,
    KeptFaces,
    Mixture,
    RenderedFaces,
    Share,
    more_turned,
    read_marked_faces,
)
from mien.lab.train.landmark_task import LandmarkSpec, LandmarkTask, mean_points
from mien.lab.train.loop import Run, Schedule
from mien.lab.train.recipe import LANDMARK_KEYS, check_entries, settings, words_of
from mien.lab.train.warm_start import warm_start
from mien.runtime.store import MODEL_FILE, model_folder

log = logging.getLogger(__name__)

_HRNETS = {"hrnet-w18": W18, "hrnet-w12": W12, "hrnet-w9": W9}
_REGRESSORS = {"regressor-mobile": MOBILE, "regressor-tiny": TINY}


def build(table: Mapping[str, Any]) -> nn.Module:
    """A network as a recipe's [model] says: `kind`, and any field of its spec.

    Raises:
        ConfigError: unknown kind or field.
    """
    options = dict(table)
    kind = str(options.pop("kind", ""))
    if kind in _HRNETS:
        return HrNet(settings(HrNetSpec, options, _HRNETS[kind]))
    if kind in _REGRESSORS:
        return Regressor(settings(RegressorSpec, options, _REGRESSORS[kind]))
    if kind == "lab":
        return Lab(settings(LabSpec, options))
    raise ConfigError(f"[model] kind {kind!r}: choose one of {', '.join([*_HRNETS, *_REGRESSORS, 'lab'])}")


def face_set(table: Mapping[str, Any], places: Mapping[str, str]) -> FaceSet:
    """Faces as an entry of a recipe's [[data]] says.

    `from` is "dataset" (with `name`, `split`), "rendered" (`rig`, `seeds` = [first, last], `size_px`), "empty" (photos
    without people; `held_out` = names that are left out), "beside" (pictures of a dataset, not their faces) or "marked"
    (a folder with validation.json); `place` is the word whose folder --set gives. `count` keeps evenly spaced ones;
    `keep` = true reads all into memory at the start; `contour` = true trusts a teacher's contour on turned heads too;
    `raised` = true moves the contour's ends to where people mark them; `turned` = N draws faces turned by more than 30°
    N times as often.

    Raises:
        ConfigError: unknown origin, a word without a folder, hand-marked faces to train on, or a dataset to train on
            without its split named.
    """
    origin, word = table.get("from"), table.get("place")
    trained_on = table.get("use", "train") == "train"
    if origin == "marked" and trained_on:
        raise ConfigError(
            f'[[data]] {dict(table)}: hand-marked faces are for validation only: use = "validation" or "report"'
        )
    if word is not None and word not in places:
        raise ConfigError(f'the recipe needs the folder "{word}": --set {word}=FOLDER')
    place = places[word] if word is not None else None
    if origin == "rendered":
        backgrounds = table.get("backgrounds")
        wishes = Wishes(
            size_px=int(table.get("size_px", 192)), backgrounds=Path(places[backgrounds]) if backgrounds else None
        )
        first, last = table["seeds"]
        return RenderedFaces(str(table.get("rig", "builtin")), place, wishes, range(first, last))
    if place is None:
        raise ConfigError(f'[[data]] {dict(table)}: "place" is missing')
    if origin == "marked":
        return read_marked_faces(place)
    if origin == "empty":
        return EmptyCrops(read_photos(Path(place), frozenset(table.get("held_out", ())), held_out=False))
    if origin not in ("dataset", "beside"):
        raise ConfigError(f'[[data]] from {origin!r}: choose "dataset", "rendered", "empty", "beside" or "marked"')
    dataset = open_dataset(str(table["name"]), place)
    if "split" in table:
        dataset = dataset.split(str(table["split"]))
    elif trained_on and len(dataset.split_counts) > 1:
        have = ", ".join(dataset.split_counts)
        raise ConfigError(f'[[data]] {dict(table)}: say which split is trained on (split = "train"); there are: {have}')
    if origin == "beside":
        return BesideFaces(dataset)
    count = int(table.get("count", len(dataset)))
    step = max(1, len(dataset) // max(1, count))
    numbers: Sequence[int] = range(0, len(dataset), step)[:count]
    if int(table.get("turned", 1)) > 1:
        numbers = more_turned(dataset, numbers, int(table["turned"]))
    how = {"trusted_contour": bool(table.get("contour", False)), "raised": bool(table.get("raised", False))}
    if not table.get("keep"):
        return DatasetFaces(dataset, numbers, **how)
    different = list(dict.fromkeys(numbers))
    faces = DatasetFaces(dataset, different, **how)
    kept = {number: faces.face(i) for i, number in enumerate(different)}
    return KeptFaces(kept[number] for number in numbers)


def make_task(recipe: Mapping[str, Any], places: Mapping[str, str], schedule: Schedule, workers: int) -> LandmarkTask:
    """Everything but the loop."""
    entries = recipe.get("data", [])
    check_entries(entries)
    parts = [
        Share(face_set(e, places), float(e.get("share", 1)), float(e.get("weight", 1)))
        for e in entries
        if e.get("use", "train") == "train"
        and (e.get("place") is None or not e.get("optional") or e["place"] in places)
    ]
    checks = {
        str(e.get("title", e.get("place", e["from"]))): face_set(e, places)
        for use in ("validation", "report")
        for e in entries
        if e.get("use") == use and (not e.get("optional") or e.get("place") in places)
    }
    if not any(e.get("use") == "validation" for e in entries):
        raise ConfigError('the recipe has no [[data]] with use = "validation" to choose the best weights by')
    return LandmarkTask(
        net=build(recipe["model"]),
        spec=settings(LandmarkSpec, recipe.get("task", {})),
        mixture=Mixture(parts),
        validation=checks,
        how=settings(Augmentation, recipe.get("augmentation", {})),
        batch=schedule.batch,
        half=schedule.half,
        seed=schedule.seed,
        workers=workers,
    )


def load_weights(net: nn.Module, path: Path) -> list[str]:
    """Take over the weights of a checkpoint wherever name and shape agree (another size, another width of input);
    the names that were left as they were."""
    saved = read_checkpoint(path)["net"]
    own = net.state_dict()
    fitting = {k: v for k, v in saved.items() if k in own and own[k].shape == v.shape}
    net.load_state_dict({**own, **fitting})
    return sorted(set(own) - set(fitting))


def main(arguments: list[str] | None = None) -> None:
    """See the module."""
    parser = trainer_parser(__doc__)
    parser.add_argument("--px", type=int, help="side of the crops instead of the recipe's: large ones after small ones")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--from-weights", type=Path, help="begin with the weights of another run's best.pt")
    begin.add_argument("--from-shipped", help="begin with the weights of a shipped model (name or folder)")
    options = parser.parse_args(arguments)

    def changed(recipe: dict[str, Any]) -> None:
        if options.px is not None:
            recipe["task"] = {**recipe.get("task", {}), "input_px": options.px}

    order = order_of(options, LANDMARK_KEYS, words_of, changed)
    recipe, schedule = order.recipe, order.schedule
    task = make_task(recipe, order.places, schedule, options.workers)
    facts = {"model": dict(recipe["model"]), "task": dict(recipe.get("task", {}))}
    run = Run(task, schedule, options.out, facts)
    if run.resume():
        log.info("going on at step %d", run.step)
    elif options.from_weights is not None:
        log.info("not taken over: %s", load_weights(task.net, options.from_weights))
        run.average.state = {k: v.detach().clone() for k, v in task.net.state_dict().items()}
    elif options.from_shipped is not None:
        some = [image for (image, _), _ in zip(task.batches(0), range(4), strict=False)]
        warm_start(task.net, model_folder(options.from_shipped) / MODEL_FILE, some)
        run.average.state = {k: v.detach().clone() for k, v in task.net.state_dict().items()}
    elif isinstance(task.net, Regressor):
        task.net.start_at(mean_points(task.mixture, task.how, task.spec))
        run.average.state = {k: v.detach().clone() for k, v in task.net.state_dict().items()}
    log.info("%d faces; best score %.4g", len(task.mixture), run.train())


if __name__ == "__main__":
    main()
