"""Moving every record of a source through the pipeline into the sinks, in a folder that nobody else writes to."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from mien.errors import ConfigError, MienError, RequestError, SourceError
from mien.output_folder import check_folder, check_writable, has_take, holds_demo, kept_if_used, remove_take
from mien.pipeline.compose import Pipeline, check_options, compose, doubts, options_for
from mien.pipeline.registry import SINKS, load
from mien.pipeline.runner import run
from mien.pipeline.stage import Sink, Source, SourceInfo, Span, TakeHeader, TakeSummary
from mien.pipeline.timing import StageTimes
from mien.recorder.exports import export, missing_exports
from mien.recorder.late_sinks import LateSinks
from mien.recorder.request import Audience, Outcome, PathNames, Request, Watcher, resolve
from mien.take.stored_config import with_profile_sums

if TYPE_CHECKING:
    from mien.take.resume import ResumePoint


def capture_to_folder(
    request: Request, *, stop: threading.Event | None = None, watcher: Watcher | None = None
) -> Outcome:
    """Run a capture. Set `stop` to end it early; everything captured so far is kept and exported.

    Returns:
        The outcome; an error after the first frame is in `Outcome.error`, not raised.

    Raises:
        MienError: nothing could be started (bad request, source or folder, or another capture is writing there).
    """
    from mien.take.folder_lock import locked

    began = time.monotonic()
    if request.resume and request.overwrite:
        raise RequestError("--resume and --overwrite exclude each other")
    config = resolve(request)
    check_options(config)
    stop, audience = stop or threading.Event(), Audience(watcher)
    with kept_if_used(request.folder):
        check_writable(request.folder)
        with locked(request.folder):
            only = _unmade(request, config)
            outcome = _finished(request, config) if only else _captured(request, config, stop, audience)
            if outcome.summary.frames:  # else what lies there is an earlier take, if anything
                export(request.folder, config, outcome, stop, audience, only=only or None)
    outcome.seconds = time.monotonic() - began
    return outcome


def _unmade(request: Request, config: Mapping[str, Any]) -> list[str]:
    """Outputs that the finished take to be resumed still lacks; empty where there is something to capture."""
    from mien.take.resume import is_finished

    return missing_exports(request.folder, config) if request.resume and is_finished(request.folder) else []


def _finished(request: Request, config: Mapping[str, Any]) -> Outcome:
    """The outcome of a take that is complete, after a check that it is the one meant.

    Raises:
        ConfigError, RequestError: another source, configuration, span or pixel mode.
        SourceError: the source cannot be opened.
    """
    from mien.sources.opening import open_source
    from mien.take.reader import load_take
    from mien.take.resume import check_same, span_to_resume

    take = load_take(request.folder)
    span_to_resume(take.header, request.span)
    source = open_source(request.source, options=config.get("source"))
    source.close()
    check_same(take.header, TakeHeader(source.info, with_profile_sums(config), pixels=request.pixels))
    return Outcome(take.summary, resumed_frames=len(take))


def _captured(request: Request, config: Mapping[str, Any], stop: threading.Event, audience: Audience) -> Outcome:
    from mien.sources.opening import open_source

    folder, outputs = request.folder, config["outputs"]
    overwrite = request.overwrite or (request.replace_demo and holds_demo(folder, outputs))
    check_folder(folder, request.source, outputs, resume=request.resume, overwrite=overwrite)
    point = _resume_point(request)
    span = request.span if point is None else _rest_of(point, request.span)
    source = open_source(request.source, span=span, options=config.get("source"))
    try:
        with compose(config, source.info) as pipeline:
            source.warnings.extend(doubts(source, pipeline))
            header = _header(request, span, source.info, config, pipeline)
            if point is not None:
                _go_on(point, header, pipeline)
            if stop.is_set() and point is None:  # told to stop while it started: an earlier take is not given up for it
                return Outcome(TakeSummary("interrupted", 0))
            sinks = _sinks(config, request, pipeline, source.info)
            in_the_way = not request.resume and (overwrite or has_take(folder))
            late = LateSinks(sinks, header, partial(remove_take, folder, outputs) if in_the_way else None)
            before = point.frames if point else 0
            work = _Work(request, source, span, pipeline, late, before)
            return _run(work, stop, audience)
    finally:
        source.close()


def _resume_point(request: Request) -> ResumePoint | None:
    if not request.resume:
        return None
    from mien.take.resume import resume_point

    return resume_point(request.folder)


def _rest_of(point: ResumePoint, asked: Span) -> Span:
    """What is left of the span of an unfinished take.

    Raises:
        RequestError: another span is asked for.
    """
    from mien.take.resume import span_to_resume

    span = asked if point.header is None else span_to_resume(point.header, asked)
    return replace(span, first_index=point.last_index + 1)


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
    span: Span
    pipeline: Pipeline
    sinks: LateSinks
    before: int


def _run(work: _Work, stop: threading.Event, audience: Audience) -> Outcome:
    """Move every record from the source to the sinks; whatever happens, the sinks are closed."""
    outcome = Outcome(TakeSummary("failed", work.before), resumed_frames=work.before)
    error: MienError | None = None
    written = work.before
    times = StageTimes()
    info = work.source.info
    try:
        audience.started(replace(info, frame_count=_expected(work.span, info)), work.before)
        audience.noted(work.pipeline.notes)
        for record in run(work.source, work.pipeline, stop=stop):
            work.sinks.write(record)
            written += 1
            times.add(record.trace)
            outcome.measured += 1
            audience.frame(record)
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
    names = PathNames(work.request)
    warnings = tuple(names.shortened(w) for w in (*work.pipeline.notes, *work.source.warnings))
    summary = TakeSummary(state, written, warnings, names.shortened(str(error)) if error else None)
    if written == 0 and error is None:
        summary = TakeSummary("interrupted", 0, warnings)
    try:
        # A take that failed before its first frame leaves nothing behind.
        work.sinks.close(summary if written else replace(summary, state="failed"))
    except MienError as failure:
        error = error or failure
        summary = TakeSummary("failed", written, warnings, names.shortened(str(error)))
    outcome.summary, outcome.error, outcome.stage_times = summary, error, times.table()
    return outcome


def _expected(span: Span, info: SourceInfo) -> int | None:
    """About how many frames the span will give: for progress only."""
    if info.frame_count is None or info.duration_ns is None:
        return info.frame_count
    end_ns = info.duration_ns if span.end_ns is None else min(span.end_ns, info.duration_ns)
    share = max(0, end_ns - span.start_ns) / max(info.duration_ns, 1)
    return max(1, round(info.frame_count * min(1.0, share)))


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


def _header(
    request: Request, span: Span, info: SourceInfo, config: Mapping[str, Any], pipeline: Pipeline
) -> TakeHeader:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    whole = replace(span, first_index=0)
    told = with_profile_sums(config)
    return TakeHeader(info, told, version("mien"), now, pipeline.models, request.pixels, whole)
