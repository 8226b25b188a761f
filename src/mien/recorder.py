"""A capture from end to end: source → pipeline → sinks → exporters, into one folder.

What was captured is never lost: an error or an interruption still closes every sink, and the exporters
run on whatever the take holds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mien.core.record import FrameRecord
from mien.errors import ConfigError, MienError, RequestError, SinkError, SourceError
from mien.output_folder import check_folder, file_name, has_take, remove_take
from mien.pipeline.compose import Pipeline, check_options, compose, options_for
from mien.pipeline.config import load_config
from mien.pipeline.registry import EXPORTERS, SINKS, load
from mien.pipeline.runner import SinkThread, run
from mien.pipeline.stage import Sink, Source, SourceInfo, Span, TakeHeader, TakeSummary
from mien.pipeline.timing import StageTimes

if TYPE_CHECKING:
    from mien.take.resume import ResumePoint

WARNINGS = "mien.sinks.report:warnings_of"


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
        measured: records that went through the pipeline now (a failing disk may have kept fewer).
        frames_with_face: those of them with at least one face.
        track_frames: track id → frames.
        stage_times: see `StageTimes.table`.
        seconds: wall time.
        resumed_frames: records that were there before.
        notes: warnings about the take as a whole (frame rate, yaw, blur, lost frames).
        error: what ended it, or None.
    """

    summary: TakeSummary
    outputs: list[Path] = field(default_factory=list)
    measured: int = 0
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
    if request.resume and request.overwrite:
        raise RequestError("--resume and --overwrite exclude each other")
    config = resolve(request)
    check_options(config)
    folder, outputs = request.folder, config["outputs"]
    check_folder(folder, request.source, outputs, resume=request.resume, overwrite=request.overwrite)
    point = _resume_point(request)
    span = request.span if point is None else replace(request.span, first_index=point.last_index + 1)
    source = open_source(request.source, span=span, options=config.get("source"))
    try:
        with compose(config, source.info) as pipeline:
            header = _header(request, source.info, config, pipeline)
            if point is not None:
                _go_on(point, header, pipeline)
            sinks = _sinks(config, request, pipeline, source.info)
            if not request.resume and (request.overwrite or has_take(folder)):
                remove_take(folder, outputs)
            thread = SinkThread(sinks, header)
            before = point.frames if point else 0
            outcome = _run(_Work(request, source, pipeline, thread, before), stop or threading.Event(), watcher)
    finally:
        source.close()
    _export(config, request, outcome, watcher)
    outcome.seconds = time.monotonic() - began
    return outcome


def _resume_point(request: Request) -> ResumePoint | None:
    if not request.resume:
        return None
    from mien.take.resume import resume_point

    return resume_point(request.folder)


def _go_on(point: ResumePoint, header: TakeHeader, pipeline: Pipeline) -> None:
    """Check that this is the same capture, and let the stages remember what they saw.

    Raises:
        ConfigError: another source, configuration or pixel mode.
        RequestError: the clock started anew since.
    """
    from mien.take.resume import check_same

    if point.header is not None:
        check_same(point.header, header)
    if header.source.clock == "monotonic" and (point.last_t_ns or 0) > time.monotonic_ns():
        raise RequestError("the machine's clock started anew since the take was interrupted: begin a new one")
    for _, stage in pipeline.stages:
        if callable(reserve := getattr(stage, "reserve_ids", None)):
            reserve(point.ids_used)
    for record in point.tail:
        pipeline.feedback(record)


@dataclass(frozen=True, slots=True)
class _Work:
    request: Request
    source: Source
    pipeline: Pipeline
    sinks: SinkThread
    before: int


