"""Tables of label files: csv and Excel sheets, as rows of text; columns found by name.

Sheets are read in openpyxl's read-only mode with stored values: no formula is computed and no macro looked at.
"""

from __future__ import annotations

import csv
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from mien.errors import MissingExtraError
from mien.lab.datasets.folder import Folder

MAX_SHEET_BYTES = 32_000_000
MAX_UNPACKED_BYTES = 400_000_000
MAX_ROWS = 200_000
MAX_COLUMNS = 128
MAX_SHEETS = 12
_HEADER_SEARCH = 60

Row = tuple[int, list[str]]
"""Number of the row in its file (from 1) and its cells as text."""


def csv_rows(folder: Folder, relative: str, delimiter: str = ",") -> Iterator[Row]:
    """Rows of a csv; one line is one row. Blank lines at its end are left out, those between rows are not: where a
    line is a frame they would move the others."""
    blank: list[Row] = []
    for number, text in folder.text_lines(relative):
        if not text.strip():
            blank.append((number, []))
            continue
        yield from blank
        blank.clear()
        try:
            for cells in csv.reader([text], delimiter=delimiter, strict=True):
                yield number, cells
        except csv.Error as error:
            folder.findings.problem("line that is no csv", f"{relative} line {number}: {error}")


def sheet_rows(folder: Folder, relative: str, sheet: int = 0) -> list[Row]:
    """Rows of one sheet (0 = the first) of an Excel file; empty if it cannot be read (which is reported)."""
    sheets = all_sheets(folder, relative)
    if sheets and sheet >= len(sheets):
        folder.findings.problem("missing sheet", f"{relative}: has no sheet {sheet + 1}")
    return sheets[sheet] if sheet < len(sheets) else []


def all_sheets(folder: Folder, relative: str) -> list[list[Row]]:
    """Rows of every sheet of an Excel file; empty if it cannot be read (which is reported).

    Raises:
        MissingExtraError: openpyxl is not installed.
    """
    try:
        from openpyxl import load_workbook
    except ModuleNotFoundError as error:
        raise MissingExtraError("openpyxl", "lab", "Reading Excel label sheets") from error

    path = folder.path(relative)
    problem = _too_large(path)
    if problem:
        folder.findings.problem("sheet that cannot be read", f"{relative}: {problem}")
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on styles and validation, which are of no interest here
            book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
            try:
                pages = book.worksheets[:MAX_SHEETS]
                return [_cells(folder, relative, p.iter_rows(max_row=MAX_ROWS, values_only=True)) for p in pages]
            finally:
                book.close()
    except Exception as error:  # noqa: BLE001  openpyxl raises nearly everything on damaged files
        folder.findings.problem("sheet that cannot be read", f"{relative}: {type(error).__name__}: {error}")
        return []


def _cells(folder: Folder, relative: str, rows: Iterable[Sequence[object]]) -> list[Row]:
    out = []
    for number, row in enumerate(rows, start=1):
        if any(isinstance(cell, date) for cell in row):
            folder.findings.note("cell turned into a date", f"{relative} row {number}: Excel changed it; read as text")
        out.append((number, [cell_text(cell) for cell in row[:MAX_COLUMNS]]))
    return out


def _too_large(path: Path) -> str | None:
    """Why an Excel file is not opened, or None. Looks at the sizes its archive states before unpacking anything."""
    try:
        if path.stat().st_size > MAX_SHEET_BYTES:
            return f"more than {MAX_SHEET_BYTES} bytes"
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:  # all raised on damaged archives
        return f"not an .xlsx file ({error}); save an old .xls as .xlsx or .csv"
    return f"unpacks to more than {MAX_UNPACKED_BYTES} bytes" if unpacked > MAX_UNPACKED_BYTES else None


def cell_text(cell: object) -> str:
    """A cell as text: 12.0 → "12", empty → ""."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).replace("\xa0", " ").strip()


def table_sheets(folder: Folder, ending: str) -> tuple[str, list[list[Row]]] | None:
    """Sheets of `<ending>.xlsx`, else `<ending>.csv` as the only one; None if neither is there."""
    if found := folder.locate(f"{ending}.xlsx"):
        return found, all_sheets(folder, found)
    if found := folder.locate(f"{ending}.csv"):
        return found, [list(csv_rows(folder, found))]
    return None


def header_key(text: str) -> str:
    """A column's name without case, blanks and punctuation: "Onset Frame" = "OnsetFrame"."""
    return "".join(c for c in text.casefold() if c.isalnum())


def records(
    rows: Iterable[Row], columns: Mapping[str, tuple[str, ...]], needed: Sequence[str]
) -> list[tuple[int, dict[str, str]]] | None:
    """Rows below the header, by column.

    Args:
        rows: of `csv_rows` or `sheet_rows`.
        columns: our name → the names the column has in files.
        needed: our names that a row must show to be the header (it is searched in the first rows).

    Returns:
        (row number, values by our name; a column that is not there gives ""); blank rows are left out.
        None if no row is the header.
    """
    wanted = {header_key(alias): ours for ours, aliases in columns.items() for alias in aliases}
    places: dict[str, int] | None = None
    out: list[tuple[int, dict[str, str]]] = []
    for count, (number, cells) in enumerate(rows):
        if places is None:
            found: dict[str, int] = {}
            for i, cell in enumerate(cells):
                ours = wanted.get(header_key(cell))
                if ours is not None:
                    found.setdefault(ours, i)
            if all(name in found for name in needed):
                places = found
            elif count > _HEADER_SEARCH:
                return None
            continue
        if any(cell.strip() for cell in cells):
            known = {ours: cells[i].strip() if i < len(cells) else "" for ours, i in places.items()}
            out.append((number, {ours: known.get(ours, "") for ours in columns}))
    return None if places is None else out


def first_records(
    sheets: Iterable[Iterable[Row]], columns: Mapping[str, tuple[str, ...]], needed: Sequence[str]
) -> list[tuple[int, dict[str, str]]] | None:
    """`records` of the first sheet that has the header; None if none has."""
    return next((table for s in sheets if (table := records(s, columns, needed)) is not None), None)


def whole(text: str) -> int | None:
    """A whole number ("12", "12.0", "-5"), or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() and abs(value) < 1e12 and "_" not in text else None


def number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e12 and "_" not in text else None
