"""`mien spot`: parse, call `mien.recorder.spot`, say what came of it."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.saying import printed, say, say_loading
from mien.micro.threshold import THRESHOLD

if TYPE_CHECKING:
    from types import FrameType


def spot(
    source: Annotated[str, typer.Argument(metavar="CLIP|TAKE", help="Video, folder of images, take, URL or demo.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="For table, strips, report; of a take: beside it.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(help="Probability from which a movement counts; higher = fewer false alarms.")
    ] = THRESHOLD,
    faces: Annotated[int | None, typer.Option(min=1, max=64, help="At most this many faces.")] = None,
    preset: Annotated[str, typer.Option(help="Its detector and landmark stages are used.")] = "balanced",
    start: Annotated[str | None, typer.Option(help="From here: seconds or [h:]m:s.")] = None,
    end: Annotated[str | None, typer.Option(help="Up to here: seconds or [h:]m:s.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Look also below 25 frames per second.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files of an earlier spotting.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Find micro- and macro-expressions: onset, apex, offset, action units by side, a reading, confidence.

    Frame rates below 50 are degraded, below 25 refused. Blinks, head movement, speech and flicker are rejected as far
    as they can be told apart; the model card says how many false alarms per minute are left.
    """
    say_loading()
    from mien.cli.capture import parse_span
    from mien.cli.progress import CaptureProgress
    from mien.recorder.spot import SpotRequest
    from mien.recorder.spot import spot as look
    from mien.recorder.spot_files import facts_of, folder_of, write_files

    request = SpotRequest(source, out, preset, faces, parse_span(start, end), threshold, force, overwrite)
    folder = folder_of(request)
    stop = threading.Event()
    before = signal.signal(signal.SIGINT, lambda number, frame: _stop(stop, frame))
    try:
        with CaptureProgress() as progress:
            outcome = look(request, stop, progress)
    finally:
        signal.signal(signal.SIGINT, before)
    outputs = [] if folder is None else write_files(request, outcome, folder)
    for warning in outcome.warnings:
        say(f"mien: warning: {warning}")
    from mien.sinks.spotted.table import as_row

    facts: dict[str, Any] = facts_of(outcome, threshold)
    if json_output:
        events = [as_row(s) for s in outcome.found]
        ok = printed(json.dumps({"events": events, **facts, "outputs": [str(p) for p in outputs]}, indent=2))
    else:
        ok = printed("\n".join([*_lines(outcome.found), *(str(p) for p in outputs if p.suffix != ".png")]))
    if not ok or stop.is_set():
        raise typer.Exit(130 if stop.is_set() else 1)


def _stop(stop: threading.Event, frame: FrameType | None) -> None:
    if stop.is_set():
        raise KeyboardInterrupt
    stop.set()


def _lines(found: list[Any]) -> list[str]:
    from mien.core.timebase import timecode

    if not found:
        return ["nothing found above the threshold"]
    out = []
    for s in found:
        e = s.event
        times = " ".join(timecode(t) for t in (e.onset_ns, e.apex_ns, e.offset_ns))
        units = "+".join(e.action_units[:6])
        out.append(f"{e.kind:5s} {times}  face {e.track_id}  {units}  {e.emotion or '–'}  {e.confidence:.2f}")
    return out
