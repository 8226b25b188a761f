"""Frames of clips as a source: one frame every `EVERY_S`, every face in it. For tests only, whatever is asked."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

from mien.core.arrays import UInt8
from mien.errors import RequestError, SourceError
from mien.lab.pseudo.sources import Listing, Picture
from mien.sources.video import VideoSource

EVERY_S = 0.5
SUFFIXES = frozenset({".mp4", ".mov", ".gif", ".webm", ".mkv", ".avi"})
NEVER = "internal"
"""Folders of this name hold clips that must not leave trials; they are not looked into."""


def list_clips(folder: Path) -> Listing:
    """Frames of the clips that lie directly in a folder. A subject is everybody in one clip; the split is "test".

    Raises:
        SourceError: no clip there.
        RequestError: the folder is one of clips that are not to be used.
    """
    folder = folder.resolve()
    if NEVER in (p.casefold() for p in folder.parts):
        raise RequestError(f'{folder}: clips in a folder named "{NEVER}" are not labelled')
    files = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        raise SourceError(f"{folder}: no clip in it ({', '.join(sorted(SUFFIXES))})")
    pictures = []
    for file in files:
        for t_ms in _frames(file):
            picture = Picture(
                name=f"{file.stem}_{t_ms:07d}ms",
                subject=file.stem,
                image=partial(_frame_at, file, t_ms),
                split="test",
                attributes={"clip": file.name, "t_ms": t_ms},
            )
            pictures.append(picture)
    return Listing("clips", tuple(pictures), {})


@lru_cache(maxsize=1)
def _frames(file: Path) -> dict[int, UInt8]:
    """Time in ms → frame: the first one of every `EVERY_S`."""
    chosen: dict[int, UInt8] = {}
    due_ns = 0
    video = VideoSource(file)
    try:
        for record in video:
            if record.image is not None and record.stamp.t_ns >= due_ns:
                chosen[record.stamp.t_ns // 1_000_000] = record.image
                due_ns = record.stamp.t_ns + int(EVERY_S * 1e9)
    finally:
        video.close()
    return chosen


def _frame_at(file: Path, t_ms: int) -> UInt8:
    return _frames(file)[t_ms]
