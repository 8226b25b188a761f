"""The command line that trainers share: a recipe, a folder for the run, the folders that are asked for, how long."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch

from mien.errors import ConfigError
from mien.lab.train.loop import Schedule
from mien.lab.train.recipe import places_of, read_recipe, settings

Words = Callable[[Sequence[Mapping[str, Any]]], Iterable[str]]
"""[[data]] entries of a recipe → the words that they call folders by."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a trainer is told.

    Attributes:
        recipe: as read, with what the command line puts in its place.
        places: word of the recipe → folder.
        schedule: of the recipe, with the command line's time or steps.
    """

    recipe: dict[str, Any]
    places: dict[str, str]
    schedule: Schedule


def trainer_parser(doc: str | None, *, workers: int = 1, threads: int = 2) -> argparse.ArgumentParser:
    """A parser whose description is the first line of the module's docstring; options of one's own may be added."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--config", type=Path, required=True, help="the recipe, TOML")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; the same command goes on there")
    parser.add_argument("--set", action="append", default=[], metavar="WORD=FOLDER", dest="places")
    parser.add_argument("--minutes", type=float, help="stop after so much training time; the schedule fits into it")
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--workers", type=int, default=workers, help="processes that make crops")
    parser.add_argument("--threads", type=int, default=threads)
    return parser


def order_of(
    options: argparse.Namespace,
    keys: Iterable[str],
    words: Words,
    changed: Callable[[dict[str, Any]], None] = lambda recipe: None,
) -> Order:
    """Read the recipe, and set threads, seed and the log as it says.

    Args:
        options: parsed by a `trainer_parser`.
        keys: that the recipe may have at its top.
        words: which folders its entries ask for.
        changed: puts options of one's own into the recipe.

    Raises:
        ConfigError: the recipe cannot be read or has unknown keys, or --set names a folder that it does not ask for.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    recipe = dict(read_recipe(options.config, keys))
    changed(recipe)
    table = dict(recipe.get("schedule", {}))
    table |= {k: v for k in ("minutes", "steps") if (v := getattr(options, k)) is not None}
    schedule = settings(Schedule, table)
    torch.manual_seed(schedule.seed)
    return Order(recipe, places_of(options.places, words(recipe.get("data", []))), schedule)


def named_places(entries: Sequence[Mapping[str, Any]]) -> set[str]:
    """`Words` of recipes whose entries have `place` and nothing else that names a folder.

    Raises:
        ConfigError: they are no tables.
    """
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ConfigError("data: write every entry as a table [[data]]")
    return {str(e["place"]) for e in entries if e.get("place") is not None}
