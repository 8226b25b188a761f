"""`mien render`: a character plays a take, as a video or a still."""

from __future__ import annotations

import json
import re
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.saying import printed, say
from mien.core.text import counted, storable

if TYPE_CHECKING:
    from types import FrameType

_EVERY_S = 3.0


def render(
    take: Annotated[Path, typer.Argument(metavar="TAKE", help="take.parquet, or the folder of a capture.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Video .mp4, or with --at a picture .png.")],
    avatar: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your own .glb, .gltf or .vrm; else the built-in character."),
    ] = None,
    profile: Annotated[Path | None, typer.Option(metavar="TOML", help="Profile of your character.")] = None,
    face: Annotated[int | None, typer.Option(help="Only the face with this track id.")] = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="Of the picture, px.")] = "720x720",
    at: Annotated[float | None, typer.Option(min=0.0, help="One still at this second.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="As measured, not calmed.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Draw a character that plays TAKE; Ctrl-C keeps what is drawn."""
    from mien.cli.steps import StepProgress
    from mien.errors import RequestError
    from mien.recorder.render import RenderRequest
    from mien.recorder.render import render as run

    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", size.lower())
    if found is None:
        raise RequestError(f"--size {size}: expected WIDTHxHEIGHT, such as 1280x720")
    wh = (int(found[1]), int(found[2]))
    stop = threading.Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    request = RenderRequest(take, out, avatar, profile, face, wh, at, not raw, overwrite)
    before = signal.signal(signal.SIGINT, on_signal)
    try:
        with StepProgress(f"Drawing {storable(str(out))}", "frames", every_s=_EVERY_S) as progress:
            progress.opening("reading the take and the character")
            frames = run(request, stop, progress.reached)
    finally:
        signal.signal(signal.SIGINT, before)
    say(f"{counted(frames, 'frame')} in {storable(str(out))}")
    if json_output and not printed(json.dumps({"frames": frames, "output": storable(str(out))}, indent=2)):
        raise typer.Exit(1)