def _run(work: _Work, stop: threading.Event, watcher: Watcher | None) -> Outcome:
    """Move every record from the source to the sinks; whatever happens, the sinks are closed."""
    outcome = Outcome(TakeSummary("failed", work.before), resumed_frames=work.before)
    error: MienError | None = None
    written = work.before
    times = StageTimes()
    info = work.source.info
    try:
        if watcher:
            watcher.started(replace(info, frame_count=_expected(work.request.span, info)), work.before)
        for record in run(work.source, work.pipeline, stop=stop):
            work.sinks.write(record)
            written += 1
            times.add(record.trace)
            _count(record, outcome)
            if watcher:
                watcher.frame(record)
        if written == 0 and not stop.is_set():
            error = SourceError(f"{info.name}: there is no frame in the part asked for (see --start and --end)")
    except MienError as failure:
        error = failure
    except KeyboardInterrupt:
        stop.set()
    except BaseException as failure:
        with suppress(MienError):
            work.sinks.close(TakeSummary("failed", written, (), f"{type(failure).__name__}: {failure}"))
        raise
    # A camera has no end of its own: being told to stop is how such a capture completes.
    state: Literal["complete", "interrupted", "failed"] = "complete"
    if error or stop.is_set():
        state = "failed" if error else "complete" if info.live else "interrupted"
    names = _PathNames(work.request)
    warnings = tuple(names.shortened(w) for w in (*work.pipeline.notes, *work.source.warnings))
    summary = TakeSummary(state, written, warnings, names.shortened(str(error)) if error else None)
    try:
        work.sinks.close(summary)
    except MienError as failure:
        error = error or failure
        summary = TakeSummary("failed", written, warnings, names.shortened(str(error)))
    outcome.summary, outcome.error, outcome.stage_times = summary, error, times.table()
    return outcome


def _count(record: FrameRecord, outcome: Outcome) -> None:
    outcome.measured += 1
    outcome.frames_with_face += bool(record.faces)
    for face in record.faces:
        if face.track_id is not None:
            outcome.track_frames[face.track_id] = outcome.track_frames.get(face.track_id, 0) + 1


def _expected(span: Span, info: SourceInfo) -> int | None:
    """About how many frames the span will give: for progress only."""
    if info.frame_count is None or info.duration_ns is None:
        return info.frame_count
    end_ns = info.duration_ns if span.end_ns is None else min(span.end_ns, info.duration_ns)
    share = max(0, end_ns - span.start_ns) / max(info.duration_ns, 1)
    return max(1, round(info.frame_count * min(1.0, share)))


class _PathNames:
    """Takes folders out of messages before they are stored: a take is given away, its maker's paths are not."""

    def __init__(self, request: Request) -> None:
        folders = [request.folder, request.folder.resolve()]
        if "://" not in request.source:
            folders += [Path(request.source).parent, Path(request.source).resolve().parent]
        self._folders = sorted({f"{f}/" for f in folders if str(f) not in (".", "/")}, key=len, reverse=True)

    def shortened(self, text: str) -> str:
        """The text with file names in place of paths."""
        for folder in self._folders:
            text = text.replace(folder, "").replace(folder.removesuffix("/"), Path(folder).name)
        return text


def _export(config: Mapping[str, Any], request: Request, outcome: Outcome, watcher: Watcher | None) -> None:
    """Make the outputs that come from the finished take; a failing one does not stop the others."""
    from mien.take.reader import load_take

    folder = request.folder
    try:
        take = load_take(folder)
        outcome.summary = replace(outcome.summary, frames=len(take))
        outcome.outputs.append(take.path)
        outcome.notes = load(WARNINGS)(take)
    except MienError as error:
        outcome.error = outcome.error or error
        return
    for name in config["outputs"]:
        path = folder / file_name(name)
        if name in SINKS:
            outcome.outputs.extend([path] if path.exists() and path not in outcome.outputs else [])
            continue
        if watcher:
            watcher.exporting(name)
        try:
            export = load(EXPORTERS[name].target)
            options = options_for(export, config.get(name, {}), name)
            outcome.outputs.extend(export(take, path, **({} if options is None else {"options": options})))
        except MienError as error:
            outcome.error = outcome.error or error
        except Exception as error:  # noqa: BLE001  the other outputs must still be made
            failure = SinkError(f'output "{name}" in {folder} cannot be made: {type(error).__name__}: {error}')
            failure.__cause__ = error
            outcome.error = outcome.error or failure


def _sinks(config: Mapping[str, Any], request: Request, pipeline: Pipeline, info: SourceInfo) -> list[Sink]:
    sinks: list[Sink] = []
    for name in config["outputs"]:
        if name not in SINKS:
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
