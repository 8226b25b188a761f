"""Train a network for action units as a recipe says.

    python -m mien.lab.train.action_units --config recipes/action-units.toml --out runs/au --set drawn=FOLDER
    python -m mien.lab.train.action_units --config recipes/action-units.toml --model plain-gcn --out runs/plain ...

The same command goes on where the run stopped. --model puts another row of the ablation in the recipe's place, so that
all rows are taught by one protocol.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from mien.core.arrays import Float32
from mien.errors import ConfigError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.models.au_graph import SPECS, AuGraph, AuGraphSpec
from mien.lab.models.blocks.graph import semantic_adjacency
from mien.lab.models.blocks.stages import BackboneSpec
from mien.lab.render.random_scene import Wishes
from mien.lab.train.au_faces import AuFaceSet, AuMixture, RenderedAuFaces, StoredAuFaces
from mien.lab.train.au_task import AuSpec, AuTask
from mien.lab.train.augment import Augmentation
from mien.lab.train.command import named_places, order_of, trainer_parser
from mien.lab.train.loop import Run, Schedule
from mien.lab.train.recipe import LANDMARK_KEYS, settings

log = logging.getLogger(__name__)


def network_spec(table: Mapping[str, Any]) -> AuGraphSpec:
    """A network as a recipe's [model] says: `kind`, any field of its spec, and `backbone` as a table.

    Raises:
        ConfigError: unknown kind or field.
    """
    options = dict(table)
    kind = str(options.pop("kind", ""))
    if kind not in SPECS:
        raise ConfigError(f"[model] kind {kind!r}: choose one of {', '.join(SPECS)}")
    start = SPECS[kind]
    if "backbone" in options:
        options["backbone"] = settings(BackboneSpec, options["backbone"], start.backbone)
    return settings(AuGraphSpec, options, start)


def face_set(table: Mapping[str, Any], places: Mapping[str, str]) -> AuFaceSet:
    """Faces as an entry of a recipe's [[data]] says.

    `from` is "dataset" (with `name`, `place`, `split`; `count` keeps evenly spaced ones) or "rendered" (with `rig`,
    `seeds` = [first, last], `size_px`).

    Raises:
        ConfigError: unknown origin, a word without a folder, or a dataset without its split.
    """
    origin, word = table.get("from"), table.get("place")
    if word is not None and word not in places:
        raise ConfigError(f'the recipe needs the folder "{word}": --set {word}=FOLDER')
    place = places[word] if word is not None else None
    if origin == "rendered":
        first, last = table["seeds"]
        wishes = Wishes(size_px=int(table.get("size_px", 192)))
        return RenderedAuFaces(str(table.get("rig", "builtin")), place, wishes, range(first, last))
    if origin != "dataset" or place is None or "split" not in table:
        raise ConfigError(f'[[data]] {dict(table)}: from = "rendered", or "dataset" with place and split')
    dataset = open_dataset(str(table["name"]), place).split(str(table["split"]))
    count = int(table.get("count", len(dataset)))
    step = max(1, len(dataset) // max(1, count))
    return StoredAuFaces(dataset, range(0, len(dataset), step)[:count])


def links(mixture: AuMixture, count: int) -> Float32:
    """The semantic adjacency, counted on the units of training faces alone."""
    rng = np.random.default_rng(0)
    return semantic_adjacency(np.stack([mixture.draw_units(rng) for _ in range(count)]))


def make_task(recipe: Mapping[str, Any], places: Mapping[str, str], schedule: Schedule, workers: int) -> AuTask:
    """Everything but the loop. Of several validation sets the first one whose folder is there counts.

    Raises:
        ConfigError: nothing to learn from or to choose the best weights by, or an unknown setting.
    """
    entries = recipe.get("data", [])
    known = [e for e in entries if not e.get("optional") or e.get("place") in places]
    checks = [e for e in known if e.get("use") == "validation"]
    if not checks:
        raise ConfigError('the recipe has no [[data]] with use = "validation" to choose the best weights by')
    learnt = [(face_set(e, places), float(e.get("share", 1))) for e in known if e.get("use", "train") == "train"]
    mixture, spec = AuMixture(learnt), settings(AuSpec, recipe.get("task", {}))
    network = network_spec(recipe.get("model", {}))
    return AuTask(
        net=AuGraph(network, links(mixture, spec.adjacency_faces) if network.graph == "semantic" else None),
        spec=spec,
        mixture=mixture,
        validation=face_set(checks[0], places),
        how=settings(Augmentation, recipe.get("augmentation", {})),
        batch=schedule.batch,
        half=schedule.half,
        seed=schedule.seed,
        workers=workers,
    )


def main(arguments: list[str] | None = None) -> None:
    """See the module."""
    parser = trainer_parser(__doc__)
    parser.add_argument("--model", choices=sorted(SPECS), help="another row of the ablation")
    options = parser.parse_args(arguments)

    def changed(recipe: dict[str, Any]) -> None:
        if options.model is not None:
            recipe["model"] = {**recipe.get("model", {}), "kind": options.model}

    order = order_of(options, LANDMARK_KEYS, named_places, changed)
    recipe, schedule = order.recipe, order.schedule
    task = make_task(recipe, order.places, schedule, options.workers)
    facts = {"model": dict(recipe.get("model", {})), "task": dict(recipe.get("task", {}))}
    run = Run(task, schedule, options.out, facts)
    if run.resume():
        log.info("going on at step %d", run.step)
    parameters = sum(p.numel() for p in task.net.parameters())
    log.info("%d faces, %.2f M parameters; best score %.4g", len(task.mixture), parameters / 1e6, run.train())


if __name__ == "__main__":
    main()
