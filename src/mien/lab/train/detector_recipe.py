"""The stages of a detection cascade's training, as a recipe has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mien.errors import ConfigError
from mien.lab.train.recipe import settings

SLOTS = {"p": 12, "r": 24, "o": 48}
"""Networks of a cascade, and the sides of their windows, px."""


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
        shipped: name or folder of a model whose weights it begins with, instead of `again`: who has no checkpoints goes
            on from what everybody has.
        windows_of: names of other earlier stages of the slot whose windows it learns from as well.
        faces: groups of `detector_faces.GROUPS` → how often windows on their pictures are cut anew; the shares add up
            to 1. How many of a batch: `WindowSpec.live`.
        kept: the shipped network is used as it is; nothing is trained.
        fixed: so many of the first octave convolutions stay as `again` left them.
    """

    name: str
    slot: str
    model: Mapping[str, Any]
    scenes: tuple[int, int] = (0, 0)
    held_out_scenes: int = 300
    task: Mapping[str, Any] | None = None
    mining: Mapping[str, Any] | None = None
    schedule: Mapping[str, Any] | None = None
    again: str | None = None
    shipped: str | None = None
    windows_of: tuple[str, ...] = ()
    faces: Mapping[str, float] | None = None
    fixed: int = 0
    kept: bool = False


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
        earlier = {s.name for s in stages if s.slot == stage.slot}
        for word, name in (("again", stage.again), *(("windows_of", n) for n in stage.windows_of)):
            if name is not None and name not in earlier:
                raise ConfigError(f"[[stage]] {stage.name}: {word}: no earlier stage {name!r} of slot {stage.slot}")
        if stage.again is not None and stage.shipped is not None:
            raise ConfigError(f"[[stage]] {stage.name}: again and shipped: it can go on from one of them only")
        if stage.kept and stage.shipped is None:
            raise ConfigError(f"[[stage]] {stage.name}: kept: it needs shipped, the network that is to be kept")
        if stage.scenes[1] <= stage.scenes[0] and stage.again is None and not stage.kept:
            raise ConfigError(f"[[stage]] {stage.name}: scenes: none; only a stage with again can do without")
        stages.append(stage)
    if not stages:
        raise ConfigError("the recipe has no [[stage]]")
    return stages
