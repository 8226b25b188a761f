"""`mien avatar`: what a character can do with a performance."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.core.text import storable

if TYPE_CHECKING:
    from mien.avatar.check import Match, RigReport

avatar = typer.Typer(help="Characters: what they can do.", no_args_is_help=True)


@avatar.callback()
def _root() -> None:
    pass


@avatar.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A character: .glb, .gltf or .vrm.")],
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Say which of the 52 ARKit shapes FILE has, under which names, and what can stand in for the others."""
    from mien.avatar.check import check_rig

    report = check_rig(file)
    if json_output:
        table = {
            "kind": report.kind,
            "present": report.count("same", "spelling", "alias", "halves"),
            "dead": [m.shape for m in report.matches if m.dead],
            "missing": [m.shape for m in report.matches if m.kind == "missing"],
            "perfect_sync": report.perfect_sync,
            "expressions": [storable(e) for e in report.expressions],
            "shapes": {m.shape: {k: v for k, v in asdict(m).items() if k != "shape"} for m in report.matches},
            "unused": [storable(n) for n in report.unused],
        }
        typer.echo(json.dumps(table, indent=2))
        return
    for line in _lines(report):
        typer.echo(storable(line))


def _lines(report: RigReport) -> list[str]:
    present = report.count("same", "spelling", "alias", "halves")
    out = [f"{report.path.name}: {report.kind}, {present} of 52 shapes"]
    titles = {
        "spelling": "under another spelling",
        "alias": "probably the same under another name (look at them)",
        "halves": "as two halves",
        "instead": "not there; others can stand in, weaker",
    }
    for kind, title in titles.items():
        found = [m for m in report.matches if m.kind == kind]
        if found:
            out += [f"{len(found)} {title}:", *(f"  {m.shape} ← {_parts(m)}" for m in found)]
    dead = [m.shape for m in report.matches if m.dead]
    if dead:
        out.append(f"{len(dead)} there, but nothing moves: {', '.join(dead)}")
    missing = [m.shape for m in report.matches if m.kind == "missing"]
    if missing:
        out.append(f"{len(missing)} missing: {', '.join(missing)}")
    if report.kind != "glTF":
        out.append(f"{len(report.expressions)} VRM expressions, {report.perfect_sync} of the 52 for perfect sync")
    if report.unused:
        shown = ", ".join(report.unused[:20]) + (", ..." if len(report.unused) > 20 else "")
        out.append(f"{len(report.unused)} other morph targets: {shown}")
    return out


def _parts(match: Match) -> str:
    return " + ".join(n if g == 1.0 else f"{g:g} {n}" for n, g in match.parts.items())
