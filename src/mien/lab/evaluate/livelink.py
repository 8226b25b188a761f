"""Reading the CSV that the Live Link Face app records: 52 ARKit shapes and a timecode per row.

Columns are found by name, never by position. Numbers that are missing are NaN; anything else that is wrong is an error.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.arrays import Float64
from mien.core.schema import load_schema
from mien.errors import SourceError

MAX_BYTES = 500_000_000
RATE = 60
"""The timecode counts frames on this base, whatever the frame rate of the recording."""
_TIMECODE = re.compile(r"(\d{1,2})[:;](\d{1,2})[:;](\d{1,2})[:;](\d{1,3}(?:\.\d+)?)")
_DAY_S = 86400.0


@dataclass(frozen=True, slots=True, eq=False)
class LiveLinkRecording:
    """What the file holds.

    Attributes:
        t_s: (T,) float64 seconds of the day, ascending (past midnight they go on growing).
        weights: (T, 52) float64 schema "arkit52", as written; NaN = the row has no number there.
    """

    t_s: Float64
    weights: Float64


def timecode_s(text: str, rate: float = RATE) -> float | None:
    """Seconds of the day of "HH:MM:SS:FF.sss"; None if it is no timecode. FF counts on `rate` frames per second."""
    match = _TIMECODE.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, frames = (float(g) for g in match.groups())
    return hours * 3600 + minutes * 60 + seconds + frames / rate


def read_livelink(path: Path, *, swap_mouth_sides: bool = False) -> LiveLinkRecording:
    """Read a recording.

    Args:
        path: the CSV file.
        swap_mouth_sides: exchange MouthLeft and MouthRight, which some versions of the app seem to mix up.

    Raises:
        SourceError: it cannot be read, is none, or a row is damaged; the message names the line.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(f"{path}: larger than {MAX_BYTES} bytes, which no recording of a face is")
        with path.open(encoding="utf-8-sig", newline="") as file:
            times, rows = _rows(csv.reader(file), path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read as a Live Link Face CSV: {error}") from None
    if len(times) < 2:
        raise SourceError(f"{path}: holds {len(times)} rows; a recording has at least two")
    t_s = np.array(times)
    t_s += _DAY_S * np.concatenate([[0.0], np.cumsum(np.diff(t_s) < -_DAY_S / 2)])
    later = np.concatenate([[True], t_s[1:] > np.maximum.accumulate(t_s)[:-1]])
    weights = np.array(rows)[later]
    if swap_mouth_sides:
        index = load_schema("arkit52").index
        sides = [index("mouthLeft"), index("mouthRight")]
        weights[:, sides] = weights[:, sides[::-1]]
    return LiveLinkRecording(t_s[later], weights)


def _rows(reader: Iterator[list[str]], path: Path) -> tuple[list[float], list[list[float]]]:
    header = [name.strip() for name in next(reader, [])]
    places = _places(header, path)
    timecode = header.index("Timecode")
    times: list[float] = []
    rows: list[list[float]] = []
    for line, row in enumerate(reader, start=2):
        if not any(cell.strip() for cell in row):
            continue
        t_s = timecode_s(row[timecode]) if timecode < len(row) else None
        if t_s is None:
            raise SourceError(f"{path}, line {line}: no timecode HH:MM:SS:FF.sss; is the file cut off?")
        times.append(t_s)
        rows.append([_number(row[k] if k < len(row) else "", f"{path}, line {line}, {header[k]}") for k in places])
    return times, rows


def _places(header: Sequence[str], path: Path) -> list[int]:
    """Column of each shape of schema "arkit52"."""
    lower = {name.lower(): k for k, name in enumerate(header)}
    names = load_schema("arkit52").names
    missing = [n for n in names if n.lower() not in lower]
    if "Timecode" not in header or missing:
        what = "Timecode" if "Timecode" not in header else ", ".join(missing[:5])
        raise SourceError(f"{path}: not a Live Link Face CSV: its first line has no column {what}")
    return [lower[n.lower()] for n in names]


def _number(cell: str, where: str) -> float:
    if not cell.strip():
        return float("nan")
    try:
        value = float(cell)
    except ValueError:
        raise SourceError(f"{where}: {cell[:40]!r} is no number") from None
    if not -10.0 <= value <= 10.0:  # also refuses NaN and infinity
        raise SourceError(f"{where}: {cell[:40]} is no weight of a shape (0 to 1)")
    return value
