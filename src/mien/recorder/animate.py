"""A script becomes a take: `mien animate`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.animate.acting import SIZE_WH, laid_over, records
from mien.animate.expression_graph import ExpressionGraph
from mien.animate.generate import Generated, generate
from mien.animate.performance import tracks
from mien.animate.plan import Act
from mien.animate.script import Script
from mien.core.record import FrameRecord
from mien.core.text import counted
from mien.errors import MienError, RequestError
from mien.output_folder import check_folder, check_writable, has_take, remove_take
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.take.reader import TAKE_FILE, load_take

if TYPE_CHECKING:
    from mien.take.reader import Take

LONGEST_OVER = 200_000
"""Frames of a take that acts can be laid over: they are held in memory."""


@dataclass(frozen=True, slots=True)
class AnimateRequest:
    """What to make.

    Attributes:
        script: what happens.
        name: of the script, for the records.
        folder: where the take goes.
        over: take that the acts are laid over; None = a face of its own.
        track_id: whose face in it; None = the one seen most.
        overwrite: replace a take in the folder.
    """

    script: Script
    name: str
    folder: Path
    over: Path | None = None
    track_id: int | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class AnimateOutcome:
    """What came of it.

    Attributes:
        path: the take.
        frames: how many.
        acts: what happens when.
    """

    path: Path
    frames: int
    acts: tuple[Act, ...]


def animate(request: AnimateRequest) -> AnimateOutcome:
    """Perform a script and write `take.parquet`.

    Raises:
        RequestError: a take is in the way, or there is nothing to lay over. ConfigError: a wrong profile in the script.
        SourceError: the take to lay over is damaged. SinkError: the folder cannot be written.
        ModelError: the shipped network is damaged.
    """
    from mien.take.folder_lock import locked

    over = None if request.over is None else load_take(request.over)
    graph = ExpressionGraph()
    try:
        header, made, rows = _performed(request, over, graph)
    finally:
        graph.close()
    check_writable(request.folder)
    with locked(request.folder, "animation"):
        _check_free(request)
        _write(request, header, rows)
    return AnimateOutcome(request.folder / TAKE_FILE, len(made), made.acts)


def _check_free(request: AnimateRequest) -> None:
    if request.over is not None and (request.folder / TAKE_FILE).resolve() == load_take(request.over).path.resolve():
        raise RequestError(f"{request.over} cannot be both the take and the output; choose another --out")
    if has_take(request.folder) and not request.overwrite:
        raise RequestError(f"{request.folder} already holds a take: choose another --out, or say --overwrite")
    # The script's name is no file: it may be "said", and the folder too.
    source = None if request.over is None else str(request.over)
    check_folder(request.folder, source, ["parquet"], resume=False, overwrite=request.overwrite, resumable=False)
    if has_take(request.folder):
        remove_take(request.folder, ["parquet"])


def _performed(
    request: AnimateRequest, over: Take | None, graph: ExpressionGraph
) -> tuple[TakeHeader, Generated, Iterable[FrameRecord]]:
    script = request.script
    now = datetime.now(UTC).isoformat(timespec="seconds")
    told = script.model_dump(mode="json", by_alias=True, exclude_none=True)
    config: dict[str, Any] = {"preset": "animate", "stages": [], "outputs": ["parquet"], "script": told}
    if over is None:
        made = generate(script, graph)
        info = SourceInfo(request.name, "synthetic", SIZE_WH, frame_rate_hz=script.fps, frame_count=len(made))
        header = TakeHeader(info, config, version("mien"), now, models=(graph.id,), pixels=False)
        return header, made, records(made, request.name)
    before = _held(over)
    seen = tracks(before)
    track_id = request.track_id if request.track_id is not None else next(iter(seen), None)
    if track_id is None or track_id not in seen:
        known = ", ".join(map(str, seen)) or "none"
        raise RequestError(f"{request.over}: has no face {track_id}; faces: {known}")
    stamps = np.array([r.stamp.t_ns for r in before], np.int64)
    quiet = script.model_copy(update={"idle": script.idle.model_copy(update={"blinks": 0.0})})
    made = generate(quiet, graph, t_ns=stamps - stamps[0])
    header = TakeHeader(
        over.header.source,
        {**over.header.config, "script": told},
        version("mien"),
        now,
        models=tuple(dict.fromkeys((*over.header.models, graph.id))),
        pixels=over.header.pixels,
        span=over.header.span,
    )
    return header, made, laid_over(before, made, track_id)


def _held(take: Take) -> list[FrameRecord]:
    if len(take) == 0:
        raise RequestError(f"{take.path} has no frame to lay anything over")
    if len(take) > LONGEST_OVER:
        raise RequestError(f"{take.path} has {counted(len(take), 'frame')}; {LONGEST_OVER:,} can be laid over at most")
    return list(_ascending(take.records()))


def _ascending(rows: Iterable[FrameRecord]) -> Iterator[FrameRecord]:
    """Records with ascending stamps: a stamp that is not later than the one before says nothing."""
    last: int | None = None
    for row in rows:
        if last is None or row.stamp.t_ns > last:
            last = row.stamp.t_ns
            yield row


def _write(request: AnimateRequest, header: TakeHeader, rows: Iterable[FrameRecord]) -> None:
    from mien.sinks.parquet import ParquetSink

    sink = ParquetSink(folder=request.folder)
    sink.open(header)
    count = 0
    try:
        for row in rows:
            sink.write(row)
            count += 1
    except BaseException as error:
        failure = TakeSummary("failed", count, problem=str(error))
        with suppress(MienError):  # the first failure is the one to tell
            sink.close(failure)
        raise
    sink.close(TakeSummary("complete", count))
