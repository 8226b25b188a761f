"""H.264 in segments: what is written while capturing survives a kill, and segments join without re-encoding.

A segment is a fragmented MP4 without B-frames (decoding order = presentation order), so that packets of
several segments can follow each other in one plain MP4 with its index in front.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error

from mien.core.arrays import UInt8
from mien.core.timebase import NS_PER_S
from mien.errors import SinkError

log = logging.getLogger(__name__)

TICKS_PER_S = 90_000
_GAP_S = 0.5
"""Pictures that are farther apart, where a capture was resumed, lack others between them."""
_KEYFRAME_EVERY = 60
_BT709 = 1


class SegmentWriter:
    """One segment.

    Args:
        path: file to write; its name must end in .mp4.
        size_wh: even numbers, px.
        crf: x264's constant rate factor; lower = better and larger.
        facts: plain data stored in the file's comment; `first_t_ns` is added: the stamp of time 0.
    """

    def __init__(self, path: Path, size_wh: tuple[int, int], crf: int, facts: Mapping[str, Any]) -> None:
        self._path = path
        self._facts = dict(facts)
        self._zero_ns = 0
        self._last_tick = -1
        self._begun = False
        with explained(path):
            options = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
            self._container = av.open(str(path), "w", format="mp4", options=options)
            stream = self._container.add_stream("libx264", rate=30)
            stream.width, stream.height = size_wh
            stream.pix_fmt = "yuv420p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
            stream.options = {"preset": "veryfast", "crf": str(crf), "bf": "0", "g": str(_KEYFRAME_EVERY)}
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = 1
            self._stream = stream

    def write(self, picture: UInt8, t_ns: int) -> None:
        """Encode one RGB picture; stamps that do not advance are moved on by one tick (1/90000 s)."""
        if self._last_tick < 0:
            self._zero_ns = t_ns
            self._container.metadata["comment"] = json.dumps({**self._facts, "first_t_ns": t_ns})
        tick = max(self._last_tick + 1, round((t_ns - self._zero_ns) * TICKS_PER_S / NS_PER_S))
        self._last_tick = tick
        with explained(self._path):
            self._begin()
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts, frame.time_base = tick, Fraction(1, TICKS_PER_S)
            self._container.mux(self._stream.encode(frame))

    def _begin(self) -> None:
        """Write the file's header by itself: after `mux` failed to, libav's `close` would end the process."""
        if not self._begun:
            self._container.start_encoding()
            self._begun = True

    def close(self) -> None:
        """Write what the encoder holds; the file is closed even if that fails."""
        with explained(self._path):
            try:
                if self._begun:
                    self._container.mux(self._stream.encode(None))
            finally:
                self._container.close()


def facts_of(path: Path) -> dict[str, Any]:
    """The facts stored in a segment or a joined file; empty if there are none or it cannot be read."""
    try:
        with av.open(str(path)) as container:
            facts = json.loads(container.metadata.get("comment", "{}"))
    except (av.error.FFmpegError, OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) and isinstance(facts.get("first_t_ns"), int) else {}


def join(segments: Sequence[Path], target: Path) -> None:
    """Put segments one behind the other, by copying packets, into a plain MP4 that plays while it loads.

    A segment that was cut off by a kill or a full disk gives the frames that it holds whole, up to where the next one
    begins; if others are missing before that, a warning says for how long.

    Raises:
        SinkError: nothing can be read or written.
    """
    temporary = target.with_name(target.name + ".tmp")
    try:
        with explained(target):
            _copy(segments, temporary)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    temporary.replace(target)


def _copy(segments: Sequence[Path], target: Path) -> None:
    known = [(s, f) for s in segments if (f := facts_of(s))]
    starts_ns = [f["first_t_ns"] for _, f in known]
    zero_ns = min(starts_ns, default=0)
    last = -1
    with av.open(str(target), "w", format="mp4", options={"movflags": "faststart"}) as out:
        out.metadata["comment"] = json.dumps({**(known[0][1] if known else {}), "first_t_ns": zero_ns})
        stream = None
        for place, (segment, _) in enumerate(known):
            shift = _ticks(starts_ns[place] - zero_ns)
            # A capture that was killed had shown more frames than its take kept; they come again in the next segment.
            end = min((_ticks(t - zero_ns) for t in starts_ns[place + 1 :]), default=None)
            seen = _ticks(starts_ns[place] - zero_ns)
            with av.open(str(segment)) as source:
                video = source.streams.video[0]
                if stream is None:
                    stream = out.add_stream_from_template(video)
                    out.start_encoding()  # see `SegmentWriter._begin`
                for packet in _packets(source, video):
                    tick = round(packet.pts * packet.time_base * TICKS_PER_S) + shift
                    if end is not None and tick >= end:
                        break
                    last = seen = tick = max(last + 1, tick)
                    packet.time_base = Fraction(1, TICKS_PER_S)
                    packet.pts = packet.dts = tick
                    packet.duration = 0
                    packet.stream = stream
                    out.mux(packet)
            if end is not None and (lacks_s := (end - seen) / TICKS_PER_S) > _GAP_S:
                log.warning(
                    "%s: %.1f s before second %.1f are missing: the capture broke off before they were on the disk; "
                    "the take has them",
                    target.with_suffix(""),
                    lacks_s,
                    end / TICKS_PER_S,
                )


def _ticks(ns: int) -> int:
    return round(ns * TICKS_PER_S / NS_PER_S)


def _packets(source: Any, video: Any) -> Iterator[Any]:
    try:
        for packet in source.demux(video):
            if packet.is_corrupt:
                return  # its end never came to the disk
            if packet.pts is not None and packet.size:
                yield packet
    except av.error.FFmpegError:
        return  # the end of a file that a kill cut off: what came before is good


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """FFmpeg's and the system's errors as `SinkError`."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SinkError(
            f"video {path} cannot be written: {reason}; free some space or choose another folder"
        ) from error
