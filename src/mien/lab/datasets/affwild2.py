"""Aff-Wild2 (ABAW): every frame of videos labelled for expression, valence and arousal, or twelve action units.

The three tasks have splits of their own, so they are three datasets here: `affwild2-expr`, `affwild2-va`,
`affwild2-au`, and the multi-task list `affwild2-mtl`. A label file is told by its first line. Frame n of a video is
`00001.jpg` counted from 1; frames in which the organisers found no face have no picture, and are left out with a note.
Packages of different years name the folders slightly differently: any folder that says Train or Val counts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien.core.arrays import Float32
from mien.lab.datasets.au_labels import AuLabels
from mien.lab.datasets.reading import Reading, last_number
from mien.lab.datasets.sample import ExpressionLabel, Sample
from mien.lab.datasets.tables import csv_rows, header_key, number

UNITS = (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)
UNITS_2020 = (1, 2, 4, 6, 12, 15, 20, 25)
_IGNORE = -5
"""Valence or arousal that was not rated: the frame has neither."""
_WIDTHS = {"expr": (1,), "va": (2,), "au": (len(UNITS), len(UNITS_2020))}


def read(reading: Reading) -> None:
    """Read a copy: label files below folders that name task and split, `cropped_aligned/<video>/`."""
    task = reading.info.name.rpartition("-")[2]
    pictures = reading.folder.locate_folder("cropped_aligned")
    if pictures is None:
        reading.problem("missing folder", "cropped_aligned")
    if task == "mtl":
        _read_multitask(reading, pictures)
        return
    found = False
    for folder, names in reading.folder.tree():
        split = _split_of(folder)
        if split is None:
            continue
        for name in names:
            if name.endswith(".txt"):
                found = _read_video(reading, f"{folder}/{name}", task, (split, pictures)) or found
    if not found:
        reading.problem("missing file", f"label files of the {task} task in a Train and a Validation folder")


def _split_of(folder: str) -> str | None:
    last = folder.rpartition("/")[2].casefold()
    return "train" if "train" in last else "val" if "val" in last else None


def _task_of(header: list[str]) -> str | None:
    keys = [header_key(c) for c in header]
    if keys[:2] == ["valence", "arousal"]:
        return "va"
    if keys and keys[0].startswith("au") and keys[0][2:].isdigit():
        return "au"
    return "expr" if "anger" in keys else None


def _read_video(reading: Reading, relative: str, task: str, place: tuple[str, str | None]) -> bool:
    """Add the frames of one label file; False if it belongs to another task."""
    split, pictures = place
    video = relative.rpartition("/")[2].removesuffix(".txt")
    values: list[Float32] = []
    for at, cells in csv_rows(reading.folder, relative):
        if at == 1:
            if _task_of(cells) != task:
                return False
            continue
        row = [number(c) for c in cells]
        if len(row) not in _WIDTHS[task] or None in row or (values and len(row) != len(values[0])):
            reading.problem("line of another form", f"{relative} line {at}: {','.join(cells)[:60]!r}")
            row = [None] * (len(values[0]) if values else _WIDTHS[task][0])  # keeps the count of frames
        values.append(np.array([np.nan if v is None else v for v in row], dtype=np.float32))
    if values:
        _add_video(reading, video, np.stack(values), (task, split, pictures, relative))
    return True


def _add_video(reading: Reading, video: str, table: Float32, place: tuple[str, str, str | None, str]) -> None:
    task, split, pictures, relative = place
    _check_range(reading, table, task, relative)
    known = {"expr": table[:, 0] >= 0, "va": (np.abs(table) <= 1).all(axis=1), "au": (table >= 0).any(axis=1)}[task]
    folder = None if pictures is None else f"{pictures}/{video}"
    files = {last_number(n): n for n in reading.folder.pictures(folder)} if folder else {}
    if folder and not files:
        reading.problem("missing image", f"no pictures in {folder} ({relative})")
    frames = [int(i) for i in np.flatnonzero(known)]
    if files:
        without = [i for i in frames if i + 1 not in files]
        if without:
            reading.note("labelled frame without a picture left out", f"{video}: {len(without)} of {len(frames)}")
        frames = [i for i in frames if i + 1 in files]
    subject = video.removesuffix("_left").removesuffix("_right")

    def make(i: int) -> Sample:
        frame = frames[i]
        path = reading.folder.path(f"{folder}/{files[frame + 1]}") if files else None
        attributes = {"video": video, "frame": frame + 1}
        sample = Sample(reading.info.name, f"{video}/{frame + 1:05d}", split, subject, path, attributes=attributes)
        return _with_label(sample, task, table[frame], reading)

    reading.add_block(len(frames), make, split, subject)


def _with_label(sample: Sample, task: str, row: Float32, reading: Reading) -> Sample:
    if task == "expr":
        name = reading.labels.of_id(int(row[0]))
        return replace(sample, expression=None if name is None else ExpressionLabel(name, reading.labels.name))
    if task == "va":
        return replace(sample, valence_arousal=(float(row[0]), float(row[1])))
    units = UNITS if len(row) == len(UNITS) else UNITS_2020
    return replace(sample, action_units=AuLabels.of_presence(units, np.where(row < 0, np.nan, row)))


def _check_range(reading: Reading, table: Float32, task: str, relative: str) -> None:
    known = table[np.isfinite(table)]
    if task == "va":
        bad = known[(np.abs(known) > 1) & (known != _IGNORE)]
    else:
        allowed = (-1, *reading.labels.ids) if task == "expr" else (-1, 0, 1)
        bad = known[~np.isin(known, allowed)]
    if bad.size:
        reading.problem("label out of range", f"{float(bad[0]):g} and {bad.size - 1} more ({relative})")
        table[np.isin(table, bad)] = np.nan


def _read_multitask(reading: Reading, pictures: str | None) -> None:
    """`train_set.txt`, `validation_set.txt`: image, valence, arousal, expression, twelve units; a line per frame."""
    found = False
    for split, names in (("train", ("train_set.txt",)), ("val", ("validation_set.txt", "val_set.txt"))):
        listing = next((p for n in names if (p := reading.folder.locate(n)) is not None), None)
        if listing is None:
            reading.problem("missing file", names[0])
            continue
        found = True
        for at, cells in csv_rows(reading.folder, listing):
            where = f"{listing} line {at}"
            row = [number(c) for c in cells[1:]]
            if at == 1 and cells and header_key(cells[0]) == "image":
                continue
            relative = reading.folder.inside(pictures or "", cells[0]) if cells else None
            if relative is None or len(row) != 3 + len(UNITS) or None in row:
                reading.problem("line of another form", f"{where}: {','.join(cells)[:60]!r}")
                continue
            _add_multitask(reading, relative, [float(v or 0) for v in row], (split, pictures, where))
    if not found:
        reading.note("other tasks", "affwild2-expr, affwild2-va and affwild2-au read the label files per video")


def _add_multitask(reading: Reading, relative: str, row: list[float], place: tuple[str, str | None, str]) -> None:
    split, pictures, where = place
    valence, arousal, emotion = row[:3]
    units = np.array(row[3:], dtype=np.float32)
    if any(abs(v) > 1 and v != _IGNORE for v in (valence, arousal)):
        text = f"valence {valence:g}, arousal {arousal:g} ({where}): expected -1…1, or -5 to ignore"
        reading.problem("label out of range", text)
    affect = (valence, arousal) if abs(valence) <= 1 and abs(arousal) <= 1 else None
    if not np.isin(units, (-1, 0, 1)).all():
        reading.problem("label out of range", f"action units must be -1, 0 or 1 ({where})")
        units = np.full(len(units), -1, np.float32)
    video = relative.split("/")[-2] if "/" in relative else ""
    reading.add(
        relative,
        split,
        subject=video.removesuffix("_left").removesuffix("_right") or None,
        path=None if pictures is None else reading.picture(relative, where),
        expression=None if emotion == -1 else reading.expression_of_id(f"{emotion:g}", where),
        valence_arousal=affect,
        action_units=AuLabels.of_presence(UNITS, np.where(units < 0, np.nan, units)),
    )
