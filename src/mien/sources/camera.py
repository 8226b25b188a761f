"""Cameras through OpenCV. A frame's stamp is the host's monotonic clock when the frame arrived."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import cv2
import numpy as np
from pydantic import Field

from mien.core.record import FrameRecord, Stamp
from mien.core.text import counted, storable
from mien.core.timebase import seconds
from mien.errors import SourceError
from mien.pipeline.stage import Options as StageOptions
from mien.pipeline.stage import SourceInfo, Span
from mien.sources.arrivals import Arrivals

_WHOLE = Span()
_PROBED = 4
_RETRY_S = 0.02
_SYSFS = Path("/sys/class/video4linux")


class Driver(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802
    def read(self) -> tuple[bool, Any]: ...
    def get(self, key: int) -> float: ...
    def set(self, key: int, value: float) -> bool: ...
    def release(self) -> None: ...


OpenDriver = Callable[[int | str], Driver]


class Options(StageOptions):
    """Options of cameras. A camera takes the nearest it can do; `size_wh` of a record says what came."""

    width_px: int | None = Field(default=None, gt=0, le=16_384, description="width to ask for; None = the camera's own")
    height_px: int | None = Field(
        default=None, gt=0, le=16_384, description="height to ask for; None = the camera's own"
    )
    fps: float | None = Field(
        default=None, gt=0, le=1000, description="frames per second to ask for; None = the camera's own"
    )
    fourcc: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9 ]{4}$", description="pixel format to ask for, e.g. MJPG for 720p over USB 2"
    )
    patience_s: float = Field(default=2.0, ge=0, le=60, description="a camera silent for longer counts as lost")
    backlog: int = Field(default=2, ge=1, le=256, description="frames that may wait; when full, the oldest is dropped")


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera that the system knows.

    Attributes:
        spec: what `open_source` takes, e.g. "camera:0".
        name: the name the system gives it.
    """

    spec: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.spec})"


def open_capture(which: int | str) -> Driver:
    """`cv2.VideoCapture` without its chatter on standard error."""
    log = _log()
    if log is None:
        return cast(Driver, cv2.VideoCapture(which))
    level = log.getLogLevel()
    log.setLogLevel(0)
    try:
        return cast(Driver, cv2.VideoCapture(which))
    finally:
        log.setLogLevel(level)


def _log() -> Any:
    """Where OpenCV keeps its log level: 4.13 moved it into a module of its own. None if in neither place."""
    for place in (cv2, getattr(getattr(cv2, "utils", None), "logging", None)):
        if hasattr(place, "getLogLevel") and hasattr(place, "setLogLevel"):
            return place
    return None


def list_cameras(driver: OpenDriver = open_capture) -> list[CameraInfo]:
    """Cameras of this machine: by name on Linux, elsewhere by trying the first few numbers."""
    if platform.system() == "Linux":
        return _list_linux(_SYSFS)
    found = []
    for index in range(_PROBED):
        capture = driver(index)
        if capture.isOpened():
            found.append(CameraInfo(f"camera:{index}", f"camera {index}"))
        capture.release()
    return found


def _list_linux(folder: Path) -> list[CameraInfo]:
    """One entry per camera; a camera's further nodes (metadata, second formats) have an index above 0."""
    found = []
    for node in folder.glob("video*") if folder.is_dir() else ():
        number = node.name.removeprefix("video")
        if number.isdecimal() and _text(node / "index") in ("", "0"):
            found.append((int(number), _text(node / "name") or node.name))
    return [CameraInfo(f"camera:{number}", name) for number, name in sorted(found)]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


