"""Video files through PyAV: every frame, in order, with the container's own times."""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from pydantic import Field

from mien.core.record import FrameRecord, Stamp
from mien.core.text import counted, storable
from mien.core.timebase import NS_PER_S, ns_from_ticks, timecode
from mien.errors import SourceError
from mien.pipeline.stage import Options as StageOptions
from mien.pipeline.stage import SourceInfo, Span
from mien.sources.container import announced_end_ns, nominal_rate, open_video, video_stream
from mien.sources.files import readable_file
from mien.sources.frames import RgbConverter
from mien.sources.gif_end import gif_ends
from mien.sources.stamping import MediaClock

_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
_MAX_READ_ERRORS = 20
_WHOLE = Span()
_DAMAGE = {
    "read": ("damaged place", " in the container skipped"),
    "decode": ("damaged packet", " skipped"),
    "corrupt": ("damaged frame", " shown as the decoder mended it"),
    "convert": ("frame", " skipped: the pixel format cannot be converted"),
}


class Options(StageOptions):
    """Options of video files."""

    threads: int = Field(default=0, ge=0, le=64, description="decoder threads; 0 = as many as the machine has cores")


class VideoSource:
    """A video file (any container and codec that libav reads, animated GIF included).

    Stamps are the presentation times that the container gives, not shifted: some containers (MPEG-TS) do
    not start at zero. A span is compared with these stamps. `stamp.index` counts the decodable frames from
    the start of the file. Frames before a span are decoded but not converted, so numbers stay exact.

    Damaged packets are skipped and counted in `warnings`, as are frames that the container announces and
    that cannot be had.

    Args:
        path: the file.
        options: see `Options`.
        span: part to deliver.

    Raises:
        SourceError: not there, not readable, not a video, no video in it, or no frame can be decoded.
    """

    def __init__(self, path: str | Path, options: Options | None = None, *, span: Span = _WHOLE) -> None:
        self._given = str(path)
        self._path = readable_file(path)
        self._span = span
        self.warnings: list[str] = []
        self._damage: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._closed = False
        self._started = False
        self._broken: str | None = None
        self._frames_seen = 0
        self._discarded = 0
        self._rgb = RgbConverter()
        self._container = open_video(self._path, self._given)
        try:
            self._stream = video_stream(self._container, self._given)
            self._stream.thread_type = "SLICE"  # frame threads lose good frames beside damaged ones
            self._stream.codec_context.thread_count = (options or Options()).threads
            rate = nominal_rate(self._stream)
            self._clock = MediaClock(round(NS_PER_S / rate) if rate else NS_PER_S // 25)
            self._frames = self._decode()
            self._first: tuple[Any, int | None] | None = self._first_frame()
            self.info = self._describe(self._first[0], rate)
        except BaseException:
            self._container.close()
            raise

    def __iter__(self) -> Iterator[FrameRecord]:
        if self._started:
            raise SourceError(f"{self.info.name}: can be read once only; open it again")
        self._started = True
        return self._records()

    def _records(self) -> Iterator[FrameRecord]:
        delivered = 0
        try:
            while (item := self._next()) is not None:
                frame, t_ns, index = item
                if self._span.end_ns is not None and t_ns > self._span.end_ns:
                    self._note_empty(delivered)
                    return
                if index < self._span.first_index or t_ns < self._span.start_ns:
                    continue
                record = self._record(frame, t_ns, index)
                if record is not None:
                    delivered += 1
                    yield record
            if not self._closed:
                self._note_missing()
                self._note_empty(delivered)
        finally:
            self.warnings += [
                f"{counted(n, noun)}{what}" for k, (noun, what) in _DAMAGE.items() if (n := self._damage[k])
            ]
            self.warnings += self._clock.warnings()
            self.close()
        if self._broken:
            raise SourceError(
                f"{self.info.name}: reading broke off after {counted(self._frames_seen, 'frame')}: {self._broken}"
            )

    def close(self) -> None:
        """Release the file; a read in another thread ends after the frame it is at."""
        self._closed = True
        with self._lock:
            self._container.close()

    def _next(self) -> tuple[Any, int, int] | None:
        """The next frame, its stamp and its number; the lock keeps `close` from freeing what is being read."""
        with self._lock:
            if self._closed:
                return None
            item, self._first = self._first or next(self._frames, None), None
            if item is None:
                return None
            frame, ticks = item
            t_ns = self._clock.stamp(ticks, self._time_base)
            self._frames_seen += 1
            return frame, t_ns, self._frames_seen - 1

    def _record(self, frame: Any, t_ns: int, index: int) -> FrameRecord | None:
        try:
            image = self._rgb.convert(frame)
        except (av.FFmpegError, ValueError):
            self._damage["convert"] += 1
            return None
        self._damage["corrupt"] += bool(frame.is_corrupt)
        return FrameRecord(Stamp(self.info.name, index, t_ns), (image.shape[1], image.shape[0]), image)

    def _packets(self) -> Iterator[Any]:
        """Packets of the stream; damage in the container is skipped where the demuxer can."""
        errors = 0
        while errors < _MAX_READ_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    errors = 0
                    self._damage["read"] += packet.is_corrupt
                    if packet.size:
                        yield packet
                return
            except av.InvalidDataError:
                errors += 1
                self._damage["read"] += 1
            except av.FFmpegError as error:
                self._broken = error.strerror
                return

    def _decode(self) -> Iterator[tuple[Any, int | None]]:
        """Frames in order of presentation, with their ticks.

        AVI stores times in order of decoding only; there, the smallest time not yet used belongs to the
        next frame. Elsewhere the frame carries its own.
        """
        by_rank = self._container.format.name == "avi"
        waiting: list[int] = []
        context = self._stream.codec_context
        for packet in self._packets():
            self._discarded += packet.is_discard
            if by_rank and packet.pts is not None:
                heapq.heappush(waiting, packet.pts)
            try:
                frames = context.decode(packet)
            except av.FFmpegError:
                self._damage["decode"] += 1
                if packet.pts in waiting:
                    waiting.remove(packet.pts)
                    heapq.heapify(waiting)
                continue
            for frame in frames:
                yield frame, heapq.heappop(waiting) if waiting else frame.pts
        for frame in self._drain(context):
            yield frame, heapq.heappop(waiting) if waiting else frame.pts

    def _drain(self, context: Any) -> Iterator[Any]:
        """Frames still inside the decoder; an error there may hide good ones, so it is asked again."""
        for _ in range(_MAX_READ_ERRORS):
            try:
                frames = context.decode(None)
            except av.error.EOFError:
                return
            except av.FFmpegError:
                self._damage["decode"] += 1
                continue
            if not frames:
                return
            yield from frames

    def _first_frame(self) -> tuple[Any, int | None]:
        first = next(self._frames, None)
        if first is None:
            reason = f" ({counted(self._damage['decode'], 'damaged packet')})" if self._damage["decode"] else ""
            raise SourceError(f"{self._given}: no frame can be decoded{reason}; the file is damaged or cut off")
        return first

    @property
    def _time_base(self) -> Fraction:
        return Fraction(self._stream.time_base)

    def _describe(self, frame: Any, rate: Fraction | None) -> SourceInfo:
        try:
            image = self._rgb.convert(frame)
        except (av.FFmpegError, ValueError) as error:
            name = frame.format.name
            raise SourceError(f"{self._given}: pixel format {name} cannot be converted to RGB") from error
        transfer = _HDR_TRANSFERS.get(int(self._stream.codec_context.color_trc))
        if transfer:
            self.warnings.append(f"high dynamic range ({transfer}) is not tone mapped: colours look pale")
        duration_ns = self._duration_ns()
        count = self._stream.frames or (round(duration_ns * rate / NS_PER_S) if duration_ns and rate else 0)
        return SourceInfo(
            name=storable(self._path.name),
            kind="video",
            size_wh=(image.shape[1], image.shape[0]),
            frame_rate_hz=float(rate) if rate else None,
            frame_count=count or None,
            duration_ns=duration_ns,
        )

    def _duration_ns(self) -> int | None:
        if self._stream.duration:
            return ns_from_ticks(self._stream.duration, self._time_base)
        return self._container.duration * 1000 if self._container.duration else None

    def _note_missing(self) -> None:
        """Say so if the container announces more than could be had: how a cut-off file is told from a short one."""
        announced = max(0, self._stream.frames - self._discarded)
        if announced > self._frames_seen:
            self.warnings.append(
                f"the container announces {counted(announced, 'frame')}, {self._frames_seen:,} could be decoded: "
                "the file is damaged or cut off"
            )
        if self._container.format.name == "gif" and not gif_ends(self._path):
            self.warnings.append(
                f"the file ends in the middle, after {counted(self._frames_seen, 'frame')}: it is damaged or cut off"
            )
        end_ns = announced_end_ns(self._container, self._stream)
        last_ns = self._clock.last_ns
        if announced or end_ns is None or last_ns is None:
            return
        # the last frame may be shown for as long as any other, and rates are often only nominal
        if end_ns - last_ns > 2 * self._clock.longest_step_ns:
            self.warnings.append(
                f"the container announces {timecode(end_ns)}, the last of {self._frames_seen} frames is at "
                f"{timecode(last_ns)}: the file is damaged or cut off"
            )

    def _note_empty(self, delivered: int) -> None:
        if not delivered and self._span != _WHOLE and self._clock.last_ns is not None:
            self.warnings.append(
                f"no frame lies in the part asked for; the last frame read is #{self._frames_seen - 1} "
                f"at {timecode(self._clock.last_ns)}"
            )
