"""RECOLA: valence and arousal of video calls, rated by six people every 40 ms.

One csv per participant and dimension, `;` between the columns: time in seconds, then one column per rater. A sample
is one rated moment; its label is the plain mean of the raters (challenges weighted them in other ways). Any video named
after the participant counts.
"""

from __future__ import annotations

import numpy as np

from mien.core.arrays import Float32
from mien.lab.datasets.pictures import VIDEO_SUFFIXES, VideoMoment
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import Clip, Sample
from mien.lab.datasets.tables import csv_rows, number

MIN_RATERS = 2


def read(reading: Reading) -> None:
    """Read a copy: `RECOLA-Annotation/emotional_behaviour/arousal/P16.csv`, `…/valence/P16.csv`."""
    folders = {d: reading.folder.locate_folder(f"emotional_behaviour/{d}") for d in ("arousal", "valence")}
    for dimension, folder in folders.items():
        if folder is None:
            reading.problem("missing folder", f"RECOLA-Annotation/emotional_behaviour/{dimension}")
    arousal, valence = folders["arousal"], folders["valence"]
    if arousal is None or valence is None:
        return
    videos = {}
    for folder, names in reading.folder.tree():
        for name in names:
            stem, _, suffix = name.rpartition(".")
            if f".{suffix.lower()}" in VIDEO_SUFFIXES:
                videos[stem] = f"{folder}/{name}".lstrip("/")
    rated = {folder: set(reading.folder.files(folder, frozenset({".csv"}))) for folder in (arousal, valence)}
    for name in sorted(rated[arousal] | rated[valence]):
        lacking = [folder for folder, names in rated.items() if name not in names]
        if lacking:
            reading.problem("missing file", f"{lacking[0]}/{name}")
            continue
        _add(reading, name.removesuffix(".csv"), (f"{arousal}/{name}", f"{valence}/{name}"), videos)


def _add(reading: Reading, subject: str, tables: tuple[str, str], videos: dict[str, str]) -> None:
    arousal, valence = (_ratings(reading, t) for t in tables)
    if len(arousal) != len(valence) or not len(arousal):
        text = f"{subject}: {len(arousal)} moments of arousal, {len(valence)} of valence"
        reading.problem("tables of different length", text)
        return
    if not np.allclose(arousal[:, 0], valence[:, 0], atol=1e-3):
        reading.problem("times that differ", f"{subject}: arousal and valence were not rated at the same times")
        return
    video = reading.folder.path(videos[subject]) if subject in videos else None
    if video is None:
        reading.problem("missing video", f"no video named {subject}")
    split = reading.split_of(subject, subject)
    clip = Clip(video=video, fps=reading.info.fps or float("nan"))

    def make(i: int) -> Sample:
        t = float(arousal[i, 0])
        return Sample(
            reading.info.name,
            f"{subject}/{t:.2f}",
            split,
            subject,
            pixels=None if video is None else VideoMoment(video, t),
            valence_arousal=(float(valence[i, 1]), float(arousal[i, 1])),
            clip=clip,
            attributes={"t_s": t},
        )

    reading.add_block(len(arousal), make, split, subject)


def _ratings(reading: Reading, relative: str) -> Float32:
    """(N, 2) time in s and mean rating."""
    rows = []
    for at, cells in csv_rows(reading.folder, relative, delimiter=";"):
        values = [number(c) for c in cells if c.strip()]
        if at == 1 and values and values[0] is None:
            continue
        if len(values) < 1 + MIN_RATERS or None in values:
            reading.problem("line of another form", f"{relative} line {at}: expected time;rating;rating;…")
            continue
        known = [v for v in values if v is not None]
        if any(abs(v) > 1 for v in known[1:]):
            reading.problem("label out of range", f"{relative} line {at}: ratings must be -1…1")
            continue
        rows.append((known[0], float(np.mean(known[1:]))))
    return np.array(rows, dtype=np.float32).reshape(-1, 2)
