"""`mien capture` and `mien demo`: parse, call `mien.recorder`, say what came of it."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from types import FrameType

    from mien.recorder import Outcome, Request

_Preset = Annotated[str, typer.Option(help="Shipped preset, such as balanced or numbers, or a TOML file.")]
_Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change an option, e.g. detect.max_faces=3.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object with the figures on standard output.")]


def capture(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="Video, photo, folder of images, take (.parquet), URL, camera:0, or demo."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the outputs.")],
    preset: _Preset = "balanced",
    set_: _Set = None,
    faces: Annotated[int | None, typer.Option(min=1, max=64, help="At most this many faces.")] = None,
    start: Annotated[str | None, typer.Option(help="From here: seconds or [h:]m:s.")] = None,
    end: Annotated[str | None, typer.Option(help="Up to here: seconds or [h:]m:s.")] = None,
    no_pixels: Annotated[
        bool, typer.Option("--no-pixels", help="Landmarks only: no output contains a pixel of the input.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an unfinished take in the folder.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a take in the folder.")] = False,
    json_output: _Json = False,
) -> None:
    """Measure every face of INPUT and write the take, tables, overlay video, animated character and report."""
    from mien.pipeline.stage import Span
    from mien.recorder import Request

    span = Span(_time_ns("--start", start) or 0, _time_ns("--end", end))
    if span.end_ns is not None and span.end_ns < span.start_ns:
        from mien.errors import RequestError

        raise RequestError(f"--end {end} lies before --start {start}")
    _perform(
        Request(source, out, preset, tuple(set_ or ()), faces, span, not no_pixels, resume, overwrite), json_output
    )


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the outputs.")] = Path("out/demo"),
    preset: _Preset = "balanced",
    set_: _Set = None,
    json_output: _Json = False,
) -> None:
    """Capture the built-in clip: needs no camera and no file. Replaces an earlier demo in the folder."""
    from mien.recorder import Request

    _perform(Request("demo", out, preset, tuple(set_ or ()), overwrite=True), json_output)


def _time_ns(option: str, text: str | None) -> int | None:
    """Seconds, or [h:]m:s, as ns."""
    if text is None:
        return None
    from mien.core.timebase import ns_from_seconds
    from mien.errors import RequestError

    parts = text.split(":")
    try:
        numbers = [float(p) for p in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or not all(0 <= n < 1e9 for n in numbers):
        raise RequestError(f"{option} {text}: expected seconds (12.5) or [hours:]minutes:seconds (1:02.5)")
    return ns_from_seconds(sum(n * 60**i for i, n in enumerate(reversed(numbers))))


def _perform(request: Request, json_output: bool) -> None:
    from mien.cli.progress import CaptureProgress
    from mien.recorder import capture_to_folder

    stop = threading.Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        if stop.is_set():  # asked twice: do not wait for the current frame
            raise KeyboardInterrupt
        stop.set()

    previous = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with CaptureProgress() as progress:
            outcome = capture_to_folder(request, stop=stop, watcher=progress)
    finally:
        for s, handler in previous.items():
            signal.signal(s, handler)
    if json_output:
        typer.echo(json.dumps(_figures(outcome), indent=2))
    _tell(request, outcome)
    if outcome.error is not None:
        raise outcome.error
    if outcome.summary.state == "interrupted":
        raise typer.Exit(130)


def _figures(outcome: Outcome) -> dict[str, Any]:
    summary = outcome.summary
    return {
        "state": summary.state,
        "frames": summary.frames,
        "frames_resumed": outcome.resumed_frames,
        "frames_with_face": outcome.frames_with_face,
        "face_found_ratio": outcome.frames_with_face / outcome.measured if outcome.measured else None,
        "tracks": {str(k): v for k, v in sorted(outcome.track_frames.items())},
        "seconds": round(outcome.seconds, 3),
        "stages": outcome.stage_times,
        "warnings": list(summary.warnings),
        "notes": list(outcome.notes),
        "problem": summary.problem,
        "outputs": [str(p) for p in outcome.outputs],
    }


def _tell(request: Request, outcome: Outcome) -> None:
    """What a person wants to know, on standard error."""
    summary = outcome.summary
    frames = outcome.measured
    for line in (*summary.warnings, *outcome.notes):
        typer.echo(f"warning: {line}", err=True)
    if frames and outcome.frames_with_face:
        share = 100 * outcome.frames_with_face / frames
        ids = ", ".join(f"id {k}: {v}" for k, v in sorted(outcome.track_frames.items())[:8])
        typer.echo(f"{frames} frames, a face in {share:.1f} % ({ids}), {outcome.seconds:.1f} s.", err=True)
    if summary.state == "interrupted":
        typer.echo(f"Interrupted; what was captured is kept. Continue with: --out {request.folder} --resume", err=True)
    for path in outcome.outputs:
        typer.echo(f"  {path}", err=True)
