"""`mien spot`: a clip or a take in; its micro- and macro-expressions out, as a table, pictures and a report."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.record import FrameRecord
from mien.errors import RequestError, SourceError
from mien.micro.grid import Grid
from mien.micro.spotter import DEGRADED_HZ, REFUSED_HZ, Spotted, Spotter, rate_warning
from mien.micro.threshold import THRESHOLD, checked
from mien.pipeline.compose import compose
from mien.pipeline.runner import run
from mien.pipeline.stage import Source, Span
from mien.recorder.request import Audience, Request, Watcher, resolve
from mien.sources.opening import open_source

PROBE_FRAMES = 12
_STAGES = ("detect", "landmarks")
"""Slots of a preset that spotting needs."""


@dataclass(frozen=True, slots=True)
class SpotRequest:
    """What to look through.

    Attributes:
        source: video, folder of images, take (`.parquet` or its folder), URL or "demo".
        out: folder for table, pictures and report; None = beside a take, else nothing is written.
        preset, faces, span: as of a capture.
        threshold: probability from which a movement counts.
        force: look also where the frame rate is too low.
        overwrite: replace the files of an earlier spotting.
    """

    source: str
    out: Path | None = None
    preset: str = "balanced"
    faces: int | None = None
    span: Span = field(default_factory=Span)
    threshold: float = THRESHOLD
    force: bool = False
    overwrite: bool = False


@dataclass(slots=True)
class SpotOutcome:
    """What was found.

    Attributes:
        source: short name.
        found: by onset.
        frames, frames_with_face: looked at.
        seconds: of the source, from the first to the last stamp.
        rate_hz: frame rate of the stamps.
        pixels: False = from the landmarks of a take.
        models: ids of the models that ran.
        grids: track → movement, for pictures.
        landmarks: track → (times, points), for pictures.
        warnings: what to know before trusting it.
        outputs: files written.
    """

    source: str
    found: list[Spotted] = field(default_factory=list)
    frames: int = 0
    frames_with_face: int = 0
    seconds: float = 0.0
    rate_hz: float = float("nan")
    pixels: bool = True
    models: tuple[str, ...] = ()
    grids: Mapping[int, Grid] = field(default_factory=dict)
    landmarks: dict[int, list[tuple[int, Any]]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    outputs: list[Path] = field(default_factory=list)


def spot(request: SpotRequest, stop: threading.Event | None = None, watcher: Watcher | None = None) -> SpotOutcome:
    """Look through a source.

    Raises:
        RequestError: an unusable threshold, a photo, a source without an end, less than 25 frames/s unforced, or faces
            without the 98 landmarks.
        MienError: see `mien.capture`.
    """
    checked(request.threshold)
    stop = stop or threading.Event()
    source = open_source(_path(request.source), span=request.span)
    outcome = SpotOutcome(source.info.name, pixels=source.info.kind != "replay")
    if source.info.kind == "photo":
        source.close()
        raise RequestError(f"{source.info.name}: a photo does not move; give a video, a folder of images or a take")
    if source.info.live:
        source.close()
        raise RequestError(f"{source.info.name} does not end: watch it with mien capture --preset micro")
    try:
        spotter = Spotter(request.threshold)
    except BaseException:
        source.close()
        raise
    try:
        audience = Audience(watcher)
        audience.started(source.info, 0)
        _look(_records(source, request, outcome, stop), spotter, outcome, (request, audience))
        outcome.found = spotter.finish()
        outcome.grids = spotter.grids()
        outcome.models = (*outcome.models, spotter.model_id)
    finally:
        spotter.close()
        source.close()
    _warn(outcome, source, stopped=stop.is_set())
    return outcome


def _path(text: str) -> str:
    """A take's folder is read as its take."""
    folder = Path(text)
    take = folder / "take.parquet"
    return str(take) if "://" not in text and folder.is_dir() and take.is_file() else text


def _records(
    source: Source, request: SpotRequest, outcome: SpotOutcome, stop: threading.Event
) -> Iterator[FrameRecord]:
    """Records with landmarks: those of a take as they are, others through detector and landmark network."""
    if source.info.kind == "replay":
        for record in source:
            if stop.is_set():
                return
            yield record
        return
    config = resolve(Request(request.source, Path(), preset=request.preset, faces=request.faces))
    config["stages"] = [name for name in config["stages"] if name in _STAGES]
    with compose(config, source.info) as pipeline:
        outcome.models = pipeline.models
        yield from run(source, pipeline, live=False, stop=stop)


def _look(
    records: Iterator[FrameRecord], spotter: Spotter, outcome: SpotOutcome, how: tuple[SpotRequest, Audience]
) -> None:
    request, audience = how
    first = last = 0
    stamps: list[int] = []
    for record in records:
        now = record.stamp.t_ns
        first, last = (now if outcome.frames == 0 else first), now
        outcome.frames += 1
        outcome.frames_with_face += bool(record.faces)
        if len(stamps) < PROBE_FRAMES:
            stamps.append(now)
            if len(stamps) == PROBE_FRAMES:
                check_rate(outcome.source, stamps, request.force)
        for face in record.faces:
            if face.landmarks is None or face.landmarks.schema.name != "wflw98":
                continue
            track = 0 if face.track_id is None else face.track_id
            spotter.watch(track, record.image, face.landmarks.xy, now)
            outcome.landmarks.setdefault(track, []).append((now, face.landmarks.xy))
        audience.frame(record)
    if 2 <= len(stamps) < PROBE_FRAMES:
        check_rate(outcome.source, stamps, request.force)
    outcome.seconds = (last - first) / 1e9
    outcome.rate_hz = (outcome.frames - 1) / outcome.seconds if outcome.seconds > 0 else float("nan")
    if outcome.frames == 0:
        raise SourceError(f"{outcome.source}: there is no frame in the part asked for")
    if outcome.frames_with_face and not outcome.landmarks:
        raise RequestError(
            f"{outcome.source}: none of its faces has the 98 landmarks that movement is read from (a performance of "
            "mien animate has none, one captured with --preset mediapipe others)"
        )


def check_rate(name: str, stamps_ns: list[int], force: bool) -> None:
    """Refuse a source whose frames come too slowly.

    Raises:
        RequestError: below 25 per second and not forced.
    """
    steps = np.diff(np.array(stamps_ns, dtype=np.int64))
    rate = 1e9 / max(1.0, float(np.median(steps)))
    # A film of 23.976 or a camera of nominal 25 is refused all the same when its stamps say less than 25.
    if rate < REFUSED_HZ * 0.995 and not force:
        raise RequestError(f"{name}: {rate_warning(rate)}; --force looks all the same")


def _warn(outcome: SpotOutcome, source: Source, *, stopped: bool) -> None:
    if (said := rate_warning(outcome.rate_hz)) is not None:
        outcome.warnings.append(said)
    if not outcome.pixels:
        outcome.warnings.append("a take holds no pixels: only movement that its landmarks show can be found")
    if outcome.frames_with_face < outcome.frames * 0.5:
        outcome.warnings.append(f"a face in only {outcome.frames_with_face} of {outcome.frames} frames")
    if stopped:
        outcome.warnings.append(f"stopped after {outcome.frames} frames: what follows was not looked at")
    outcome.warnings.extend(source.warnings)


__all__ = ["DEGRADED_HZ", "SpotOutcome", "SpotRequest", "check_rate", "spot"]
