"""`folder:PATH`: a user's own pictures or clips, one sub-folder per class, or a csv with the columns path and label.

Classes whose names mean one of the common expressions ("happy", "Angry") take the common name; others keep their own.
Folders named train, val or test are the splits; a csv may have the columns subject and split. Without them the split
follows from a hash of the subject, else of the name, so that it stays the same when pictures are added.

Where no class folder holds a picture, videos are the items, and a folder between class and file names the subject
("happy/anna/1.mp4"); beside pictures they are left out. A csv may name both.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from mien.lab.datasets.labels import load_labels
from mien.lab.datasets.pictures import PICTURE_SUFFIXES, VIDEO_SUFFIXES
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import Clip, ExpressionLabel
from mien.lab.datasets.tables import csv_rows, records

OWN = "own"
SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
COLUMNS: dict[str, tuple[str, ...]] = {
    "path": ("path", "file", "filename", "image"),
    "label": ("label", "class", "expression", "emotion"),
    "subject": ("subject", "person"),
    "split": ("split", "usage"),
}


def read(reading: Reading) -> None:
    """Read a copy."""
    given = reading.folder.given
    for name in [given] if given else reading.folder.files("", frozenset({".csv"})):
        table = records(csv_rows(reading.folder, name), COLUMNS, ("path", "label"))
        if table is not None:
            _read_table(reading, name, table)
            return
        text = f"{name}: not used; its first line must name the columns path and label, with commas between"
        reading.note("csv without path and label", text)
    folders = reading.folder.subfolders()
    splits = [f for f in folders if f.casefold() in SPLITS]
    parted = any(reading.folder.subfolders(f) for f in splits)
    classes = [f"{s}/{f}" for s in splits for f in reading.folder.subfolders(s)] if parted else folders
    videos = not any(reading.folder.pictures(place) for top in classes for place, _ in reading.folder.tree(top))
    if parted:
        for folder in folders:
            if folder in splits:
                _read_classes(reading, folder, SPLITS[folder.casefold()], videos=videos)
            else:
                reading.note("folder beside the splits left out", folder)
    else:
        for folder in splits:
            reading.note("folder named like a split taken as a class", f"{folder}: it has no sub-folders")
        _read_classes(reading, "", None, videos=videos)
    if not reading.blocks:
        reading.problem(
            "no pictures", "expected one sub-folder of pictures or clips per class, or a csv with path and label"
        )


def _label(text: str) -> ExpressionLabel:
    common = load_labels("common")
    return ExpressionLabel(common.of_word(text) or text.strip().casefold(), OWN)


def _read_classes(reading: Reading, base: str, split: str | None, *, videos: bool) -> None:
    folders = reading.folder.subfolders(base)
    suffixes = VIDEO_SUFFIXES if videos else PICTURE_SUFFIXES
    if base and not folders:
        reading.problem("split without class folders", base)
    for folder in folders:
        top = f"{base}/{folder}".lstrip("/")
        found = 0
        for place, _ in reading.folder.tree(top):
            subject = place[len(top) + 1 :].partition("/")[0] or None if videos else None
            for name in reading.folder.files(place, suffixes):
                found += 1
                relative = f"{place}/{name}"
                _add(reading, relative, split or reading.split_of(subject, relative), folder, subject)
            for name in [] if videos else reading.folder.files(place, VIDEO_SUFFIXES):
                reading.note("video beside pictures left out", f"{place}/{name}; a csv may name both")
        if not found:
            reading.problem("class folder without items", top)
    for name in reading.folder.files(base, PICTURE_SUFFIXES | VIDEO_SUFFIXES):
        reading.note("picture without a class left out", f"{base}/{name}".lstrip("/"))


def _add(reading: Reading, relative: str, split: str, label: str, subject: str | None) -> None:
    path = reading.folder.path(relative)
    clip = Clip(video=path) if PurePosixPath(relative).suffix.lower() in VIDEO_SUFFIXES else None
    reading.add(relative, split, subject=subject, path=path, expression=_label(label), clip=clip)


def _read_table(reading: Reading, table_name: str, table: list[tuple[int, dict[str, str]]]) -> None:
    for number, cells in table:
        where = f"{table_name} line {number}"
        relative = reading.folder.inside("", cells["path"])
        if relative is None:
            reading.problem("path that leaves the folder", f"{cells['path']!r} ({where})")
            continue
        if not cells["label"]:
            reading.problem("item without a label", f"{relative} ({where})")
            continue
        named = cells["split"].casefold()
        if named and named not in SPLITS:
            reading.problem("label out of range", f"split {cells['split']!r} ({where}); known: train, val, test")
            continue
        if reading.picture(relative, where) is None:
            continue
        subject = cells["subject"] or None
        split = SPLITS[named] if named else reading.split_of(subject, relative)
        _add(reading, relative, split, cells["label"], subject)
