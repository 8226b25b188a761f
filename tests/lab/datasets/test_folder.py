"""A copy from an unknown hand: links, names that climb out, odd lines. Nothing outside the folder is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_copies import picture, text

from mien.errors import RequestError
from mien.lab.datasets.checker import check
from mien.lab.datasets.findings import Findings, printable
from mien.lab.datasets.folder import MAX_LINE_BYTES, Folder


def kinds(findings: Findings) -> list[str]:
    return [f.kind for f in findings]


def test_links_that_leave_the_folder_are_ignored_and_told(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "copy"
    picture(outside / "secret.jpg")
    picture(root / "sad/own.jpg")
    (root / "sad/link.jpg").symlink_to(outside / "secret.jpg")
    (root / "sad/inside.jpg").symlink_to(root / "sad/own.jpg")
    (root / "sad/broken.jpg").symlink_to(root / "sad/nothing.jpg")
    (root / "happy").symlink_to(outside)
    (root / "loop").symlink_to(root)
    findings = Findings()
    folder = Folder(root, findings)
    assert folder.files("sad") == ["inside.jpg", "own.jpg"]
    assert folder.subfolders() == ["sad"]
    assert set(kinds(findings)) == {
        "link that leaves the folder ignored",
        "link to a folder ignored",
        "broken link ignored",
    }
    assert check("folder", root).samples == 2


def test_a_csv_given_alone_cannot_name_files_outside(tmp_path: Path) -> None:
    picture(tmp_path / "secret.jpg")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/link.jpg").symlink_to(tmp_path / "secret.jpg")
    text(tmp_path / "copy/mine.csv", "path,label", "link.jpg,sad", "../secret.jpg,sad", "a\\..\\..\\secret.jpg,sad")
    report = check("folder", tmp_path / "copy/mine.csv")
    assert report.samples == 0
    told = {f.kind: f.count for f in report.findings}
    assert told["missing image"] == 1
    assert told["path that leaves the folder"] == 2


names = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(["..", ".", "a", "", "\\", "C:", "\0"])).map("/".join))


@given(base=st.sampled_from(["", "sub"]), given_name=names)
def test_a_name_never_leaves_the_folder(base: str, given_name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.getbasetemp()
    folder = Folder.__new__(Folder)
    found = folder.inside(base, given_name)
    if found is not None:
        assert "\0" not in found
        target = Path(root, found)
        assert ".." not in target.parts
        assert target.is_relative_to(root / base)


def test_lines_of_odd_files(tmp_path: Path) -> None:
    long = b"x" * (MAX_LINE_BYTES + 10)
    content = b"\xef\xbb\xbfone\r\n" + long + b"\ntwo\0\n\xff\nfive\n" + b"y" * (3 * MAX_LINE_BYTES)
    (tmp_path / "odd.txt").write_bytes(content)
    findings = Findings()
    folder = Folder(tmp_path, findings)
    assert list(folder.text_lines("odd.txt")) == [(1, "one"), (5, "five")]
    assert {f.kind: f.count for f in findings} == {
        "line too long": 2,
        "NUL byte in a text file": 1,
        "text that is not UTF-8": 1,
    }


def test_offsets_of_lines_lead_back_to_them(tmp_path: Path) -> None:
    content = b"a\r\n" + b"z" * (2 * MAX_LINE_BYTES) + b"\nbb\n\nccc"
    (tmp_path / "t").write_bytes(content)
    for _, start, raw in Folder(tmp_path, Findings()).lines("t"):
        assert content[start : start + len(raw)] == raw


def test_a_path_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "none", "a\0b"):
        with pytest.raises(RequestError):
            Folder(path, Findings())


def test_locate_prefers_the_shortest(tmp_path: Path) -> None:
    for place in ("x/y/list.txt", "x/list.txt", "x/notlist.txt"):
        text(tmp_path / place, "a")
    folder = Folder(tmp_path, Findings())
    assert folder.locate("list.txt") == "x/list.txt"
    assert folder.locate("y/list.txt") == "x/y/list.txt"
    assert folder.locate("z/list.txt") is None
    assert folder.locate_folder("y") == "x/y"
    assert folder.subfolders("x") == ["y"]
    assert folder.file_count == 3


@given(st.text(max_size=500))
def test_printable_text_is_printable_and_short(given_text: str) -> None:
    shown = printable(given_text)
    assert shown.isprintable()
    assert len(shown) <= 240
