"""Files that appear under their name only when they are whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from mien.errors import SinkError


@contextmanager
def written_text(path: Path) -> Iterator[TextIO]:
    """Open `path` for writing UTF-8 with "\\n" line ends; an error leaves what was there before.

    Raises:
        SinkError: the file cannot be written.
    """
    with _beside(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        yield file


@contextmanager
def written_bytes(path: Path, *, folders: bool = False) -> Iterator[BinaryIO]:
    """The same for bytes; `folders` = missing folders are made."""
    with _beside(path, folders) as part, part.open("wb") as file:
        yield file


@contextmanager
def _beside(path: Path, folders: bool = False) -> Iterator[Path]:
    """A file beside `path` that takes its place in the end."""
    part = path.with_name(path.name + ".tmp")
    try:
        try:
            if folders:
                path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or error
        raise SinkError(f"{path} cannot be written: {reason}; free some space or choose another folder") from error
