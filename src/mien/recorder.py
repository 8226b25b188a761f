"""A capture from end to end: source → pipeline → sinks → exporters, into one folder.

What was captured is never lost: an error or an interruption still closes every sink, and the exporters
run on whatever the take holds.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from mien.core.record import FrameRecord
from mien.errors import ConfigError, MienError, RequestError, SinkError
from mien.pipeline.compose import Pipeline, compose, options_for
from mien.pipeline.config import load_config
from mien.pipeline.registry import EXPORTERS, SINKS, load
from mien.pipeline.runner import SinkThread, run
from mien.pipeline.stage import Sink, Source, SourceInfo, Span, TakeHeader, TakeSummary
from mien.pipeline.timing import StageTimes

TAKE_FILE = "take.parquet"
WARNINGS = "mien.sinks.report:warnings_of"
MIN_FREE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What to capture.

    Attributes:
        source: path, URL, "camera:0", "demo" (see `mien.sources.opening.open_source`).
        folder: where the outputs go; made if missing.
        preset: shipped name or TOML file.
        overrides: "key.sub=value".
        faces: at most this many faces; None = as the preset says.
        span: part of the source.
        pixels: False = landmarks-only: no output contains a pixel of the source.
        resume: continue an unfinished take in `folder`.
        overwrite: replace a take in `folder`.
    """

    source: str
    folder: Path
    preset: str = "balanced"
    overrides: Sequence[str] = ()
    faces: int | None = None
    span: Span = field(default_factory=Span)
    pixels: bool = True
    resume: bool = False
    overwrite: bool = False


@dataclass(slots=True)
class Outcome:
    """What came of it.

    Attributes:
        summary: how it ended.
        outputs: files that exist now, in the order of the configuration.
        frames_with_face: records with at least one face.
        track_frames: track id → frames.
        stage_times: see `StageTimes.table`.
        seconds: wall time.
        resumed_frames: records that were there before.
        notes: warnings about the take as a whole (frame rate, yaw, blur, lost frames).
        error: what ended it, or None.
    """

    summary: TakeSummary
    outputs: list[Path] = field(default_factory=list)
    frames_with_face: int = 0
    track_frames: dict[int, int] = field(default_factory=dict)
    stage_times: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seconds: float = 0.0
    resumed_frames: int = 0
    notes: list[str] = field(default_factory=list)
    error: MienError | None = None


class Watcher(Protocol):
    """Is told how a capture proceeds; the command line draws its progress bar with it."""

    def started(self, info: SourceInfo, done: int) -> None:
        """The source is open; `done` frames are there already."""

    def frame(self, record: FrameRecord) -> None:
        """A record is finished."""

    def exporting(self, name: str) -> None:
        """An output is being made from the finished take."""


def resolve(request: Request) -> dict[str, Any]:
    """The resolved configuration of a request: preset, overrides, number of faces, and no pixels if so wished.

    Raises:
        ConfigError: see `load_config`.
    """
    config = load_config(request.preset, request.overrides)
    if request.faces is not None:
        detect = config.get("detect")
        if not isinstance(detect, dict):
            raise ConfigError(f'--faces: preset "{request.preset}" has no stage slot "detect" to tell')
        detect["max_faces"] = request.faces
    if not request.pixels:
        config["outputs"] = [n for n in config["outputs"] if n not in SINKS or "image" not in load(SINKS[n]).reads]
    if "parquet" not in config["outputs"]:
        config["outputs"] = ["parquet", *config["outputs"]]
    return config


def capture_to_folder(
    request: Request, *, stop: threading.Event | None = None, watcher: Watcher | None = None
) -> Outcome:
    """Run a capture. Set `stop` to end it early; everything captured so far is kept and exported.

    Returns:
        The outcome; an error after the first frame is in `Outcome.error`, not raised.

    Raises:
        MienError: nothing could be started (bad request, source or folder).
    """
    from mien.sources.opening import open_source

    began = time.monotonic()
    config = resolve(request)
    _check_folder(request)
    span, tail, before = _resume_span(request)
    source = open_source(request.source, span=span)
    try:
        pipeline = compose(config, source.info)
    except BaseException:
        source.close()
        raise
    with pipeline:
        header = _header(request, source.info, config, pipeline)
        try:
            sinks = _sinks(config, request, pipeline, source.info)
            if not request.resume and _has_take_files(request.folder):
                _remove_take(request.folder)
            thread = SinkThread(sinks, header)
        except BaseException:
            source.close()
            raise
        for record in tail:
            pipeline.feedback(record)
        outcome = _run(source, pipeline, thread, stop or threading.Event(), watcher, before)
    outcome.resumed_frames = before
    _export(config, request, outcome, watcher)
    outcome.seconds = time.monotonic() - began
    return outcome


