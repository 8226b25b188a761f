"""`mien export`: a finished take in the formats of other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.saying import printed, say
from mien.core.text import storable
from mien.pipeline.registry import EXPORTERS

_NAMES = ", ".join(EXPORTERS)


def export(
    take: Annotated[
        Path | None, typer.Argument(metavar="TAKE", help="take.parquet, or the folder of a capture.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="NAME[,NAME]", help=f"Formats: {_NAMES}.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File, or a folder for several; otherwise beside the take.")
    ] = None,
    face: Annotated[int | None, typer.Option(help="Only the face with this track id.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME.OPTION=VALUE", help="An option, e.g. unity.path=Head.")
    ] = None,
    avatar: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For glb: your own .glb, .gltf or .vrm plays the take.")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(metavar="TOML", help="With --avatar: its profile; see mien avatar check --profile.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are not Mien's own.")] = False,
    edited: Annotated[bool, typer.Option("--edited", help="With the edits made in the studio.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Say what every format is, and its options.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Write TAKE in the formats of other programs: Unreal, Unity, Blender, VRM, USD and more."""
    from mien.errors import RequestError

    if list_:
        _tell_formats()
        return
    if take is None or to is None:
        raise RequestError(f"say which take and which format: mien export TAKE --to NAME; names: {_NAMES}")
    from mien.recorder.export_take import ExportRequest, export_take

    outputs = tuple(dict.fromkeys(n.strip() for n in to.split(",") if n.strip()))
    overrides = [*(set_ or ())]
    for option, path in (("avatar", avatar), ("profile", profile)):
        if path is not None:
            if "glb" not in outputs:
                raise RequestError(f"--{option} is for --to glb: other formats have their options, see --list")
            overrides.append(f"glb.{option}={json.dumps(str(path))}")
    if not outputs:
        raise RequestError(f"--to names no format; names: {_NAMES}")
    made = export_take(ExportRequest(take, outputs, out, tuple(overrides), face, overwrite, edited))
    told = printed(json.dumps({"outputs": [storable(str(p)) for p in made]}, indent=2)) if json_output else True
    for path in made:
        say(f"  {path}")
    if not told:
        raise typer.Exit(1)


def _tell_formats() -> None:
    from mien.errors import MissingExtraError
    from mien.pipeline.registry import load

    for name, entry in EXPORTERS.items():
        typer.echo(f"{name:10} {entry.file_name:18} {entry.what}")
        try:
            model = getattr(load(entry.target), "Options", None)
        except MissingExtraError as error:
            typer.echo(f"{'':10} ({error})")
            continue
        for option, field in (model.model_fields if model else {}).items():
            typer.echo(f"{'':12}{name}.{option} = {field.default!r}: {field.description}")
