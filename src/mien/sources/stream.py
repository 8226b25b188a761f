"""Network streams (rtsp, http, udp, ...) through PyAV, with time-outs and reconnection.

A stream that knows its length is a recording: every frame counts, stamps are the container's, and after a
break it goes on where it stopped. Any other stream is live: stamps are the host's monotonic clock at
arrival, and a slow reader loses the oldest frames. The address may hold a password or a token, so only
scheme, host and port ever appear in names, warnings and errors.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Literal
from urllib.parse import urlsplit

import av
from av.stream import Disposition
from pydantic import Field

from mien.core.arrays import UInt8
from mien.core.record import Clock, FrameRecord, Stamp
from mien.core.text import counted
from mien.core.timebase import NS_PER_S, ns_from_ticks
from mien.errors import SourceError
from mien.pipeline.stage import Options as StageOptions
from mien.pipeline.stage import SourceInfo, Span
from mien.sources.arrivals import Arrivals
from mien.sources.container import nominal_rate
from mien.sources.frames import RgbConverter
from mien.sources.stamping import MediaClock

SCHEMES = frozenset({"rtsp", "rtsps", "http", "https", "udp", "tcp", "rtmp", "rtmps", "srt", "rtp"})
"""Address schemes that are read as streams."""

_WHOLE = Span()
_LONGEST_WAIT_S = 30.0
_LATE = "no answer in time"


class Options(StageOptions):
    """Options of network streams."""

    open_timeout_s: float = Field(default=10.0, gt=0, le=600, description="time to wait for a connection")
    read_timeout_s: float = Field(default=10.0, gt=0, le=600, description="a stream silent for longer counts as lost")
    reconnect_attempts: int = Field(default=5, ge=0, le=10_000, description="attempts after each loss; 0 = give up")
    reconnect_wait_s: float = Field(
        default=0.5, ge=0, le=60, description="wait before the second attempt; doubles up to 30 s"
    )
    transport: Literal["tcp", "udp"] = Field(default="tcp", description="how rtsp carries its packets")
    backlog: int = Field(default=4, ge=1, le=256, description="frames that may wait for a slow reader")


def public_name(url: str) -> str:
    """Scheme, host and port of an address: the part that holds no secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname or ''}{port}"
    except ValueError:
        return "stream"


