"""ExpW: faces in web pictures, one per line; the box is given as top, left, right, bottom.

No split is published: a picture's side follows from the hash of its name, so that all its faces stay together.
"""

from __future__ import annotations

import numpy as np

from mien.lab.datasets.reading import Reading
from mien.lab.datasets.tables import number

COLUMNS = "name, face, top, left, right, bottom, confidence, class"


def read(reading: Reading) -> None:
    """Read a copy: `label/label.lst` and the pictures (`image/origin/`, as archives unpack them)."""
    listing = reading.folder.locate("label/label.lst") or reading.folder.locate("label.lst")
    if listing is None:
        reading.problem("missing file", "label/label.lst")
        return
    candidates = [reading.folder.locate_folder(name) for name in ("image/origin", "origin", "image", "images")]
    base = next((c for c in candidates if c is not None and reading.folder.pictures(c)), None)
    if base is None:
        reading.problem("missing folder", "image/origin")
    for at, text in reading.folder.text_lines(listing):
        tokens = text.split()
        where = f"{listing} line {at}"
        if not tokens:
            continue
        values = [number(t) for t in tokens[1:7]]
        relative = reading.folder.inside(base or "", tokens[0])
        if len(tokens) != 8 or None in values or relative is None:
            reading.problem("line of another form", f"{where}: {text[:60]!r}; expected {COLUMNS}")
            continue
        face, top, left, right, bottom, confidence = (float(v or 0) for v in values)
        if right <= left or bottom <= top:
            reading.problem(
                "box without area", f"top {top:g}, left {left:g}, right {right:g}, bottom {bottom:g} ({where})"
            )
            continue
        reading.add(
            f"{tokens[0]}#{face:g}",
            reading.split_of(None, tokens[0]),
            path=None if base is None else reading.picture(relative, where),
            boxes_xyxy=np.array([[left, top, right, bottom]], np.float32),
            expression=reading.expression_of_id(tokens[7], where),
            attributes={"box_confidence": confidence},
        )
