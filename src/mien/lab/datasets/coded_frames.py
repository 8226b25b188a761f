"""DISFA and BP4D: action units coded frame by frame."""

from __future__ import annotations

import re

import numpy as np

from mien.core.arrays import Float32
from mien.lab.datasets.au_labels import AuLabels
from mien.lab.datasets.pictures import VideoMoment
from mien.lab.datasets.reading import Reading, last_number
from mien.lab.datasets.sample import Clip, Sample
from mien.lab.datasets.tables import csv_rows, whole

DISFA_UNITS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
DISFA_BENCHMARK = (1, 2, 4, 6, 9, 12, 25, 26)
"""The eight units of the detection benchmark; there intensity 2 and above counts as present."""
BP4D_BENCHMARK = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
BP4D_INTENSITY = (6, 10, 12, 14, 17)
BP4D_TASKS = tuple(f"T{i}" for i in range(1, 9))
_BP4D_SUBJECTS = {
    "fold1": "M016 M015 F020 M003 F019 F021 F004 M017 M011 M006 M004 M014 F016 F008",
    "fold2": "F017 F012 F011 M001 M002 F013 M018 F015 F002 F018 M010 M012 M009 F001",
    "fold3": "M007 F022 M008 F003 F014 F006 M005 F023 F009 F005 F007 M013 F010",
}
BP4D_FOLDS = {fold: tuple(subjects.split()) for fold, subjects in _BP4D_SUBJECTS.items()}
"""A published split of BP4D's 41 subjects (forever208/FMAE-IAT)."""
_UNKNOWN = 9
_BP4D_FILE = re.compile(r"([FM]\d{3})_(T\d)\.csv")


def read_disfa(reading: Reading) -> None:
    """Read DISFA: `ActionUnit_Labels/SN001/SN001_au1.txt` with lines `frame,intensity`, `Videos_LeftCamera/`.

    Folds go by the number of the subject. Intensities 0–5 of both sides together.
    """
    base = reading.folder.locate_folder("ActionUnit_Labels")
    if base is None:
        reading.problem("missing folder", "ActionUnit_Labels")
        return
    videos = reading.folder.locate_folder("Videos_LeftCamera")
    for subject in reading.folder.subfolders(base):
        columns: dict[int, dict[int, float]] = {}
        for unit in DISFA_UNITS:
            relative = f"{base}/{subject}/{subject}_au{unit}.txt"
            if relative in reading.folder:
                columns[unit] = _disfa_column(reading, relative)
            else:
                reading.problem("missing file", relative)
        lengths = {len(c) for c in columns.values()}
        if len(lengths) > 1:
            reading.problem("tables of different length", f"{subject}: {sorted(lengths)} frames")
        frames = sorted(set().union(*columns.values())) if columns else []
        table = np.array([[columns.get(u, {}).get(f, np.nan) for u in DISFA_UNITS] for f in frames], np.float32)
        _add_disfa(reading, subject, (frames, table), videos)


def _disfa_column(reading: Reading, relative: str) -> dict[int, float]:
    out: dict[int, float] = {}
    for at, cells in csv_rows(reading.folder, relative):
        values = [whole(c) for c in cells]
        frame, intensity = values if len(values) == 2 else (None, None)
        if frame is None or intensity is None or frame < 1 or not 0 <= intensity <= 5:
            reading.problem("label out of range", f"{relative} line {at}: {','.join(cells)[:40]!r}; expected frame,0–5")
        elif frame in out:
            _told_twice(reading, f"{relative} line {at}", frame, (out[frame], float(intensity)))
        else:
            out[frame] = float(intensity)
    return out


def _add_disfa(reading: Reading, subject: str, labels: tuple[list[int], Float32], videos: str | None) -> None:
    frames, table = labels
    name = f"LeftVideo{subject}_comp.avi"
    video = reading.folder.path(f"{videos}/{name}") if videos and f"{videos}/{name}" in reading.folder else None
    if video is None:
        reading.problem("missing video", f"Videos_LeftCamera/{name}")
    fps = reading.info.fps or 20.0
    split = reading.split_of(subject, subject)
    clip = Clip(video=video, fps=fps)

    def make(i: int) -> Sample:
        frame = frames[i]
        return Sample(
            reading.info.name,
            f"{subject}/{frame:04d}",
            split,
            subject,
            pixels=None if video is None else VideoMoment(video, (frame - 1) / fps),
            action_units=AuLabels.of_intensities(DISFA_UNITS, table[i]),
            clip=clip,
            attributes={"frame": frame},
        )

    reading.add_block(len(frames), make, split, subject)


