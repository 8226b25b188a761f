"""The CASME family: CASME II, CAS(ME)² and CAS(ME)³ (part A).

The names of CASME II's picture files (`img46.jpg`, `reg_img46.jpg`) are recollection; any name that ends with the
frame number is read.
"""

from __future__ import annotations

from dataclasses import replace

from mien.lab.datasets.micro import COLUMNS, CodedRow, Frame, add_clip, coded_rows, correct_slips
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.tables import first_records, table_sheets, whole

CASME_II_SHEET = "CASME2-coding-20140508"
CASME_II_SLIPS: dict[int, dict[Frame, int]] = {60: {"offset": 91}}
CASME_II_ROWS = 255
CAS_ME_2_SHEET = "code_final"
CAS_ME_2_COLUMNS = ("subject", "file", "onset", "apex", "offset", "units", "emotion", "kind", "self_report")
CAS_ME_3_SLIPS: dict[int, dict[Frame, int]] = {
    128: {"apex": 123},
    708: {"offset": 34},
    749: {"onset": 2647},
    750: {"onset": 1, "apex": 1},
    796: {"offset": 1845},
    798: {"offset": 2403},
}
CAS_ME_3_ROWS = 860
CAS_ME_3_SHEET = "cas(me)3_part_A_ME_label_JpgIndex_v2"


def read_casme_ii(reading: Reading) -> None:
    """Read CASME II: the coding sheet and `sub01/EP02_01f/` (raw or cropped)."""
    rows = _sheet(reading, (CASME_II_SHEET, "CASME2-coding"))
    rows = correct_slips(reading, rows, CASME_II_SLIPS, CASME_II_ROWS)
    for row in rows:
        number = whole(row.cells["subject"].casefold().removeprefix("sub"))
        if number is None or not row.cells["file"]:
            reading.problem("row of another form", f"{row.where}: subject {row.cells['subject']!r}")
            continue
        subject = f"sub{number:02d}"
        name = f"{subject}/{row.cells['file']}"
        add_clip(reading, row, (subject, name), reading.folder.locate_folder(name))


def _sheet(reading: Reading, names: tuple[str, ...]) -> list[CodedRow]:
    """Rows of the first sheet that is there; none (and a problem) if it is missing or has no header."""
    for name in names:
        found = table_sheets(reading.folder, name)
        if found is None:
            continue
        table = first_records(found[1], COLUMNS, ("subject", "file", "onset"))
        if table is None:
            reading.problem("sheet without its header", f"{found[0]}: no row with Subject, Filename, Onset")
            return []
        return coded_rows(reading, found[0], table)
    reading.problem("missing file", f"{names[0]}.xlsx")
    return []


def read_cas_me_2(reading: Reading) -> None:
    """Read CAS(ME)²: `code_final.xlsx` (first sheet without a header) and `rawpic/s15/15_0101disgustingteeth/`.

    Sheet 2 says which folder a subject number is (`s15`), sheet 3 which four-digit code a video name is (`0101`).
    An offset of 0 means "not ended": the apex is taken.
    """
    found = table_sheets(reading.folder, CAS_ME_2_SHEET)
    if found is None:
        reading.problem("missing file", f"{CAS_ME_2_SHEET}.xlsx")
        return
    relative, sheets = found
    if len(sheets) < 3:
        reading.problem("missing sheet", f"{relative}: sheets 2 and 3 say in which folder a video is")
    rows, subjects, videos = ([*sheets, [], [], []])[:3]
    folders = {c[2]: c[1] for _, c in subjects if len(c) > 2}
    codes = {c[1]: c[0] for _, c in videos if len(c) > 1}
    table = [(n, dict(zip(CAS_ME_2_COLUMNS, (c.strip() for c in cells), strict=False))) for n, cells in rows]
    base = reading.folder.locate_folder("rawpic")
    if base is None:
        reading.problem("missing folder", "rawpic")
    for row in coded_rows(reading, relative, [(n, c) for n, c in table if c.get("subject") and c.get("file")]):
        _add_cas_me_2(reading, row, (folders, codes), base)


def _add_cas_me_2(
    reading: Reading, row: CodedRow, maps: tuple[dict[str, str], dict[str, str]], base: str | None
) -> None:
    folders, codes = maps
    kind = {"micro-expression": "micro", "macro-expression": "macro"}.get(row.cells.get("kind", "").casefold())
    if kind is None:
        reading.problem(
            "label out of range", f"type {row.cells.get('kind')!r} ({row.where}): expected micro- or macro-"
        )
        return
    if row.offset == 0:
        reading.note("offset 0: not ended, the apex is taken", row.where)
        row = replace(row, offset=row.apex)
    if row.apex == 0:
        row = replace(row, apex=None)
    subject = folders.get(row.cells["subject"], f"s{row.cells['subject']}")
    video = row.cells["file"]
    code = codes.get(video) or codes.get(video.partition("_")[0])
    folder = None
    if base is not None and code is not None:
        start = f"{subject.removeprefix('s')}_{code.zfill(4)}"
        inside = reading.folder.subfolders(f"{base}/{subject}")
        folder = next((f"{base}/{subject}/{f}" for f in inside if f.startswith(start)), None)
    name = f"{subject}/{video}/{row.onset}-{row.offset}"
    add_clip(reading, row, (subject, name), folder, kind)


def read_cas_me_3(reading: Reading) -> None:
    """Read CAS(ME)³ part A: a sheet with Subject, Filename, Onset, Apex, Offset, AU, Objective class, emotion, and
    `<subject>/<material>/color/` with `depth/` beside it. Several rows share a file name."""
    sheets = [
        f"{folder}/{name}".strip("/").removesuffix(".xlsx")
        for folder, names in reading.folder.tree()
        for name in names
        # The sheet of the macro-expressions has the same columns.
        if name.endswith(".xlsx") and not name.startswith("~") and "_mae_" not in name.casefold()
    ]
    rows = _sheet(reading, tuple(sorted(sheets, key=lambda s: ("part_A_ME" not in s, s))) or (CAS_ME_3_SHEET,))
    for row in correct_slips(reading, rows, CAS_ME_3_SLIPS, CAS_ME_3_ROWS):
        subject, material = row.cells["subject"], row.cells["file"]
        if not subject or not material:
            reading.problem("row of another form", f"{row.where}: no subject or file name")
            continue
        folder = reading.folder.locate_folder(f"{subject}/{material}/color")
        name = f"{subject}/{material}/{row.onset}-{row.offset}"
        add_clip(reading, row, (subject, name), folder)
