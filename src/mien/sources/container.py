"""Opening a container file: what it holds, what it announces, and one clear error for each way it is unusable."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from mien.core.timebase import NS_PER_S
from mien.errors import SourceError

_TEXT_FORMATS = {"tty"}  # libav happily draws a text file as a film of letters
_HIGHEST_RATE_HZ = 1000  # above it, a header repeats its time base


def open_video(path: Path, given: str) -> Any:
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        with path.open("rb") as file:
            head = file.read(4096)
        if not any(head):
            reason = "holds zeros where a video begins; the recording or the copy failed: copy it again"
        elif head[4:8] in (b"ftyp", b"mdat", b"wide", b"free"):
            reason = "its index is missing; the recording or the copy was cut off"
        elif isinstance(error, av.InvalidDataError):
            reason = "not a video that can be read, or damaged at the start"
        else:
            reason = f"cannot be opened: {getattr(error, 'strerror', None) or error}"
        raise SourceError(f"{given}: {reason}") from error
    if container.format.name in _TEXT_FORMATS:
        container.close()
        raise SourceError(f"{given}: is a text file, not a video")
    return container


def video_stream(container: Any, given: str) -> Any:
    """The first video that is not a cover picture."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        kinds = sorted({s.type for s in container.streams if s.type != "video"})
        raise SourceError(f"{given}: holds no video" + (f", only {' and '.join(kinds)}" if kinds else ""))
    stream = streams[0]
    if stream.codec_context is None:
        raise SourceError(f"{given}: there is no decoder for its video; convert it to H.264 first")
    return stream


def nominal_rate(stream: Any) -> Fraction | None:
    """Frames per second: the average where the container knows its length, else the codec's own figure."""
    known_length = stream.duration or stream.frames or "DURATION" in stream.metadata
    guesses = (stream.average_rate, stream.guessed_rate)
    rate = next((r for r in (guesses if known_length else guesses[::-1]) if r and r <= _HIGHEST_RATE_HZ), None)
    return None if rate is None else Fraction(rate)


def announced_end_ns(container: Any, stream: Any) -> int | None:
    """Where the container says its video ends; None where it says nothing (or only guesses, as MPEG-TS)."""
    if "matroska" not in container.format.name:
        return None
    tag = stream.metadata.get("DURATION", "")
    try:
        h, m, s = tag.split(":")
        return int((int(h) * 3600 + int(m) * 60 + Fraction(s)) * NS_PER_S)
    except ValueError:
        alone = len(container.streams) == 1 and container.duration
        return container.duration * 1000 if alone else None