def read_bp4d(reading: Reading) -> None:
    """Read BP4D: `AUCoding/AU_OCC/F001_T1.csv`, `AUCoding/AU_INT/AU06/F001_T1_AU06.csv`; frames of `F001/T1/`.

    Whether frame f of a csv is picture f or f - 1 differs by release (not verified): where a folder's pictures
    start at 0, f - 1 is taken, and noted.
    """
    base = reading.folder.locate_folder("AU_OCC")
    if base is None:
        reading.problem("missing folder", "AUCoding/AU_OCC")
        return
    fold_of = {subject: fold for fold, subjects in BP4D_FOLDS.items() for subject in subjects}
    if not reading.folder.has_folder(base.removesuffix("AU_OCC") + "AU_INT"):
        reading.note("no intensities", "AUCoding/AU_INT is not there; only presence is given")
    names = reading.folder.files(base, frozenset({".csv"}))
    for subject in sorted({name.partition("_")[0] for name in names} & set(fold_of)):
        for task in BP4D_TASKS:
            if f"{subject}_{task}.csv" not in names:
                reading.problem("missing file", f"{base}/{subject}_{task}.csv")
    for name in names:
        match = _BP4D_FILE.fullmatch(name)
        if match is None or match[1] not in fold_of:
            reading.problem("file name of another form", f"{base}/{name}; expected for example F001_T1.csv")
            continue
        codes = _bp4d_table(reading, f"{base}/{name}")
        if codes is not None:
            _add_bp4d(reading, (match[1], match[2], fold_of[match[1]]), codes, base)


def _bp4d_table(reading: Reading, relative: str) -> tuple[tuple[int, ...], list[int], Float32] | None:
    """(units, frames, (frames, units) of 0, 1 or NaN); None if the header is no list of units."""
    units: tuple[int, ...] = ()
    frames, rows = [], []
    for at, cells in csv_rows(reading.folder, relative):
        values = [whole(c) for c in cells]
        if at == 1:
            units = tuple(v for v in values[1:] if v is not None and 1 <= v <= 98)
            if not units or len(set(units)) != len(values) - 1:
                reading.problem("header of another form", f"{relative}: expected 0, then AU numbers")
                return None
        elif len(values) != len(units) + 1 or not _is_frame(values[0]) or not {*values[1:]} <= {0, 1, _UNKNOWN}:
            reading.problem("label out of range", f"{relative} line {at}: expected a frame and cells of 0, 1 or 9")
        else:
            frames.append(int(values[0] or 0))
            rows.append([np.nan if v == _UNKNOWN else float(v or 0) for v in values[1:]])
    return units, frames, np.array(rows, dtype=np.float32).reshape(len(rows), len(units))


def _is_frame(value: int | None) -> bool:
    return value is not None and value >= 0


def _add_bp4d(
    reading: Reading, item: tuple[str, str, str], codes: tuple[tuple[int, ...], list[int], Float32], base: str
) -> None:
    subject, task, fold = item
    units, frames, presence = codes
    intensity = np.full(presence.shape, np.nan, dtype=np.float32)
    table = base.removesuffix("AU_OCC") + "AU_INT"
    for unit in BP4D_INTENSITY if reading.folder.has_folder(table) else ():
        relative = f"{table}/AU{unit:02d}/{subject}_{task}_AU{unit:02d}.csv"
        if relative not in reading.folder:
            reading.problem("missing file", relative)
        elif unit in units:
            column = _intensity_column(reading, relative)
            intensity[:, units.index(unit)] = [column.get(f, np.nan) for f in frames]
    folder = reading.folder.locate_folder(f"{subject}/{task}")
    files = {last_number(n): n for n in reading.folder.pictures(folder)} if folder else {}
    shift = 0
    if 0 in files:
        shift = 1
        reading.note("pictures counted from 0", f"{folder}: frame f of the csv is taken as picture f - 1")
    if not files:
        reading.problem("missing folder", f"{subject}/{task} with its frames")
    missing = [f for f in frames if f - shift not in files] if files else []
    for frame in missing:
        reading.problem("missing image", f"{folder}: frame {frame}")
    names = tuple(f"AU{u}" for u in units)

    def make(i: int) -> Sample:
        file = files.get(frames[i] - shift)
        return Sample(
            reading.info.name,
            f"{subject}/{task}/{frames[i]:04d}",
            fold,
            subject,
            None if file is None else reading.folder.path(f"{folder}/{file}"),
            action_units=AuLabels(names, presence[i], intensity[i]),
            attributes={"task": task, "frame": frames[i]},
        )

    reading.add_block(len(frames), make, fold, subject)


def _intensity_column(reading: Reading, relative: str) -> dict[int, float]:
    out: dict[int, float] = {}
    for at, cells in csv_rows(reading.folder, relative):
        values = [whole(c) for c in cells[:2]]
        frame, intensity = values if len(values) == 2 else (None, None)
        if frame is None or intensity is None or not (0 <= intensity <= 5 or intensity == _UNKNOWN):
            if at > 1:
                reading.problem("label out of range", f"{relative} line {at}: expected frame,0–5 or 9")
        elif frame in out:
            _told_twice(reading, f"{relative} line {at}", frame, (out[frame], float(intensity)))
        else:
            out[frame] = np.nan if intensity == _UNKNOWN else float(intensity)
    return out


def _told_twice(reading: Reading, where: str, frame: int, values: tuple[float, float]) -> None:
    first, again = (_UNKNOWN if np.isnan(v) else v for v in values)
    reading.problem(
        "frame listed twice", f"{where}: frame {frame} again, with {again:g} after {first:g}; the first is kept"
    )
