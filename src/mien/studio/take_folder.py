"""Which takes there are below the studio's folder, and their names in addresses: the folders they are in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from fastapi import HTTPException

from mien.errors import MienError
from mien.recorder.edited_take import EDITS_FILE, read_edits
from mien.studio.rest_messages import TakeEntry
from mien.take.reader import PARTS_FOLDER, TAKE_FILE, Take, load_take

_DEEPEST = 4
_MOST = 500


def take_entries(folder: Path) -> list[TakeEntry]:
    """All takes, the newest first."""
    found = [_entry(folder, place) for place in take_places(folder)]
    return sorted(found, key=lambda e: e.created_utc, reverse=True)


def take_places(folder: Path) -> Iterator[Path]:
    """Folders with a take, at most a few levels below."""
    base, count = folder.resolve(), 0
    for place, folders, files in os.walk(base):
        here = Path(place)
        if TAKE_FILE in files or PARTS_FOLDER in folders:
            yield here
            count += 1
        deep = len(here.relative_to(base).parts)
        folders[:] = [] if deep >= _DEEPEST or count >= _MOST else sorted(f for f in folders if not f.startswith("."))


def opened_take(folder: Path, name: str) -> Take:
    """The take of a name.

    Raises:
        HTTPException: the name leads out of the folder, or there is no take.
        SourceError: it is damaged.
    """
    if "\x00" in name:
        raise HTTPException(404, "there is no such take")
    place = (folder / name).resolve()
    # os.path.isdir, for Path.is_dir raises where a name is too long
    if not place.is_relative_to(folder.resolve()) or not os.path.isdir(place):  # noqa: PTH112
        raise HTTPException(404, f"there is no take {name[:200]}")
    if not (place / TAKE_FILE).exists() and not (place / PARTS_FOLDER).is_dir():
        raise HTTPException(404, f"there is no take in {name[:200]}")
    return load_take(place)


def _entry(folder: Path, place: Path) -> TakeEntry:
    name = place.relative_to(folder.resolve()).as_posix()
    try:
        take = load_take(place)
        edits = read_edits(take).done if (place / EDITS_FILE).exists() else 0
    except MienError as error:
        return TakeEntry(name=name, source="", created_utc="", state="damaged", frames=0, edits=0, problem=str(error))
    header = take.header
    return TakeEntry(
        name=name,
        source=header.source.name,
        created_utc=header.created_utc,
        state=take.summary.state,
        frames=len(take),
        edits=edits,
    )
