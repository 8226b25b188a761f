"""A live run: source → pipeline → one signal → every receiver. Nothing is stored."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from mien.animate.live import LiveFace
from mien.animate.signal import FaceSignal
from mien.core.record import FrameRecord
from mien.errors import ConfigError, MienError, RequestError
from mien.pipeline.compose import check_options, compose
from mien.pipeline.runner import run
from mien.pipeline.stage import Source, SourceInfo
from mien.pipeline.timing import StageTimes
from mien.recorder.request import Request, resolve, tell_notes
from mien.sinks.live.opening import open_outlets
from mien.sinks.live.outlet import WINDOW, Outlets
from mien.sinks.protocols.table import parse_target


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """What to send where.

    Attributes:
        source: as for a capture; what is not live by itself is played at its own pace.
        to: addresses, see `mien.sinks.protocols.table.parse_target`; empty only where somebody watches the frames.
        preset, overrides: as for a capture; outputs of the preset are not made.
        faces: at most this many faces are measured; the biggest is sent.
        calm: smooth what is sent.
        lost: what is sent of a lost face.
        seconds: end after this time; None = when the source ends.
    """

    source: str
    to: Sequence[str]
    preset: str = "balanced"
    overrides: Sequence[str] = ()
    faces: int | None = None
    calm: bool = True
    lost: Literal["hold", "fade", "nan"] = "hold"
    seconds: float | None = None


@dataclass(slots=True)
class LiveOutcome:
    """What came of it.

    Attributes:
        frames, frames_with_face: sent on; those in which the followed face was seen.
        seconds: wall time from the first frame.
        receivers: figures of every receiver, see `Outlet.figures`.
        offer_ms: median and 95th percentile of what all receivers together cost the frame loop.
        stages: see `StageTimes.table`.
        warnings: of the source and the pipeline.
        error: what ended it, or None.
    """

    frames: int = 0
    frames_with_face: int = 0
    seconds: float = 0.0
    receivers: list[dict[str, Any]] = field(default_factory=list)
    offer_ms: dict[str, float] = field(default_factory=dict)
    stages: Any = None
    warnings: list[str] = field(default_factory=list)
    error: MienError | None = None


class LiveWatcher(Protocol):
    """Is told how it goes."""

    def started(self, info: SourceInfo, receivers: Sequence[str]) -> None:
        """The source and every receiver is open."""

    def frame(self, record: FrameRecord, outlets: Outlets) -> None:
        """A frame was offered."""


Show = Callable[[FrameRecord, FaceSignal], None]
"""Is given every finished frame, with its picture, and the signal that is sent; must be quick and must not raise."""


def live(
    request: LiveRequest,
    *,
    stop: threading.Event | None = None,
    watcher: LiveWatcher | None = None,
    show: Show | None = None,
    source: Source | None = None,
) -> LiveOutcome:
    """Run until the source ends, the time is over or `stop` is set.

    Args:
        request: see there.
        stop: set it from anywhere to end.
        watcher: is told how it goes.
        show: see `Show`.
        source: an opened source instead of `request.source`; is closed.

    Returns:
        The outcome; an error after the first frame is in `LiveOutcome.error`.

    Raises:
        RequestError: no receiver, a wrong address, or a preset that measures no shapes.
        MienError: the source or a receiver cannot be opened.
    """
    from mien.sources.opening import open_source
    from mien.sources.paced import PacedSource

    if not request.to and show is None:
        raise RequestError("nobody to send to: say --to PROTOCOL://HOST:PORT at least once")
    targets = [parse_target(address) for address in request.to]
    config = resolve(Request(request.source, Path(), request.preset, request.overrides, request.faces))
    check_options(config)
    if source is None:
        source = open_source(request.source, options=config.get("source"))
    try:
        paced = source if source.info.live else PacedSource(source)
        with compose(config, source.info) as pipeline:
            if "faces.blendshapes" not in pipeline.fields:
                raise ConfigError(f'preset "{request.preset}" measures no blendshapes: there is nothing to send')
            outlets = open_outlets(targets)
            try:
                if watcher is not None:
                    watcher.started(paced.info, [o.name for o in outlets.outlets])
                    tell_notes(watcher, pipeline.notes)
                outcome = _run(request, run(paced, pipeline, stop=stop), outlets, watcher, show)
            finally:
                outlets.close()
            outcome.receivers = [o.figures() for o in outlets.outlets]
            outcome.warnings += [*pipeline.notes, *paced.warnings]
            return outcome
    finally:
        source.close()


def _run(
    request: LiveRequest, records: Any, outlets: Outlets, watcher: LiveWatcher | None, show: Show | None
) -> LiveOutcome:
    outcome, face, times = LiveOutcome(), LiveFace(calm=request.calm, lost=request.lost), StageTimes()
    costs_ns: deque[int] = deque(maxlen=WINDOW)
    began: float | None = None
    try:
        for record in records:
            began = time.monotonic() if began is None else began
            signal = face.signal(record)
            before = time.perf_counter_ns()
            outlets.offer(signal)
            costs_ns.append(time.perf_counter_ns() - before)
            if show is not None:
                show(record, signal)
            times.add(record.trace)
            outcome.frames += 1
            outcome.frames_with_face += signal.found
            if watcher is not None:
                watcher.frame(record, outlets)
            if request.seconds is not None and time.monotonic() - began >= request.seconds:
                break
    except MienError as error:
        outcome.error = error
    finally:
        records.close()
    outcome.seconds = 0.0 if began is None else time.monotonic() - began
    if costs_ns:
        p50, p95 = np.percentile(np.array(costs_ns) / 1e6, [50, 95]).tolist()
        outcome.offer_ms = {"p50": p50, "p95": p95}
    outcome.stages = times.table()
    return outcome
