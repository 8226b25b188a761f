"""Whether an animated GIF is whole. It announces no number of pictures, so that a cut-off one plays as a shorter one;
but its blocks say where they end, and the last is a mark (GIF89a specification, sections 15 to 27)."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_EXTENSION, _PICTURE, _END = 0x21, 0x2C, 0x3B


def gif_ends(path: Path) -> bool:
    """True if the mark at the end is where the blocks before it lead; also for what is no GIF."""
    with path.open("rb") as file:
        head = file.read(13)
        if len(head) < 13 or head[:3] != b"GIF":
            return True
        _skip_colours(file, head[10])
        while kind := file.read(1):
            if kind[0] == _END:
                return True
            if kind[0] == _EXTENSION:
                file.seek(1, 1)
            elif kind[0] == _PICTURE:
                place = file.read(9)
                if len(place) < 9:
                    return False
                _skip_colours(file, place[8])
                file.seek(1, 1)
            else:
                return False
            _skip_blocks(file)
    return False


def _skip_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)


def _skip_blocks(file: BinaryIO) -> None:
    while (size := file.read(1)) and size[0]:
        file.seek(size[0], 1)
