"""`mien capture` and `mien demo`: parse, call `mien.recorder`, say what came of it."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.saying import printed, say, say_loading
from mien.core.text import counted, storable

if TYPE_CHECKING:
    from types import FrameType

    from mien.pipeline.stage import Span
    from mien.recorder import Outcome, Request


def _folder(text: str | Path) -> Path:
    if not str(text).strip():
        raise typer.BadParameter("is empty; name a folder ('.' is the one you are in)")
    return Path(text)


_Out = Annotated[Path, typer.Option(parser=_folder, metavar="FOLDER", help="Folder for the outputs.")]
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
    out: _Out,
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
    profile: Annotated[Path | None, typer.Option(help="Calibration of the person, from mien calibrate.")] = None,
    json_output: _Json = False,
) -> None:
    """Measure every face of INPUT and write the take, tables, overlay video, animated character and report."""
    from mien.recorder import Request

    span = parse_span(start, end)
    changes = (*(set_ or ()), *((f"action_units.profile={json.dumps(str(profile))}",) if profile else ()))
    _perform(Request(source, out, preset, changes, faces, span, not no_pixels, resume, overwrite), json_output)


def demo(
    out: _Out = Path("out/demo"),
    preset: _Preset = "balanced",
    set_: _Set = None,
    json_output: _Json = False,
) -> None:
    """Capture the built-in clip: needs no camera and no file. Replaces an earlier demo in the folder."""
    from mien.recorder import Request

    _perform(Request("demo", out, preset, tuple(set_ or ()), replace_demo=True), json_output)


def parse_span(start: str | None, end: str | None) -> Span:
    """The part of a source that --start and --end name.

    Raises:
        RequestError: no time, or the end lies before the start.
    """
    from mien.pipeline.stage import Span

    span = Span(_time_ns("--start", start) or 0, _time_ns("--end", end))
    if span.end_ns is not None and span.end_ns < span.start_ns:
        from mien.errors import RequestError

        raise RequestError(f"--end {end} lies before --start {start}")
    return span


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
    say_loading()
    from mien.cli.progress import CaptureProgress
    from mien.output_folder import has_take
    from mien.recorder import capture_to_folder
    from mien.recorder.request import PathNames

    stop = threading.Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        if stop.is_set():  # asked twice: do not wait for the current frame
            raise KeyboardInterrupt
        stop.set()

    previous = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with CaptureProgress() as progress:
            outcome = capture_to_folder(request, stop=stop, watcher=progress)
    except KeyboardInterrupt:
        if has_take(request.folder):
            say(f"Stopped at once; finished parts of the take are kept. {_way_on(request)}")
        raise
    finally:
        for s, handler in previous.items():
            signal.signal(s, handler)
    result_told = printed(json.dumps(_figures(outcome), indent=2)) if json_output else True
    names = PathNames(request)
    _tell(request, outcome, {names.shortened(line) for line in progress.told})
    if outcome.error is not None:
        raise outcome.error
    if outcome.summary.state == "interrupted" or outcome.missing:
        raise typer.Exit(130)
    if not result_told:
        raise typer.Exit(1)


def _way_on(request: Request) -> str:
    if request.replace_demo:
        return "Run the demo again to have all of it."
    return f"Go on with the same command and --resume (--out {request.folder} --resume)."


def _figures(outcome: Outcome) -> dict[str, Any]:
    summary = outcome.summary
    return {
        "state": summary.state,
        "frames": summary.frames,
        "frames_resumed": outcome.resumed_frames,
        "frames_with_face": outcome.frames_with_face,
        "face_found_ratio": outcome.frames_with_face / summary.frames if summary.frames else None,
        "tracks": {str(k): v for k, v in sorted(outcome.track_frames.items())},
        "seconds": round(outcome.seconds, 3),
        "stages": outcome.stage_times,
        "warnings": [storable(w) for w in (*summary.warnings, *outcome.warnings)],
        "notes": list(outcome.notes),
        "problem": None if summary.problem is None else storable(summary.problem),
        "outputs": [storable(str(p)) for p in outcome.outputs],
        "missing": list(outcome.missing),
    }


def _tell(request: Request, outcome: Outcome, told: Container[str]) -> None:
    """What a person wants to know, on standard error; `told` is known already, as the take stores it."""
    summary = outcome.summary
    for line in (*summary.warnings, *outcome.warnings):
        if line not in told:
            say(f"warning: {line}")
    for line in outcome.notes:
        say(f"note: {line}")
    if summary.frames or summary.state != "interrupted":
        say(_in_words(outcome))
    for path in outcome.outputs:
        say(f"  {path}")
    if outcome.missing:
        say(f"Not written: {', '.join(outcome.missing)}.")
    if summary.state == "interrupted" and not summary.frames:
        say("Interrupted before the first frame: nothing was written.")
    elif summary.state == "interrupted":
        say(f"Interrupted; what was captured is kept. {_way_on(request)}")
    elif outcome.missing or (outcome.error is not None and summary.frames):
        say(f"What was captured is kept. {_way_on(request)}")


def _in_words(outcome: Outcome) -> str:
    """ "1,200 frames (200 of them new), a face in 98.5 % (id 0: 1,182), 12.3 s." """
    frames, found = outcome.summary.frames, outcome.frames_with_face
    out = f"{counted(frames, 'frame')} in the take"
    if outcome.resumed_frames:
        out += f" ({frames - outcome.resumed_frames:,} of them new)"
    if found:
        ids = ", ".join(f"id {k}: {v:,}" for k, v in sorted(outcome.track_frames.items())[:8])
        out += f", a face in {100 * found / frames:.1f} %" + (f" ({ids})" if ids else "")
    return f"{out}, {outcome.seconds:.1f} s."
