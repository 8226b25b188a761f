"""`mien lab compare-arkit`: a take or a video beside what an iPhone recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.saying import printed
from mien.pipeline.registry import load


def compare_arkit(
    livelink: Annotated[Path, typer.Argument(metavar="LIVELINK.csv", help="Recorded by the Live Link Face app.")],
    source: Annotated[Path, typer.Argument(metavar="TAKE_OR_VIDEO", help="take.parquet, its folder, or a video.")],
    preset: Annotated[str, typer.Option(help="For a video: how it is captured.")] = "balanced",
    align: Annotated[str, typer.Option(help="auto (timecode where there is one), timecode or correlation.")] = "auto",
    start_timecode: Annotated[
        str | None, typer.Option(help="Timecode of the take's first instant, HH:MM:SS:FF.sss (60 per second).")
    ] = None,
    face: Annotated[int | None, typer.Option(help="Track id; default: the face seen most.")] = None,
    swap_mouth_sides: Annotated[
        bool, typer.Option("--swap-mouth-sides", help="The CSV has MouthLeft and MouthRight exchanged.")
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Correlation, error and lag of every ARKit shape, and which shapes are dead, against an iPhone's recording."""
    module = "mien.lab.evaluate.arkit:"
    request = load(module + "Request")(livelink, source, preset, align, start_timecode, face, swap_mouth_sides)
    found = load(module + "compare")(request)
    text = json.dumps(found.as_json(), indent=2, ensure_ascii=False) if json_output else found.as_text()
    if not printed(text):
        raise typer.Exit(1)
