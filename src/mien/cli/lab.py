"""`mien lab …`: the laboratory. Everything of it is loaded by name, so that the runtime stays free of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.lab_arkit import compare_arkit
from mien.cli.lab_evaluate import evaluate
from mien.cli.lab_expression import train_expression
from mien.cli.lab_pseudo import pseudo
from mien.cli.lab_synth import synth
from mien.pipeline.registry import load

lab = typer.Typer(help="The laboratory: data, training, evaluation.", no_args_is_help=True, rich_markup_mode=None)
data = typer.Typer(
    help="Datasets: what is known, and whether a copy is sound.", no_args_is_help=True, rich_markup_mode=None
)
train = typer.Typer(help="Train networks; see also recipes/.", no_args_is_help=True, rich_markup_mode=None)
lab.add_typer(data, name="data")
lab.add_typer(train, name="train")
lab.add_typer(evaluate, name="evaluate")
lab.command("synth")(synth)
train.command("expression")(train_expression)
lab.command("pseudo")(pseudo)
lab.command("compare-arkit")(compare_arkit)


@train.callback()
def _group() -> None:
    """A group even while it has one command."""


@data.command("list")
def data_list(
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """List the datasets that can be read, with licence and where to ask for them."""
    catalogue = load("mien.lab.datasets.catalogue:catalogue")()
    if json_output:
        table = [info.model_dump(mode="json") for info in catalogue.values()]
        typer.echo(json.dumps({"datasets": table}, indent=2, ensure_ascii=False))
        return
    for info in catalogue.values():
        typer.echo(f"{info.name}: {info.title}: {info.task}; {info.size}")
        typer.echo(f"    {info.licence} Ask: {info.ask}")
    typer.echo(f"{len(catalogue)} datasets. Check a copy: mien lab data check NAME PATH")


@data.command("sheet")
def data_sheet(
    name: Annotated[str, typer.Argument(help="Name of the dataset; see `mien lab data list`.")],
    path: Annotated[Path, typer.Argument(help="The folder of the copy, or one file of it.")],
    out: Annotated[Path, typer.Option(help="The picture to write, .png or .jpg.")],
    split: Annotated[str | None, typer.Option(help="Only this split.")] = None,
    points: Annotated[bool, typer.Option("--points", help="Draw points and boxes.")] = False,
) -> None:
    """Draw a contact sheet: 48 samples spread over a copy."""
    dataset = load("mien.lab.datasets.dataset:open_dataset")(name, path)
    part = dataset if split is None else dataset.split(split)
    sheet = load("mien.lab.datasets.sheet:contact_sheet")(part, points=points)
    load("mien.lab.datasets.sheet:write_sheet")(sheet, out)
    typer.echo(f"{out}: {min(48, len(part))} of {len(part)} samples")


@data.command("check")
def data_check(
    name: Annotated[str, typer.Argument(help="Name of the dataset; see `mien lab data list`.")],
    path: Annotated[Path, typer.Argument(help="The folder of the copy, or one file of it.")],
    images: Annotated[
        int, typer.Option(min=0, help="Pictures to decode as a trial, spread over the copy; 0 = every one.")
    ] = 64,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Compare a copy with what its authors published. Exit code 0 as published, 1 problems found."""
    report = load("mien.lab.datasets.checker:check")(name, path, images)
    typer.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False) if json_output else report.as_text())
    if not report.ok:
        raise typer.Exit(1)