class StreamSource:
    """A network stream. A thread reads it, so that `close` never waits for the network.

    A span counts from the first frame of a live stream, and is compared with the stamps of a recording.
    `stamp.index` counts frames received, dropped ones too; of a live stream from the span's `first_index`, since what
    it showed before is gone.

    Args:
        url: address with one of `SCHEMES`.
        options: see `Options`.
        span: part to deliver.

    Raises:
        SourceError: no connection, or no video in it. While iterating: lost, and not to be had again.
    """

    def __init__(self, url: str, options: Options | None = None, *, span: Span = _WHOLE) -> None:
        self._url = url
        self._options = options or Options()
        self._span = span
        self._name = public_name(url)
        self.warnings: list[str] = []
        self._started = False
        self._reconnects = 0
        self._failures = 0
        self._damaged = 0
        self._problem = ""
        self._container: Any = self._connect()
        stream = self._container.streams.video[0]
        rate = nominal_rate(stream)
        length = self._container.duration
        self._end_ns = length * 1000 if length and length > 0 else None
        self._announced = int(stream.frames)
        self._live = self._end_ns is None
        self._clock = MediaClock(round(NS_PER_S / rate) if rate else NS_PER_S // 25)
        clock: Clock = "monotonic" if self._live else "media"
        self.info = SourceInfo(
            self._name,
            "stream",
            frame_rate_hz=float(rate) if rate else None,
            frame_count=self._announced or None,
            duration_ns=self._end_ns,
            live=self._live,
            clock=clock,
        )
        self._arrivals = Arrivals(self._read, backlog=self._options.backlog, newest_wins=self._live)

    def __iter__(self) -> Iterator[FrameRecord]:
        if self._started:
            raise SourceError(f"{self._name}: can be read once only; open it again")
        self._started = True
        return self._records()

    def _records(self) -> Iterator[FrameRecord]:
        zero_ns: int | None = None if self._live else 0
        try:
            for index, t_ns, image in self._arrivals:
                zero_ns = t_ns if zero_ns is None else zero_ns
                if self._span.end_ns is not None and t_ns - zero_ns > self._span.end_ns:
                    return
                if t_ns - zero_ns < self._span.start_ns or (not self._live and index < self._span.first_index):
                    continue
                number = index + self._span.first_index if self._live else index
                stamp = Stamp(self._name, number, t_ns, self.info.clock)
                yield FrameRecord(stamp, (image.shape[1], image.shape[0]), image)
        finally:
            self._note()
            self.close()

    def close(self) -> None:
        """End the stream; a blocked read in another thread ends."""
        self._arrivals.close()
        if not self._arrivals.started:
            self._container.close()

    def _note(self) -> None:
        if self._reconnects:
            self.warnings.append(f"the connection was lost and made again {counted(self._reconnects, 'time')}")
        if self._damaged:
            self.warnings.append(f"{counted(self._damaged, 'damaged packet')} skipped")
        if self._arrivals.dropped:
            self.warnings.append(
                f"{counted(self._arrivals.dropped, 'frame')} dropped: they came faster than they were taken"
            )
        self.warnings += self._clock.warnings()

    def _connect(self) -> Any:
        """An open container with a video in it. The cause of an error is not kept: it holds the address."""
        options: dict[str, str] = {"rtsp_transport": self._options.transport} if self._url.startswith("rtsp") else {}
        timeout = (self._options.open_timeout_s, self._options.read_timeout_s)
        began_s = time.monotonic()
        try:
            container = av.open(self._url, options=options, timeout=timeout, metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            # some protocols report a time-out as damaged data
            late = time.monotonic() - began_s >= self._options.open_timeout_s
            raise SourceError(f"{self._name}: cannot be opened: {_LATE if late else _reason(error)}") from None
        videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not videos or videos[0].codec_context is None:
            container.close()
            raise SourceError(f"{self._name}: holds no video that can be decoded")
        return container

    def _read(self) -> Iterator[tuple[int, int, UInt8]]:
        """Frames as (number, stamp, image) over all connections, in the reading thread."""
        rgb = RgbConverter()
        count = 0
        try:
            while not self._arrivals.closing.is_set():
                self._problem = "it ended"
                for frame, t_ns in self._session(self._container):
                    self._failures = 0
                    try:
                        image = rgb.convert(frame)
                    except (av.FFmpegError, ValueError):
                        self._damaged += 1
                        continue
                    yield count, t_ns, image
                    count += 1
                self._container.close()
                if self._complete(count) or self._arrivals.closing.is_set():
                    return
                self._reconnect(count)
        finally:
            self._container.close()

    def _session(self, container: Any) -> Iterator[tuple[Any, int]]:
        """Frames of one connection with their stamps; those of a recording that were read before are left out."""
        stream = container.streams.video[0]
        base = Fraction(stream.time_base)
        for packet in self._packets(container, stream):
            try:
                frames = packet.decode()
            except av.error.EOFError:
                return
            except av.FFmpegError:
                self._damaged += 1
                continue
            arrival_ns = time.monotonic_ns()
            for frame in frames:
                if self._live:
                    last_ns = self._clock.last_ns or 0
                    self._clock.last_ns = max(arrival_ns, last_ns + 1)
                    yield frame, self._clock.last_ns
                elif not self._read_before(frame.pts, base):
                    yield frame, self._clock.stamp(frame.pts, base)

    def _packets(self, container: Any, stream: Any) -> Iterator[Any]:
        """Packets until the connection breaks. The packet that a break cut short is left to the next connection."""
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt and not self._live:
                    return
                yield packet
        except av.FFmpegError as error:
            self._problem = _reason(error)

    def _read_before(self, ticks: int | None, base: Fraction) -> bool:
        last_ns = self._clock.last_ns
        return (
            self._reconnects > 0 and last_ns is not None and ticks is not None and ns_from_ticks(ticks, base) <= last_ns
        )

    def _complete(self, count: int) -> bool:
        """Whether a recording has given all that it announced."""
        if self._live or self._end_ns is None:
            return False
        if self._announced:
            return count >= self._announced
        return self._clock.last_ns is not None and self._clock.last_ns + 2 * self._clock.step_ns >= self._end_ns

    def _reconnect(self, count: int) -> None:
        """Open the address again. A connection that gives no new frame counts as a failed attempt."""
        if not self._live and not count and self._reconnects:
            raise SourceError(
                f"{self._name}: can be opened and gives no frame ({self._problem}): its index may stand at the end, "
                "and the server cannot jump (HTTP Range); download the file and capture that"
            )
        while self._failures < self._options.reconnect_attempts:
            wait_s = self._options.reconnect_wait_s * 2 ** min(10, self._failures - 1) if self._failures else 0.0
            self._failures += 1
            if self._arrivals.closing.wait(min(_LONGEST_WAIT_S, wait_s)):
                return
            try:
                self._container = self._connect()
            except SourceError as error:
                self._problem = str(error).removeprefix(f"{self._name}: ")
                continue
            self._reconnects += 1
            return
        raise SourceError(
            f"{self._name}: lost after {counted(count, 'frame')} ({self._problem}); "
            f"{counted(self._options.reconnect_attempts, 'attempt')} to reconnect failed"
        )


def _reason(error: Exception) -> str:
    if isinstance(error, av.error.TimeoutError | av.error.ExitError):
        return _LATE
    return str(getattr(error, "strerror", None) or type(error).__name__)
