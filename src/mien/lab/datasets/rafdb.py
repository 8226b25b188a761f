"""RAF-DB, basic part: seven expressions of web pictures, aligned to 100×100.

The compound part (11 classes, 3,954 pictures) numbers its classes in its own read-me and is not read here.
"""

from __future__ import annotations

from mien.lab.datasets.reading import Reading, unlabelled_pictures

LISTING = "EmoLabel/list_patition_label.txt"
"""Spelled so by its authors."""


def read(reading: Reading) -> None:
    """Read a copy: `basic/EmoLabel/list_patition_label.txt` beside `basic/Image/`."""
    listing = reading.folder.locate(f"basic/{LISTING}") or reading.folder.locate(LISTING)
    if listing is None:
        reading.problem("missing file", f"basic/{LISTING}")
        return
    base = listing.removesuffix(LISTING) + "Image"
    aligned = f"{base}/aligned"
    original = f"{base}/original"
    folder, ending = (aligned, "_aligned.jpg") if reading.folder.has_folder(aligned) else (original, ".jpg")
    if not reading.folder.has_folder(folder):
        reading.problem("missing folder", aligned)
        return
    labelled = set()
    for at, text in reading.folder.text_lines(listing):
        tokens = text.split()
        where = f"{listing} line {at}"
        if not tokens:
            continue
        split = tokens[0].partition("_")[0]
        relative = reading.folder.inside(folder, tokens[0].removesuffix(".jpg") + ending)
        if len(tokens) != 2 or split not in ("train", "test") or relative is None:
            reading.problem("line of another form", f"{where}: {text[:60]!r}; expected for example train_00001.jpg 5")
            continue
        labelled.add(relative)
        expression = reading.expression_of_id(tokens[1], where)
        reading.add(tokens[0], split, path=reading.picture(relative, where), expression=expression)
    unlabelled_pictures(reading, folder, labelled)
