"""Excel sheets and csv of label files: columns by name, limits on size, nothing computed."""

from __future__ import annotations

import datetime
import sys
import zipfile
from pathlib import Path

import pytest
from tiny_copies import sheet, text

from mien.errors import MissingExtraError
from mien.lab.datasets import tables
from mien.lab.datasets.findings import Findings
from mien.lab.datasets.folder import Folder
from mien.lab.datasets.tables import csv_rows, first_records, records, sheet_rows, table_sheets

COLUMNS = {"subject": ("Subject",), "onset": ("Onset Frame", "OnsetF"), "notes": ("Notes",)}


def folder_of(path: Path) -> Folder:
    return Folder(path, Findings())


def kinds(folder: Folder) -> list[str]:
    return [f.kind for f in folder.findings]


def test_the_header_is_searched_for(tmp_path: Path) -> None:
    rows = [["intro"]] * 13 + [["Subject", "x", "ONSET_FRAME"], [6, "y", 12.0], [None, None, None], ["7", "z", "13"]]
    sheet(tmp_path / "a.xlsx", rows)
    found = table_sheets(folder_of(tmp_path), "a")
    assert found is not None
    table = first_records(found[1], COLUMNS, ("subject", "onset"))
    assert table == [
        (15, {"subject": "6", "onset": "12", "notes": ""}),
        (17, {"subject": "7", "onset": "13", "notes": ""}),
    ]


def test_the_sheet_with_the_header_is_taken(tmp_path: Path) -> None:
    sheet(tmp_path / "a.xlsx", [["read me"]], [["Subject", "Onset"], ["1", "2"]], [["Subject"], ["3"]])
    found = table_sheets(folder_of(tmp_path), "a")
    assert found is not None
    assert first_records(found[1], COLUMNS, ("subject",)) == [(2, {"subject": "1", "onset": "", "notes": ""})]


def test_a_csv_takes_the_place_of_a_sheet(tmp_path: Path) -> None:
    text(tmp_path / "a.csv", "Subject,OnsetF", '"6",12')
    found = table_sheets(folder_of(tmp_path), "a")
    assert found is not None
    assert first_records(found[1], COLUMNS, ("subject",)) == [(2, {"subject": "6", "onset": "12", "notes": ""})]


def test_no_header_no_records() -> None:
    assert records([(i, ["a"]) for i in range(1000)], COLUMNS, ("subject",)) is None
    assert records([], COLUMNS, ("subject",)) is None


def test_formulas_are_not_computed(tmp_path: Path) -> None:
    sheet(tmp_path / "a.xlsx", [["=1+1", '=HYPERLINK("x")', "plain"]])
    assert sheet_rows(folder_of(tmp_path), "a.xlsx") == [(1, ["", "", "plain"])]


def test_a_cell_that_excel_made_a_date_is_told(tmp_path: Path) -> None:
    sheet(tmp_path / "a.xlsx", [[datetime.date(2020, 1, 2)]])
    folder = folder_of(tmp_path)
    sheet_rows(folder, "a.xlsx")
    assert kinds(folder) == ["cell turned into a date"]


def test_an_archive_that_swells_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_UNPACKED_BYTES", 100_000)
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 200_000)
    folder = folder_of(tmp_path)
    assert sheet_rows(folder, "a.xlsx") == []
    assert "unpacks to more" in str(next(iter(folder.findings)))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0 an old xls"])
def test_damaged_sheets_are_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)
    folder = folder_of(tmp_path)
    assert sheet_rows(folder, "a.xlsx") == []
    assert kinds(folder) == ["sheet that cannot be read"]


def test_an_archive_that_is_no_workbook_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("hello.txt", b"hello")
    folder = folder_of(tmp_path)
    assert sheet_rows(folder, "a.xlsx") == []
    assert kinds(folder) == ["sheet that cannot be read"]


def test_a_missing_sheet_is_told(tmp_path: Path) -> None:
    sheet(tmp_path / "a.xlsx", [["x"]])
    folder = folder_of(tmp_path)
    assert sheet_rows(folder, "a.xlsx", sheet=2) == []
    assert kinds(folder) == ["missing sheet"]


def test_without_openpyxl_the_install_line_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet(tmp_path / "a.xlsx", [["x"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mien\[lab\]'"):
        sheet_rows(folder_of(tmp_path), "a.xlsx")


def test_a_broken_csv_line_is_left_out(tmp_path: Path) -> None:
    text(tmp_path / "a.csv", "a,b", '"open', "c,d")
    folder = folder_of(tmp_path)
    assert [cells for _, cells in csv_rows(folder, "a.csv")] == [["a", "b"], ["c", "d"]]
    assert kinds(folder) == ["line that is no csv"]
