"""`mien lab synth`: draw a dataset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from mien.cli.saying import printed, say
from mien.cli.steps import StepProgress
from mien.core.text import storable
from mien.errors import ConfigError
from mien.pipeline.registry import load


def synth(
    task: Annotated[str, typer.Option(help="landmarks, action-units, expression, detect, micro, macro, spotting.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Pictures, or clips.")],
    out: Annotated[Path, typer.Option(help="A new folder for them.")],
    rig: Annotated[
        list[str] | None, typer.Option(help="builtin, ict:DIR, makehuman:DIR or valid:DIR; several are mixed evenly.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The first sample's; the same seeds give the same pictures.")] = 0,
    size: Annotated[int | None, typer.Option(min=32, max=1024, help="Side of a picture, px; default by task.")] = None,
    people: Annotated[int, typer.Option(min=1, max=100_000, help="Persons of each rig.")] = 256,
    backgrounds: Annotated[Path | None, typer.Option(help="Folder of photographs without people.")] = None,
    picture_format: Annotated[str, typer.Option("--format", help="jpg (quality 95) or png (lossless).")] = "jpg",
    fps: Annotated[float, typer.Option(help="Frame rate of clips, Hz.")] = 100.0,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes; default: one per core; 0 = this one.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in the folder.")] = False,
) -> None:
    """Draw faces with known truth: pictures, label tables, manifest, contact sheets.

    Read them with open_dataset("synthetic:DIR"); check them with mien lab data check synthetic DIR.
    """
    if not out.name:
        raise ConfigError("--out: name a folder")
    if backgrounds is not None and not backgrounds.name:
        raise ConfigError("--backgrounds: name a folder of photographs without people")
    order_type, task_table = load("mien.lab.synth.stored.order:Order"), load("mien.lab.synth.stored.order:TASKS")
    parse = load("mien.lab.synth.stored.order:RigOrder").parse
    facts: dict[str, Any] = {
        "task": task,
        "count": n,
        "rigs": tuple(parse(text) for text in rig or ["builtin"]),
        "first_seed": seed,
        "size_px": size or (task_table[task].size_px if task in task_table else 256),
        "people": people,
        "backgrounds": None if backgrounds is None else str(backgrounds.absolute()),
        "picture_format": picture_format,
        "fps": fps,
    }
    try:
        order = order_type(**facts)
    except ValueError as error:
        raise ConfigError(_first(error)) from None
    count = os.cpu_count() or 1 if workers is None else workers
    try:
        with StepProgress(f"drawing {task}", "samples") as progress:
            made = load("mien.lab.synth.stored.make:make_dataset")(order, out, count, resume, progress)
    except KeyboardInterrupt:
        say(f"{out}: blocks that are finished stay: go on with --resume")
        raise
    splits = ", ".join(f"{name} {k}" for name, k in made.splits.items())
    rate = f", {made.new / max(made.seconds, 1e-6):.1f}/s" if made.new else ""
    clips = order.kind.kind == "clips"
    unit, parts = ("clips", f"events and clips without one: {splits}") if clips else ("samples", splits)
    place = storable(str(made.out))
    done = printed(
        f"{made.samples} {unit} in {place} ({parts}); {made.new} new in {made.seconds:.0f} s{rate}\n"
        f'Look at {place}/sheet.png; read them with open_dataset("synthetic:{place}")'
    )
    if not done:
        raise typer.Exit(1)


def _first(error: ValueError) -> str:
    """The first complaint of a model in one line."""
    told = getattr(error, "errors", None)
    if told is None:
        return str(error)
    first = told()[0]
    option = {"picture_format": "format", "count": "n", "size_px": "size", "first_seed": "seed"}
    where = str(first["loc"][0]) if first["loc"] else "order"
    return f"--{option.get(where, where)}: {first['msg'].removeprefix('Value error, ')}"