class CameraSource:
    """A camera. A thread reads it, so that stamps are those of arrival and `close` never waits for a frame.

    A span counts from the first frame's arrival; `stamp.index` counts frames that arrived, dropped ones too, from
    the span's `first_index`: what a camera showed before cannot be skipped, it is gone.

    Args:
        which: the camera's number, or its device path.
        options: see `Options`.
        span: part to deliver.
        driver: opens the camera; tests give a fake.

    Raises:
        SourceError: it cannot be opened (the message lists the cameras there are). While iterating: the
            camera was lost.
    """

    def __init__(
        self,
        which: int | str | Path,
        options: Options | None = None,
        *,
        span: Span = _WHOLE,
        driver: OpenDriver = open_capture,
    ) -> None:
        self._options = options or Options()
        self._span = span
        self._started = False
        self.warnings: list[str] = []
        self._name = f"camera {which}" if isinstance(which, int) else storable(Path(which).name)
        self._capture = driver(which if isinstance(which, int) else str(which))
        if not self._capture.isOpened():
            self._capture.release()
            there = ", ".join(map(str, list_cameras(driver))) or "none"
            raise SourceError(
                f"{self._name}: cannot be opened; cameras found: {there}; check that no other program uses it"
            )
        self._ask()
        w, h = (int(self._capture.get(k)) for k in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.info = SourceInfo(
            name=self._name,
            kind="camera",
            size_wh=(w, h) if w > 0 and h > 0 else None,
            frame_rate_hz=rate if np.isfinite(rate) and rate > 0 else None,
            live=True,
            clock="monotonic",
        )
        self._arrivals = Arrivals(self._read, backlog=self._options.backlog, newest_wins=True)

    def __iter__(self) -> Iterator[FrameRecord]:
        if self._started:
            raise SourceError(f"{self._name}: can be read once only; open it again")
        self._started = True
        return self._records()

    def _records(self) -> Iterator[FrameRecord]:
        first_ns: int | None = None
        try:
            for arrived, t_ns, image in self._arrivals:
                first_ns = t_ns if first_ns is None else first_ns
                since_ns = t_ns - first_ns
                if self._span.end_ns is not None and since_ns > self._span.end_ns:
                    return
                if since_ns < self._span.start_ns:
                    continue
                index = self._span.first_index + arrived
                rgb = np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
                h, w = rgb.shape[:2]
                yield FrameRecord(Stamp(self._name, index, t_ns, "monotonic"), (w, h), rgb)
        finally:
            if self._arrivals.dropped:
                self.warnings.append(
                    f"{counted(self._arrivals.dropped, 'frame')} dropped: they came faster than they were taken"
                )
            self.close()

    def close(self) -> None:
        """Let go of the camera; a blocked read in another thread ends."""
        self._arrivals.close()
        if not self._arrivals.started:
            self._capture.release()

    def _ask(self) -> None:
        o = self._options
        code = cv2.VideoWriter.fourcc(*o.fourcc) if o.fourcc else None
        for key, value in (
            (cv2.CAP_PROP_FOURCC, code),
            (cv2.CAP_PROP_FRAME_WIDTH, o.width_px),
            (cv2.CAP_PROP_FRAME_HEIGHT, o.height_px),
            (cv2.CAP_PROP_FPS, o.fps),
        ):
            if value is not None:
                self._capture.set(key, value)

    def _read(self) -> Iterator[tuple[int, int, Any]]:
        """Frames as (number, arrival ns, BGR image), in the reading thread."""
        index = 0
        last_ns = time.monotonic_ns()
        try:
            while not self._arrivals.closing.is_set():
                good, image = self._capture.read()
                now_ns = time.monotonic_ns()
                if good and image is not None:
                    last_ns = max(now_ns, last_ns + 1)
                    yield index, last_ns, image
                    index += 1
                elif seconds(now_ns - last_ns) >= self._options.patience_s:
                    what = f"lost after {counted(index, 'frame')}" if index else "opened, but gives no frame"
                    raise SourceError(f"{self._name}: {what}; check the cable and that no other program uses it")
                else:
                    self._arrivals.closing.wait(_RETRY_S)
        except cv2.error as error:
            raise SourceError(f"{self._name}: lost after {counted(index, 'frame')}: {error.err or error}") from error
        finally:
            self._capture.release()
