"""`mien lab evaluate micro`: the rows of seed 002's Tables 2 and 3 on any micro-expression dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.saying import printed
from mien.cli.steps import StepProgress
from mien.pipeline.registry import load


def micro(
    data: Annotated[list[str], typer.Option(help="NAME:PATH, e.g. casme2:FOLDER; several = the MEGC composite.")],
    protocol: Annotated[str, typer.Option(help="loso or kfold (five folds of subjects).")] = "loso",
    method: Annotated[list[str] | None, typer.Option(help="Only these; default: every method.")] = None,
    three: Annotated[bool, typer.Option("--three", help="MEGC's three classes instead of the dataset's own.")] = False,
    count: Annotated[int, typer.Option(min=0, help="Clips of each dataset, evenly spread; 0 = all.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of the networks; fixed, never chosen.")] = 60,
    side: Annotated[int, typer.Option(min=32, max=256, help="Side of the clips' pictures, px.")] = 64,
    full: Annotated[
        bool, typer.Option("--full", help="Published sizes: 112 px, 16 frames; hours without a GPU.")
    ] = False,
    turns: Annotated[
        int, typer.Option(min=0, help="Only the first so many folds of each method: how long will all take? 0 = all.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="File of the finished folds; the same command goes on where it was stopped.")
    ] = None,
    pretrain: Annotated[
        list[str] | None, typer.Option(help="NAME:PATH of macro-expressions of others; adds 3d-cnn-pretrained.")
    ] = None,
    pretrain_steps: Annotated[int, typer.Option(min=1, help="Training steps on them.")] = 1000,
    pictures: Annotated[bool, typer.Option("--pictures", help="The leak test compares pictures, too.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """UF1, UAR, accuracy, macro F1 with support and intervals over subjects; what chance gives; spotting F1 and STRS of
    the methods that spot.

    Each fold learns from scratch; nothing is chosen on the subject who is left out. Without --full networks have a few
    channels, 32 px and 8 frames: figures of a trial, not of the papers' networks.
    """
    module = "mien.lab.evaluate.micro:"
    effort = load("mien.lab.micro.methods:Effort")
    how = effort(steps=steps, frames=16, side=112, full=True) if full else effort(steps=steps)
    request = load(module + "Request")(
        *(tuple(data), protocol, tuple(method or ()), three, count, max(side, 112) if full else side, how),
        *(pictures, turns, out, tuple(pretrain or ()), pretrain_steps),
    )
    with StepProgress("evaluating", "folds of a method") as progress:
        begun = False

        def told(done: int, total: int) -> None:
            nonlocal begun
            if begun:
                progress.advance(1)
            else:
                progress.started(done, total)
            begun = True

        results = load(module + "evaluate")(request, told)
    if json_output:
        text = json.dumps(load(module + "as_json")(results, request), indent=2)
    else:
        text = load(module + "as_text")(results, request)
    if not printed(text):
        raise typer.Exit(1)
