"""SAMM micro-movements, and the SAMM long videos with micro- and macro-expressions.

The published sheets begin with lines of introduction: the header is the row that holds Subject and Filename.
"""

from __future__ import annotations

from mien.lab.datasets.micro import COLUMNS, CodedRow, Frame, add_clip, coded_rows, correct_slips
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.tables import Row, first_records, table_sheets

SHEET = "SAMM_Micro_FACS_Codes_v2"
LONG_SHEET = "SAMM_LongVideos_V2_Release"
SLIPS: dict[int, dict[Frame, int]] = {
    56: {"offset": 5739},
    125: {"apex": 1105},
    132: {"apex": 4945},
    133: {"apex": 5130},
}
ROWS = 159


def _rows(reading: Reading, sheet: str, needed: bool = True) -> list[CodedRow]:
    found = table_sheets(reading.folder, sheet)
    if found is None:
        if needed:
            reading.problem("missing file", f"{sheet}.xlsx")
        return []
    table = first_records(found[1], COLUMNS, ("subject", "file", "onset"))
    if table is None:
        if sheet == LONG_SHEET:
            return coded_rows(reading, found[0], _headless(found[1][0] if found[1] else []))
        reading.problem("sheet without its header", f"{found[0]}: no row with Subject, Filename, Onset Frame")
        return []
    return coded_rows(reading, found[0], table)


def _headless(rows: list[Row]) -> list[tuple[int, dict[str, str]]]:
    """The long videos' sheet by position, where its header is written otherwise: ten rows come before the data."""
    names = ("subject", "file", "inducement", "onset", "apex", "offset", "duration", "kind", "units", "notes")
    data = [(number, cells) for number, cells in rows[10:] if any(cells)]
    return [(number, {**dict.fromkeys(COLUMNS, ""), **dict(zip(names, cells, strict=False))}) for number, cells in data]


def read(reading: Reading) -> None:
    """Read SAMM: the sheet and `006/006_1_2/006_05562.jpg`."""
    for row in correct_slips(reading, _rows(reading, SHEET), SLIPS, ROWS):
        subject, clip = row.cells["subject"].zfill(3), row.cells["file"]
        if not clip:
            reading.problem("row of another form", f"{row.where}: no file name")
            continue
        add_clip(reading, row, (subject, clip), reading.folder.locate_folder(f"{subject}/{clip}"))


def read_long(reading: Reading) -> None:
    """Read the long videos: their sheet and `SAMM_longvideos/006_1/`. Emotions come from SAMM's own sheet, if it is
    there, by file name. An onset of 0 marks a sample that is left out."""
    emotions = {row.cells["file"]: row.cells["emotion"] for row in _rows(reading, SHEET, needed=False)}
    for row in _rows(reading, LONG_SHEET):
        kind = row.cells["kind"].casefold()
        kind = "micro" if kind.startswith("micro") else "macro" if kind.startswith("macro") else ""
        clip = row.cells["file"]
        if not kind or clip.count("_") < 1:
            reading.problem("row of another form", f"{row.where}: file {clip!r}, type {row.cells['kind']!r}")
            continue
        if row.onset == 0:
            reading.note("sample with onset 0 left out", f"{clip} ({row.where})")
            continue
        emotion = emotions.get(clip, "") if kind == "micro" else ""
        labelled = CodedRow(row.where, {**row.cells, "emotion": emotion}, row.onset, row.apex or None, row.offset)
        subject, _, rest = clip.partition("_")
        video = f"{subject}_{rest.partition('_')[0]}"
        folder = reading.folder.locate_folder(video)
        add_clip(reading, labelled, (subject.zfill(3), f"{clip}/{kind}/{row.onset}"), folder, kind)
