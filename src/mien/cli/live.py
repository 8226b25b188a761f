"""`mien live` and `mien receive`: parse, call `mien.recorder`, say how it goes."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mien.cli.saying import printed, say, say_loading
from mien.core.text import counted, storable

if TYPE_CHECKING:
    from types import FrameType

    from mien.core.record import FrameRecord
    from mien.pipeline.stage import SourceInfo
    from mien.sinks.live.outlet import Outlets

_EVERY_S = 10.0
_ADDRESS = "PROTOCOL://[HOST][:PORT][?OPTION=VALUE]; vmc, livelink, ifacialmocap, osf, vts, ws."
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object with the figures on standard output.")]
_Seconds = Annotated[float | None, typer.Option(min=0.1, help="End after this time.")]


class _LiveNews:
    """Frames per second and latencies every ten seconds; what is wrong with a receiver as soon as it changes."""

    def __init__(self) -> None:
        self._told = time.monotonic()
        self._frames = 0
        self._problems: dict[str, str | None] = {}
        self.told: set[str] = set()

    def started(self, info: SourceInfo, receivers: Sequence[str]) -> None:
        say(f"{storable(info.name)} → {', '.join(receivers)}; Ctrl-C ends it")

    def noted(self, lines: Sequence[str]) -> None:
        for line in lines:
            say(f"warning: {storable(line)}")
        self.told.update(lines)

    def frame(self, record: FrameRecord, outlets: Outlets) -> None:
        self._frames += 1
        now = time.monotonic()
        if now - self._told < (1.0 if not self._problems else _EVERY_S):
            return
        for outlet in outlets.outlets:
            if outlet.problem != self._problems.get(outlet.name, ""):
                self._problems[outlet.name] = outlet.problem
                say(f"  {outlet.name}: {outlet.problem or 'will be sent every frame'}")
        say(f"  {self._frames / (now - self._told):.0f} frames/s; " + "; ".join(map(_latency, _figures(outlets))))
        self._told, self._frames = now, 0


def _figures(outlets: Outlets) -> list[dict[str, Any]]:
    return [o.figures() for o in outlets.outlets]


def _latency(figures: dict[str, Any]) -> str:
    p50, p95 = figures["latency_ms"]["p50"], figures["latency_ms"]["p95"]
    shown = "nothing sent" if p50 is None else f"{p50:.1f} / {p95:.1f} ms"
    return f"{figures['to']} {shown}"


def live(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="camera:0, a stream, a video, a take, or demo.")],
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="ADDRESS", help=f"May be said again: {_ADDRESS}"),
    ] = None,
    preset: Annotated[str, typer.Option(help="Shipped preset, or a TOML file.")] = "balanced",
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change an option.")] = None,
    faces: Annotated[int | None, typer.Option(min=1, max=64, help="Measure at most this many; one is sent.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Send what was measured, not smoothed.")] = False,
    lost: Annotated[str, typer.Option(help="A lost face: hold, fade, or nan (nothing known).")] = "hold",
    seconds: _Seconds = None,
    json_output: _Json = False,
    studio: Annotated[bool, typer.Option("--studio", help="Show it in the browser instead of here.")] = False,
) -> None:
    """Send the face in SOURCE to other programs, several at once, until Ctrl-C."""
    if not studio:
        say_loading()
    from mien.errors import RequestError, SinkError
    from mien.recorder.live import LiveRequest
    from mien.recorder.live import live as run

    ways: dict[str, Literal["hold", "fade", "nan"]] = {"hold": "hold", "fade": "fade", "nan": "nan"}
    if lost not in ways:
        raise RequestError(f"--lost {lost}: expected hold, fade or nan")
    chosen = ways[lost]
    if studio:
        from mien.cli.studio import PORT, open_studio

        if set_ or seconds is not None or json_output or lost != "hold" or faces is not None:
            raise RequestError("--studio goes with --to, --preset and --raw only: choose everything else in the page")
        open_studio(Path(), None, "127.0.0.1", PORT, (source, preset, tuple(to or ()), not raw), browser=True)
        return
    request = LiveRequest(source, tuple(to or ()), preset, tuple(set_ or ()), faces, not raw, chosen, seconds)
    news = _LiveNews()
    with _stopping() as stop:
        outcome = run(request, stop=stop, watcher=news)
    table = {k: v for k, v in asdict(outcome).items() if k != "error"}
    told = printed(json.dumps(table, indent=2)) if json_output else True
    for warning in outcome.warnings:
        if warning not in news.told:
            say(f"warning: {storable(warning)}")
    found = f", the face in {outcome.frames_with_face:,}" if outcome.frames else ""
    say(f"{counted(outcome.frames, 'frame')}{found}, {outcome.seconds:.1f} s. Capture → packet, p50 / p95:")
    for figures in outcome.receivers:
        lost_ones = f", {figures['replaced']} overtaken, {figures['unsent']} not sent"
        say(f"  {_latency(figures)}; {figures['sent']} sent{lost_ones}" + _because(figures["problem"]))
    if outcome.error is not None:
        raise outcome.error
    if outcome.frames and not any(figures["sent"] for figures in outcome.receivers):
        raise SinkError("no receiver got a single frame: start the program that is to listen, and check the addresses")
    if not told:
        raise typer.Exit(1)


def _because(problem: str | None) -> str:
    return f" ({problem})" if problem else ""


class _ReceiveNews:
    def __init__(self, connects_to: str | None) -> None:
        self._told = time.monotonic()
        self._frames = 0
        self._did = "Listening to"
        if connects_to is not None:
            say(f"Connecting to {connects_to} ...")
            self._did = "Connected to"

    def started(self, name: str) -> None:
        say(f"{self._did} {name}; Ctrl-C ends it")

    def frame(self, record: FrameRecord) -> None:
        self._frames += 1
        now = time.monotonic()
        if now - self._told >= _EVERY_S:
            say(f"  {self._frames / (now - self._told):.0f} frames/s")
            self._told, self._frames = now, 0


def receive(
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help=f"Where to listen, or (ws://) the server to connect to: {_ADDRESS}"),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the take.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a take in the folder.")] = False,
    seconds: _Seconds = None,
    json_output: _Json = False,
) -> None:
    """Make a take of what another program or a phone sends, until Ctrl-C."""
    from mien.recorder.receive import ReceiveRequest
    from mien.recorder.receive import receive as run
    from mien.sinks.protocols.table import parse_target

    target = parse_target(address)
    news = _ReceiveNews(target.name if target.wire.carrier == "websocket" else None)
    with _stopping() as stop:
        outcome = run(ReceiveRequest(address, out, overwrite, seconds), stop=stop, watcher=news)
    dropped = sum(outcome.dropped.values())
    table = {
        "frames": outcome.summary.frames,
        "packets": outcome.packets,
        "dropped": outcome.dropped,
        "output": None if outcome.path is None else storable(str(outcome.path)),
    }
    told = printed(json.dumps(table, indent=2)) if json_output else True
    if dropped:
        reasons = ", ".join(f"{reason}: {n}" for reason, n in sorted(outcome.dropped.items()))
        say(f"warning: {counted(dropped, 'packet')} dropped ({reasons})")
    if outcome.path is not None:
        frames = counted(outcome.summary.frames, "frame")
        say(f"{frames} in {storable(str(outcome.path))}; mien export makes files of it")
    if outcome.error is not None:
        raise outcome.error
    if not told:
        raise typer.Exit(1)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets; a second Ctrl-C ends at once."""
    stop = threading.Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    previous = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for s, handler in previous.items():
            signal.signal(s, handler)
