"""Pixels of samples: picture files, first frames of videos, rows of tables, entries of arrays."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.arrays import UInt8
from mien.errors import SourceError

VIDEO_SUFFIXES = frozenset({".avi", ".mp4", ".mov", ".mkv", ".wmv", ".mpg", ".mpeg", ".webm"})
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
MAX_PICTURE_BYTES = 64_000_000


def read_picture(path: Path) -> UInt8:
    """(H, W, 3) uint8 RGB of a picture file, or of the first frame of a video.

    Raises:
        SourceError: not there, not a regular file, too large, or damaged.
    """
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(facts.st_mode):
        raise SourceError(f"{path}: is not a regular file")
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return _first_frame(path)
    if facts.st_size > MAX_PICTURE_BYTES:
        raise SourceError(f"{path}: {facts.st_size} bytes are more than a picture may have ({MAX_PICTURE_BYTES})")
    from mien.sources.images import read_image

    try:
        return read_image(path)[0]
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from error


def _first_frame(path: Path) -> UInt8:
    import av

    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                return np.ascontiguousarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        raise SourceError(f"{path}: not a video that can be read ({error})") from error
    raise SourceError(f"{path}: holds no frame")


@dataclass(frozen=True, slots=True)
class VideoMoment:
    """The frame of a video that is shown at a time.

    Attributes:
        path: the video.
        t_s: seconds from its start.
    """

    path: Path
    t_s: float

    def __call__(self) -> UInt8:
        """Decode it.

        Raises:
            SourceError: not a video that can be read, or it ends before.
        """
        import av

        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                tick = float(stream.time_base or 1)
                zero = (stream.start_time or 0) * tick
                container.seek(int(max(self.t_s + zero, 0.0) / tick), stream=stream)
                for frame in container.decode(stream):
                    if frame.time is None or frame.time - zero >= self.t_s - 1e-3:
                        return np.ascontiguousarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
        except (av.FFmpegError, OSError, ValueError, IndexError) as error:
            raise SourceError(f"{self.path}: not a video that can be read ({error})") from error
        raise SourceError(f"{self.path}: ends before {self.t_s:.3f} s")


@dataclass(frozen=True, slots=True)
class PixelRow:
    """48×48 grey values as text in a line of a csv, found by its place in the file.

    Attributes:
        path: the csv.
        start: byte offset of the line.
        length: bytes of the line.
        side: width and height, px.
    """

    path: Path
    start: int
    length: int
    side: int = 48

    def __call__(self) -> UInt8:
        with self.path.open("rb") as file:
            file.seek(self.start)
            text = file.read(self.length).decode("ascii", errors="replace")
        return grey_picture(text, self.side)


def grey_picture(csv_line: str, side: int) -> UInt8:
    """The picture in the second field of a line `label,pixels,…`.

    Raises:
        SourceError: not side² numbers of 0–255.
    """
    fields = csv_line.split(",")
    tokens = fields[1].strip().strip('"').split() if len(fields) > 1 else []
    if len(tokens) != side * side or not all(t.isascii() and t.isdigit() and len(t) <= 3 for t in tokens):
        raise SourceError(f"expected {side * side} pixel values of 0–255, got {len(tokens)} tokens")
    values = np.array(tokens, dtype=np.int64)
    if values.max() > 255:
        raise SourceError(f"pixel value {values.max()} is above 255")
    grey = values.astype(np.uint8).reshape(side, side)
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))


@dataclass(frozen=True, slots=True, eq=False)
class ArrayEntry:
    """One grey picture of an (N, H, W) uint8 array that is held in memory."""

    array: UInt8
    index: int

    def __call__(self) -> UInt8:
        return np.ascontiguousarray(np.repeat(self.array[self.index][..., None], 3, axis=2))
