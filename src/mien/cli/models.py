"""`mien models`: which networks ship, one card in full, and whether every file is still the one that was shipped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from mien.core.text import counted

if TYPE_CHECKING:
    from mien.runtime.card import ModelCard


def models(
    name: Annotated[str | None, typer.Argument(help="Show the whole card of this model (a name or a folder).")] = None,
    details: Annotated[bool, typer.Option("--details", help="With the scores of each.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Verify every checksum and open every model.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """List the models that ship with Mien, with their licences and scores."""
    if check:
        _check(name, json_output)
        return
    from mien.runtime.store import list_models, model_folder, read_card

    if name is not None:
        card = read_card(model_folder(name))
        typer.echo(_json(card) if json_output else _whole(card))
        return
    cards = list_models()
    if json_output:
        typer.echo(json.dumps({"models": [card.model_dump(mode="json", by_alias=True) for card in cards]}, indent=2))
        return
    for card in cards:
        typer.echo(_summary(card) if details else _line(card))
    total = sum(card.bytes for card in cards)
    shown = f"{counted(len(cards), 'model')}, {_size(total)}."
    typer.echo(f"{shown} Scores: mien models --details. One card in full: mien models NAME")


def _check(name: str | None, json_output: bool) -> None:
    """Every model is tried, also after one has failed."""
    from mien.errors import ModelError
    from mien.runtime.store import model_folder, open_model, shipped_names

    results: dict[str, str] = {}
    if name is not None:
        model_folder(name)
    for each in [name] if name is not None else shipped_names():
        try:
            open_model(each, threads=1).close()
            results[each] = "ok"
        except ModelError as error:
            results[each] = str(error)
    bad = [each for each, result in results.items() if result != "ok"]
    if json_output:
        typer.echo(json.dumps({"ok": not bad, "models": results}, indent=2))
    else:
        for each, result in results.items():
            typer.echo(f"{each}: {result}")
        typer.echo(f"{len(results) - len(bad)} of {len(results)} models are sound.")
    if bad:
        raise typer.Exit(1)


def _json(card: ModelCard) -> str:
    return card.model_dump_json(indent=2, by_alias=True)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


def _line(card: ModelCard) -> str:
    return f"{card.name} {card.version}: {card.task} ({_size(card.bytes)}, {card.licence})"


def _summary(card: ModelCard) -> str:
    lines = [_line(card)]
    lines += [f"    {s.metric} {s.value:g} on {s.data} (n = {s.support}, {s.protocol})" for s in card.scores]
    return "\n".join(lines)


def _whole(card: ModelCard) -> str:
    lines = [_summary(card)]
    if card.authors:
        lines.append(f"  authors: {', '.join(card.authors)}")
    lines += [f"  input  {i.name}: {i.spec}: {i.recipe}" for i in card.inputs]
    for o in card.outputs:
        lines.append(f"  output {o.name}: {o.spec}: {o.unit}" + (f", schema {o.schema_name}" if o.schema_name else ""))
    lines.append(f"  precision: {card.precision}")
    lines.append(f"  trained by: {card.training.command}")
    if card.training.commit:
        lines.append(f"  commit: {card.training.commit}")
    lines += [f"  data: {d.name} ({d.licence}): {d.use}" for d in card.training.data]
    lines += [f"  limit: {limit}" for limit in card.limits]
    lines.append(f"  sha256: {card.sha256}")
    return "\n".join(lines)
