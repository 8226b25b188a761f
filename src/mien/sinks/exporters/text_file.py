"""Text files that appear under their name only when they are whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from mien.errors import SinkError


@contextmanager
def written_text(path: Path) -> Iterator[TextIO]:
    """Open `path` for writing UTF-8 with "\\n" line ends; an error leaves what was there before.

    Raises:
        SinkError: the file cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        try:
            with temporary.open("w", encoding="utf-8", newline="\n") as file:
                yield file
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or error
        raise SinkError(f"{path} cannot be written: {reason}; free some space or choose another folder") from error