def _run(
    source: Source, pipeline: Pipeline, sinks: SinkThread, stop: threading.Event, watcher: Watcher | None, before: int
) -> Outcome:
    times = StageTimes()
    outcome = Outcome(TakeSummary("failed", 0))
    error: MienError | None = None
    written = before
    if watcher:
        watcher.started(source.info, before)
    try:
        for record in run(source, pipeline, stop=stop):
            sinks.write(record)
            written += 1
            times.add(record.trace)
            outcome.frames_with_face += bool(record.faces)
            for face in record.faces:
                if face.track_id is not None:
                    outcome.track_frames[face.track_id] = outcome.track_frames.get(face.track_id, 0) + 1
            if watcher:
                watcher.frame(record)
    except MienError as failure:
        error = failure
    except KeyboardInterrupt:
        stop.set()
    state = "failed" if error else "interrupted" if stop.is_set() else "complete"
    summary = TakeSummary(state, written, tuple(source.warnings), str(error) if error else None)  # type: ignore[arg-type]
    try:
        sinks.close(summary)
    except MienError as failure:
        error = error or failure
        summary = TakeSummary("failed", written, summary.warnings, str(error))
    outcome.summary, outcome.error, outcome.stage_times = summary, error, times.table()
    return outcome


def _export(config: Mapping[str, Any], request: Request, outcome: Outcome, watcher: Watcher | None) -> None:
    """Make the outputs that come from the finished take; a failing one does not stop the others."""
    from mien.take.reader import load_take

    folder = request.folder
    try:
        take = load_take(folder)
    except MienError as error:
        outcome.error = outcome.error or error
        return
    outcome.outputs.append(take.path)
    outcome.notes = load(WARNINGS)(take)
    for name in config["outputs"]:
        if name in SINKS:
            outcome.outputs.extend(p for p in folder.glob(f"{name}.*") if p.is_file())
            continue
        if watcher:
            watcher.exporting(name)
        entry = EXPORTERS[name]
        try:
            export = load(entry.target)
            options = options_for(export, config.get(name, {}), name)
            extra = {} if options is None else {"options": options}
            outcome.outputs.extend(export(take, folder / entry.file_name, **extra))
        except MienError as error:
            outcome.error = outcome.error or error
        except OSError as error:
            outcome.error = outcome.error or SinkError(f'output "{name}" in {folder} cannot be written: {error}')


def _sinks(config: Mapping[str, Any], request: Request, pipeline: Pipeline, info: SourceInfo) -> list[Sink]:
    sinks: list[Sink] = []
    for name in config["outputs"]:
        if name not in SINKS:
            # An exporter's options are checked now, not after an hour of capture.
            options_for(load(EXPORTERS[name].target), config.get(name, {}), name)
            continue
        part = load(SINKS[name])
        missing = part.reads - pipeline.fields
        if missing == {"image"} and info.kind == "replay":
            continue
        if missing:
            raise ConfigError(
                f'output "{name}" needs {", ".join(sorted(missing))}, which no stage of this preset writes'
            )
        sinks.append(part(options_for(part, config.get(name, {}), name), folder=request.folder, resume=request.resume))
    return sinks


def _header(request: Request, info: SourceInfo, config: Mapping[str, Any], pipeline: Pipeline) -> TakeHeader:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return TakeHeader(info, config, version("mien"), now, pipeline.models, request.pixels)


def _check_folder(request: Request) -> None:
    """Fail before the first frame, not after the last: folder writable, some space, no take in the way."""
    folder = request.folder
    if request.resume and request.overwrite:
        raise RequestError("--resume and --overwrite exclude each other")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".mien-write-test.tmp"
        probe.write_bytes(b"x")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise SinkError(f"output folder {folder} cannot be written: {error.strerror or error}") from None
    if free < MIN_FREE_BYTES:
        raise SinkError(
            f"output folder {folder}: only {free // 2**20} MB free; free some space or choose another --out"
        )
    there = _holds_records(folder)
    if there and not request.resume and not request.overwrite:
        raise RequestError(f"{folder} already holds a take: use --resume to continue it, --overwrite to replace it")
    if Path(request.source).resolve() in {(folder / TAKE_FILE).resolve(), folder.resolve()}:
        raise RequestError(f"{request.source} cannot be both the input and the output; choose another --out")


def _has_take_files(folder: Path) -> bool:
    return (folder / TAKE_FILE).exists() or (folder / "take.parts").exists()


def _holds_records(folder: Path) -> bool:
    """True = a take with at least one frame, or something that cannot be read and may be worth keeping."""
    if not _has_take_files(folder):
        return False
    from mien.take.reader import load_take

    try:
        return len(load_take(folder)) > 0
    except MienError:
        return True


def _remove_take(folder: Path) -> None:
    """Remove what an earlier capture made here, and nothing else."""
    names = [TAKE_FILE, "overlay.mp4", *(entry.file_name for entry in EXPORTERS.values())]
    for name in names:
        (folder / name).unlink(missing_ok=True)
    for pattern in ("overlay.part-*", "avatar.*.glb", "livelink.*.csv", "take.parquet.tmp"):
        for path in folder.glob(pattern):
            path.unlink()
    shutil.rmtree(folder / "take.parts", ignore_errors=True)


def _resume_span(request: Request) -> tuple[Span, Sequence[FrameRecord], int]:
    if not request.resume:
        return request.span, (), 0
    from mien.take.resume import resume_point

    point = resume_point(request.folder)
    span = request.span
    return Span(span.start_ns, span.end_ns, point.last_index + 1), point.tail, point.frames
