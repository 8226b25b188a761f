"""What the coding sheets of micro-expression sets have in common: a row is a clip with onset, apex and offset.

Slips in published sheets that others found (tvaranka/meb) are corrected with a note. A correction is made only where
the sheet is long enough to be the published one and the corrected frames are in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import Clip, ExpressionLabel
from mien.lab.datasets.tables import whole

Frame = Literal["onset", "apex", "offset"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "subject": ("Subject", "sub"),
    "file": ("Filename", "File name"),
    "onset": ("OnsetFrame", "Onset", "OnsetF"),
    "apex": ("ApexFrame", "Apex", "ApexF"),
    "offset": ("OffsetFrame", "Offset", "OffsetF"),
    "units": ("Action Units", "AU", "AUs"),
    "emotion": ("Estimated Emotion", "Emotion"),
    "class": ("Objective Classes", "Objective Class"),
    "kind": ("Type", "Micro"),
}


@dataclass(frozen=True, slots=True)
class CodedRow:
    """One row of a coding sheet, cells as text but for the frames.

    Attributes:
        where: place in the sheet, for messages.
        cells: by the names of COLUMNS.
        onset, apex, offset: frame numbers; None = not given.
    """

    where: str
    cells: Mapping[str, str]
    onset: int | None
    apex: int | None
    offset: int | None


def coded_rows(reading: Reading, relative: str, rows: Sequence[tuple[int, dict[str, str]]]) -> list[CodedRow]:
    """Rows with their frames as numbers. "/" and an empty cell are "not given"; other text is a problem."""
    out = []
    for number, cells in rows:
        where = f"{relative} row {number}"
        frames: dict[str, int | None] = {}
        for name in ("onset", "apex", "offset"):
            text = cells.get(name, "")
            frames[name] = whole(text)
            if frames[name] is None and text not in ("", "/", "-"):
                reading.problem("label out of range", f"{name} {text!r} ({where}): expected a frame number")
        out.append(CodedRow(where, cells, frames["onset"], frames["apex"], frames["offset"]))
    return out


def correct_slips(
    reading: Reading, rows: list[CodedRow], slips: Mapping[int, Mapping[Frame, int]], at_least: int
) -> list[CodedRow]:
    """Put known slips right.

    Args:
        reading: gets a note for each correction.
        rows: every row of the sheet, in its order.
        slips: row (from 0) → column → right value.
        at_least: rows the published sheet has; a shorter one is another sheet and is left alone.
    """
    if len(rows) < at_least:
        if slips and rows:
            reading.note("known slips not looked for", f"{len(rows)} rows; the published sheet has {at_least}")
        return rows
    out = list(rows)
    for place, right in slips.items():
        row = out[place]
        fixed = replace(
            row,
            onset=right.get("onset", row.onset),
            apex=right.get("apex", row.apex),
            offset=right.get("offset", row.offset),
        )
        known = [n for n in (fixed.onset, fixed.apex, fixed.offset) if n is not None]
        change = ", ".join(f"{name} {getattr(row, name)} → {value}" for name, value in right.items())
        if fixed == row:
            continue
        if known != sorted(known):
            reading.note("known slip not corrected", f"{change} would be out of order ({row.where})")
            continue
        reading.note("known slip of the published sheet corrected", f"{change} ({row.where})")
        out[place] = fixed
    return out


def _note_gaps(reading: Reading, clip: Clip, where: str) -> None:
    if clip.frames is None or clip.onset is None or clip.offset is None:
        return
    wanted = clip.offset - clip.onset + 1
    there = sum(clip.onset <= n <= clip.offset for n in set(clip.frames.numbers))
    if 0 < there < wanted:
        reading.note("gap in the frames", f"{wanted - there} of {wanted} from onset to offset are not there: {where}")


def add_clip(reading: Reading, row: CodedRow, item: tuple[str, str], folder: str | None, kind: str = "micro") -> None:
    """Add the clip of a row.

    Args:
        reading: the dataset.
        row: its row.
        item: subject and name of the sample.
        folder: where its frames are, or None if they are not in the copy (then a problem).
        kind: "micro" or "macro".
    """
    subject, name = item
    frames = reading.frame_files(folder) if folder is not None else None
    if folder is None:
        reading.problem("missing clip", f"no folder of frames for {name} ({row.where})")
    elif frames is None:
        reading.problem("clip without pictures", f"{folder} ({row.where})")
    clip = Clip(row.onset, row.apex, row.offset, reading.info.fps or float("nan"), kind, frames)
    reading.check_order(clip, row.where)
    if frames is not None:
        for label, number in (("onset", row.onset), ("offset", row.offset)):
            if number is not None and number not in frames.numbers:
                reading.problem("missing frame", f"{label} frame {number} of {name} ({row.where})")
        _note_gaps(reading, clip, f"{name} ({row.where})")
    emotion = row.cells.get("emotion", "")
    expression: ExpressionLabel | None = reading.expression_of_word(emotion, row.where) if emotion else None
    objective = row.cells.get("class", "")
    reading.add(
        name,
        reading.split_of(subject, name),
        subject=subject,
        path=reading.clip_frame(clip, name) if frames is not None else None,
        expression=expression,
        action_units=reading.action_units(row.cells.get("units", ""), row.where),
        clip=clip,
        attributes={"objective_class": objective} if objective else {},
    )
