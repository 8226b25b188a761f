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
    sheet: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw FILE doing each of the 52 shapes into this picture.")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(metavar="TOML", help="Write the proposed mapping as a profile for export and live.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Say which of the 52 ARKit shapes FILE has, under which names, and what can stand in for the others."""
    from mien.avatar.check import check_rig
    from mien.avatar.gltf_arrays import GltfArrays

    for path in (sheet, profile):
        _free(path, file, overwrite)
    report = check_rig(file)
    if profile is not None:
        from mien.avatar.propose import profile_text

        _written(profile, profile_text(report).encode("utf-8"))
    if sheet is not None:
        _written(sheet, _drawn(report, file, sheet))
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
    else:
        for line in _lines(report):
            typer.echo(storable(line))
    if sheet is None:  # names stand in the header; whether everything behind it is there, they do not say
        GltfArrays(file)


def _free(path: Path | None, source: Path, overwrite: bool) -> None:
    from mien.errors import RequestError

    if path is None:
        return
    if path.exists() and (path.resolve() == source.resolve() or not overwrite or path.is_dir()):
        raise RequestError(f"{path} is there already: name another file, or say --overwrite")


def _drawn(report: RigReport, file: Path, sheet: Path) -> bytes:
    """The sheet as a PNG."""
    import io

    from PIL import Image

    from mien.avatar.propose import shape_table
    from mien.avatar.rig_character import rig_character
    from mien.avatar.sheet import shape_sheet
    from mien.errors import RequestError

    if sheet.suffix.lower() != ".png":
        raise RequestError(f"--sheet {sheet}: the picture is a .png")
    notes = {m.shape: m.kind if m.kind in ("missing", "same") else f"{m.kind}: {_parts(m)}" for m in report.matches}
    buffer = io.BytesIO()
    picture = shape_sheet(rig_character(file, shape_table(report)), {k: v for k, v in notes.items() if v != "same"})
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def _written(path: Path, content: bytes) -> None:
    from mien.cli.saying import say
    from mien.errors import SinkError

    part = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SinkError(f"{path} cannot be written: {error.strerror or error}; choose another folder") from error
    say(f"  {storable(str(path))}")


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
