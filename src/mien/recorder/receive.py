"""The other way round: what another program or a phone sends becomes a take, so that an iPhone can be the camera.

A record is made of every packet that completes a face; its time is that of arrival, on the host's monotonic clock.
What a protocol does not carry is NaN. Packets that are not of the protocol are counted and dropped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from mien.animate.signal import FaceSignal, angles_deg
from mien.core.geometry import FRONTAL, rotation_from_quaternion
from mien.core.measures import Blendshapes, Box, Gaze, HeadPose, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.core.text import counted
from mien.errors import MienError, SourceError
from mien.output_folder import check_folder, check_writable, has_take, kept_if_used, remove_take
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.recorder.late_sinks import LateSinks
from mien.recorder.listening import Packets, open_packets
from mien.sinks.protocols.packets import Intake
from mien.sinks.protocols.table import Target, parse_target

NO_PICTURE_WH = (1, 1)
"""Size of a frame of which only numbers came."""


@dataclass(frozen=True, slots=True)
class ReceiveRequest:
    """What to listen to.

    Attributes:
        address: where to listen (UDP) or connect to (ws), see `parse_target`.
        folder: where the take goes.
        overwrite: replace a take in the folder.
        seconds: end after this time; None = when told to.
        frames: end after so many.
    """

    address: str
    folder: Path
    overwrite: bool = False
    seconds: float | None = None
    frames: int | None = None


@dataclass(slots=True)
class ReceiveOutcome:
    """What came of it.

    Attributes:
        summary: of the take.
        packets: how many were good.
        dropped: reason → how many were not.
        path: the take.
        error: what ended it, or None.
    """

    summary: TakeSummary
    packets: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    path: Path | None = None
    error: MienError | None = None


class ReceiveWatcher(Protocol):
    """Is told how it goes."""

    def started(self, name: str) -> None:
        """It is being listened."""

    def frame(self, record: FrameRecord) -> None:
        """A record was made."""


def receive(
    request: ReceiveRequest, *, stop: threading.Event | None = None, watcher: ReceiveWatcher | None = None
) -> ReceiveOutcome:
    """Listen until told to stop, and write `take.parquet`.

    Raises:
        RequestError: a wrong address, or a take is in the way.
        SourceError: the address cannot be listened at. SinkError: the folder cannot be written.

    Returns:
        The outcome. Where no face came it has an error, and there is no take.
    """
    from mien.take.folder_lock import locked

    stop = stop or threading.Event()
    target = parse_target(request.address)
    with kept_if_used(request.folder):
        check_writable(request.folder)
        with locked(request.folder):
            return _received(request, target, stop, watcher)


def _received(
    request: ReceiveRequest, target: Target, stop: threading.Event, watcher: ReceiveWatcher | None
) -> ReceiveOutcome:
    from mien.sinks.parquet import ParquetSink
    from mien.take.reader import TAKE_FILE

    how = {"resume": False, "overwrite": request.overwrite, "resumable": False}
    check_folder(request.folder, request.address, ["parquet"], **how)
    packets = open_packets(target)
    try:
        info = SourceInfo(target.protocol, "stream", live=True, clock="monotonic")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        config = {"preset": "receive", "stages": [], "outputs": ["parquet"]}
        header = TakeHeader(info, config, version("mien"), now, pixels=False)
        in_the_way = request.overwrite or has_take(request.folder)
        make_way = partial(remove_take, request.folder, ["parquet"]) if in_the_way else None
        sinks = LateSinks([ParquetSink(folder=request.folder)], header, make_way)
        outcome = _run(request, target, packets, sinks, stop, watcher)
        made = outcome.summary.frames and (request.folder / TAKE_FILE).exists()
        outcome.path = request.folder / TAKE_FILE if made else None
        return outcome
    finally:
        packets.close()


def _run(
    request: ReceiveRequest,
    target: Target,
    packets: Packets,
    sinks: LateSinks,
    stop: threading.Event,
    watcher: ReceiveWatcher | None,
) -> ReceiveOutcome:
    intake = Intake(target.decoder())
    state: Literal["complete", "failed"] = "complete"
    error: MienError | None = None
    index, last_ns, ends = 0, -1, None if request.seconds is None else time.monotonic() + request.seconds
    try:
        if watcher is not None:
            watcher.started(target.name)
        while not stop.is_set() and not packets.ended and (ends is None or time.monotonic() < ends):
            if request.frames is not None and index >= request.frames:
                break
            data = packets.next()
            if data is None:
                continue
            last_ns = max(time.monotonic_ns(), last_ns + 1)
            signals = intake.take(data, last_ns)
            if signals:
                record = record_of(signals, Stamp(target.protocol, index, last_ns, "monotonic"))
                sinks.write(record)
                index += 1
                if watcher is not None:
                    watcher.frame(record)
    except MienError as failure:
        error, state = failure, "failed"
    except KeyboardInterrupt:
        stop.set()
    dropped = sum(intake.dropped.values())
    if index == 0 and error is None:
        came = f"{counted(dropped, 'packet')} came and none was a face of this protocol" if dropped else "nothing came"
        error, state = SourceError(f"{target.name}: {came}; is the sender on, and does it send here?"), "failed"
    warnings = (f"{dropped} packets dropped: {', '.join(sorted(intake.dropped))}",) if dropped else ()
    summary = TakeSummary(state, index, warnings, None if error is None else str(error))
    try:
        sinks.close(summary)
    except MienError as failure:
        error = error or failure
    return ReceiveOutcome(summary, intake.packets, dict(intake.dropped), error=error)


def record_of(signals: Sequence[FaceSignal], stamp: Stamp) -> FrameRecord:
    """One record of the faces that came together; a face that is not seen is left out."""
    size_wh = next((s.size_wh for s in signals if s.size_wh[0] > 0 and s.size_wh[1] > 0), NO_PICTURE_WH)
    return FrameRecord(stamp, size_wh, faces=tuple(_face(s, size_wh) for s in signals if s.found))


def _face(signal: FaceSignal, size_wh: tuple[int, int]) -> Face:
    pose = gaze = landmarks = None
    box = Box(np.array([0, 0, *size_wh], np.float32), 1.0)
    if np.isfinite(signal.head_xyzw).all():
        # The turn is that relative to the line of sight, so the place, which would turn it again, is left out.
        rotation = FRONTAL @ rotation_from_quaternion(signal.head_xyzw)
        pose = HeadPose(rotation.astype(np.float32), np.full(3, np.nan, np.float32), float("nan"), 1.0)
    eyes = [angles_deg(q)[:2] if np.isfinite(q).all() else (np.nan, np.nan) for q in _eyes(signal)]
    if np.isfinite(eyes).any():
        gaze = Gaze(eyes[0], eyes[1], np.isfinite(eyes).all(axis=1).astype(np.float32))  # type: ignore[arg-type]
    if signal.points_xy is not None and signal.points_confidence is not None:
        landmarks = Landmarks(signal.points_xy, signal.points_confidence, load_schema("wflw98"))
        known = signal.points_xy[np.isfinite(signal.points_xy).all(axis=1)]
        if len(known):
            box = Box(np.concatenate([known.min(axis=0), known.max(axis=0)]), 1.0)
    known_weights = np.isfinite(signal.weights).astype(np.float32)
    return Face(
        box,
        signal.track_id,
        landmarks=landmarks,
        head_pose=pose,
        gaze=gaze,
        blendshapes=Blendshapes.of(signal.weights, known_weights),
    )


def _eyes(signal: FaceSignal) -> tuple[np.ndarray[tuple[int], np.dtype[np.float32]], ...]:
    return signal.left_eye_xyzw, signal.right_eye_xyzw
