"""How large a TIFF says it is, without decoding it: OpenCV decodes first and can be asked afterwards only."""

from __future__ import annotations

import struct
from pathlib import Path

_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_WIDTH, _HEIGHT, _SHORT = 256, 257, 3


def tiff_size(path: Path) -> tuple[int, int] | None:
    """Width and height that the first directory of a TIFF states; None if it is none. Source: TIFF 6.0, section 2."""
    with path.open("rb") as file:
        order = _ORDERS.get(file.read(4))
        if order is None:
            return None
        try:
            file.seek(struct.unpack(f"{order}I", file.read(4))[0])
            (count,) = struct.unpack(f"{order}H", file.read(2))
            sides = {_WIDTH: 0, _HEIGHT: 0}
            for _ in range(count):
                entry = file.read(12)
                tag, kind = struct.unpack_from(f"{order}HH", entry)
                if tag in sides:
                    # The larger of repeated entries: which one a decoder believes is its own affair.
                    value = struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'I'}", entry, 8)[0]
                    sides[tag] = max(sides[tag], value)
        except struct.error:
            return None
    w, h = sides.values()
    return (w, h) if w and h else None
