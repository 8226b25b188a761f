"""`mien lab train expression` and `mien lab evaluate expression`."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated, Any

import typer

from mien.cli.saying import printed
from mien.cli.steps import StepProgress
from mien.pipeline.registry import load


def train_expression(
    data: Annotated[list[str], typer.Option(help="NAME:PATH of labelled faces or clips, e.g. rafdb:DIR; repeatable.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; the same command goes on where it stopped.")],
    model: Annotated[str, typer.Option(help="Name of a network; see docs/expressions.md.")] = "",
    recipe: Annotated[Path | None, typer.Option(help="TOML file; see recipes/expression-*.toml.")] = None,
    points: Annotated[Path | None, typer.Option(help="File that keeps landmarks; of clips, a folder.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Training time; the schedule fits into it.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything that is left to chance.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the training.")] = 2,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make crops.")] = 0,
    start: Annotated[
        str, typer.Option(help="Begin with the weights of a checkpoint .pt or a model; keep its recipe's held_out.")
    ] = "",
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Train an expression network. Early stopping looks at a part of the training faces, never at validation data."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    request = load("mien.lab.train.expression_plan:Request")(
        *(tuple(data), out, model, recipe, points, minutes, steps, seed, threads, workers, start)
    )
    result: dict[str, Any] = load("mien.lab.train.expression:train")(request)
    shown = ", ".join(f"{k.replace('_', ' ')} {v:.4g}" for k, v in result.items())
    if not printed(json.dumps(result) if json_output else shown):
        raise typer.Exit(1)


def evaluate_expression(
    data: Annotated[str, typer.Option(help="NAME:PATH of labelled faces or clips; folder:DIR has a folder per class.")],
    model: Annotated[
        list[str] | None, typer.Option(help="Shipped model, folder, checkpoint .pt, or fer; all see the same faces.")
    ] = None,
    split: Annotated[str, typer.Option(help="Only this split, fold or person.")] = "",
    count: Annotated[int, typer.Option(min=0, help="Faces, evenly spread; 0 = all.")] = 0,
    preset: Annotated[str, typer.Option(help="Also run this preset on the whole pictures, end to end.")] = "",
    points: Annotated[Path | None, typer.Option(help="File that keeps landmarks; of clips, a folder.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Show whole pictures instead of aligned crops.")] = False,
    flip: Annotated[bool, typer.Option(help="Mean with the mirror image, as the runtime does.")] = True,
    out: Annotated[Path | None, typer.Option(help="Folder for figures.json, diagrams, networks' pictures.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Accuracy, macro F1, support, confusion with intervals, calibration, latency: aligned crops, and end to end.

    With --json, "accuracy", "macro_f1" and "support" are those of the first run; "runs" holds all of them.
    """
    module = "mien.lab.evaluate.expression:"
    names = tuple(model or (() if preset else ("expression96",)))
    request = load(module + "Request")(data, names, split, count, not whole, points, flip, preset)
    with StepProgress("reading", "faces") as progress:

        def told(done: int, total: int) -> None:
            if done == 1:
                progress.started(0, total)
            progress.advance(1)

        runs = load(module + "evaluate")(request, told)
    results: list[dict[str, Any]] = [load(module + "figures")(run) for run in runs]
    report = "mien.lab.evaluate.expression_report:"
    if out is not None:
        load(report + "write_report")(results, out)
    first = {key: results[0][key] for key in ("accuracy", "macro_f1", "support")}
    text = json.dumps({**first, "runs": results}, indent=2, ensure_ascii=False) if json_output else ""
    shown = printed(text or load(report + "table")(results))
    if out is not None:  # figures first: a sheet that fails takes none away
        load("mien.lab.evaluate.expression_pictures:write_pictures")(request, out)
    if not shown:
        raise typer.Exit(1)
