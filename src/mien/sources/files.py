"""Whether a path can be read at all: one clear `SourceError` for each way in which it cannot."""

from __future__ import annotations

import difflib
from pathlib import Path

from mien.errors import SourceError


def existing(path: str | Path) -> Path:
    """The path, if something is there.

    Raises:
        SourceError: nothing is there; close names in the same folder are suggested.
    """
    found = Path(path)
    try:
        if found.exists():
            return found
        names = [p.name for p in found.parent.iterdir()] if found.parent.is_dir() else None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{path}: cannot be looked up: {reason}") from None
    if names is None:
        raise SourceError(f"{path}: there is no folder {found.parent}")
    close = difflib.get_close_matches(found.name, names, n=3)
    hint = f"; did you mean {' or '.join(close)}?" if close else "; check the path"
    raise SourceError(f"{path}: no such file{hint}")


def readable_file(path: str | Path) -> Path:
    """The path of a regular, non-empty file that may be read.

    Raises:
        SourceError: missing, a folder, a pipe or device, empty, or not readable.
    """
    found = existing(path)
    if found.is_dir():
        raise SourceError(f"{path}: is a folder, not a file")
    if not found.is_file():
        raise SourceError(f"{path}: is not a regular file; save it to a file first")
    try:
        with found.open("rb") as file:
            if not file.read(1):
                raise SourceError(f"{path}: is empty (0 bytes)")
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from None
    return found
