"""Parsers of label lines: what they write they read, and no text makes them crash."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_copies import wflw_line

from mien.lab.datasets.au_labels import AuCode, AuLabels, parse_au_text
from mien.lab.datasets.reading import last_number
from mien.lab.datasets.splits import hashed_split, subject_fold
from mien.lab.datasets.tables import number, whole
from mien.lab.datasets.wflw import parse_line
from mien.lab.datasets.widerface import parse_blocks

codes = st.builds(
    AuCode,
    number=st.integers(1, 98),
    side=st.sampled_from(["", "L", "R", "T", "B", "U", "A"]),
    intensity=st.one_of(st.none(), st.integers(1, 5)),
    kind=st.sampled_from(["AU", "AD", "M"]),
    certain=st.booleans(),
)


@given(st.lists(codes, max_size=8), st.sampled_from(["+", " + ", ",", ";"]))
def test_written_units_are_read_back(units: list[AuCode], separator: str) -> None:
    parsed = parse_au_text(separator.join(str(u) for u in units))
    assert list(parsed.codes) == units
    assert parsed.unread == ()


@given(st.text(max_size=80))
def test_no_text_of_a_coder_breaks_the_parser(text: str) -> None:
    parsed = parse_au_text(text)
    labels = AuLabels.of_codes(parsed.codes)
    assert len(labels.names) == len(set(labels.names)) <= len(parsed.codes)


@pytest.mark.parametrize(
    ("text", "names", "intensities"),
    [
        ("4+L12", ["AU4", "AU12_L"], [None, None]),
        ("R12A+14B", ["AU12_R", "AU14"], [1, 2]),
        ("14", ["AU14"], [None]),
        ("R2", ["AU2_R"], [None]),
        ("1 + 2C", ["AU1", "AU2"], [None, 3]),
        ("AU04e", ["AU4"], [5]),
        ("B10B", ["AU10_B"], [2]),
        ("AD38", ["AD38"], [None]),
        ("", [], []),
    ],
)
def test_units_as_coders_write_them(text: str, names: list[str], intensities: list[int | None]) -> None:
    parsed = parse_au_text(text)
    assert [c.name for c in parsed.codes] == names
    assert [c.intensity for c in parsed.codes] == intensities
    assert all(c.certain for c in parsed.codes)
    assert parsed.unread == ()


def test_alternatives_are_uncertain() -> None:
    parsed = parse_au_text("4B or 7A+12")
    assert [(c.number, c.certain) for c in parsed.codes] == [(4, False), (7, False), (12, True)]
    labels = AuLabels.of_codes(parsed.codes)
    assert np.array_equal(labels.presence, [np.nan, np.nan, 1], equal_nan=True)
    assert labels.others_absent


def test_what_is_no_unit_is_given_back() -> None:
    parsed = parse_au_text("4+ref+0+99+12loses")
    assert [c.number for c in parsed.codes] == [4]
    assert parsed.unread == ("ref", "0", "99", "12loses")


def test_a_unit_named_twice_keeps_the_stronger() -> None:
    labels = AuLabels.of_codes(parse_au_text("4A+4C").codes)
    assert labels.names == ("AU4",)
    assert labels.intensity.tolist() == [3]


points = st.lists(st.floats(-500, 5000, width=32), min_size=196, max_size=196)


@given(points, st.lists(st.integers(0, 1), min_size=6, max_size=6))
def test_wflw_line_round_trip(values: list[float], flags: list[int]) -> None:
    tokens = [*(repr(v) for v in values), "1", "2", "30", "40", *map(str, flags), "37--Soccer/a.jpg"]
    line = parse_line(" ".join(tokens) + " ")
    assert np.array_equal(line.points_xy.ravel(), np.array(values, np.float32))
    assert line.box_xyxy is not None
    assert line.box_xyxy.tolist() == [1, 2, 30, 40]
    assert list(line.attributes.values()) == flags
    bare = parse_line(" ".join([*tokens[:196], tokens[-1]]))
    assert (bare.box_xyxy, bare.attributes, bare.image) == (None, {}, "37--Soccer/a.jpg")


@given(st.lists(st.sampled_from(["1", "x", "nan", "inf", "1e99", "-3", "a/b.jpg", "1_0"]), max_size=210))
def test_wflw_line_never_fails_in_another_way(tokens: list[str]) -> None:
    for text in (" ".join(tokens), " ".join((tokens * 207)[:207])):
        try:
            line = parse_line(text)
        except ValueError:
            continue
        assert np.isfinite(line.points_xy).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "found 0"),
        (wflw_line().replace("13 7 1", "-13 7 1"), "x_min"),
        (wflw_line().replace("0.5", "nan", 1), "no number"),
        (wflw_line().replace("0.5", "1e9", 1), "px away"),
    ],
)
def test_wflw_line_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_line(text)


boxes = st.lists(st.lists(st.integers(0, 2000), min_size=10, max_size=10), max_size=4)


@given(st.lists(boxes, max_size=5))
def test_wider_blocks_round_trip(pictures: list[list[list[int]]]) -> None:
    lines = []
    for i, rows in enumerate(pictures):
        lines += [f"0--Parade/{i}.jpg", str(len(rows))]
        lines += [" ".join(map(str, row)) + " " for row in rows] or ["0 0 0 0 0 0 0 0 0 0 "]
    found = list(parse_blocks(list(enumerate(lines, start=1))))
    assert [p.path for p in found] == [f"0--Parade/{i}.jpg" for i in range(len(pictures))]
    for picture, rows in zip(found, pictures, strict=True):
        assert picture.oddities == ()
        whole_rows = np.column_stack([picture.xywh, picture.attributes]).tolist() if rows else []
        assert whole_rows == rows


def test_wider_picture_without_faces_may_lack_its_line_of_zeros() -> None:
    lines = ["0--P/a.jpg", "0", "0--P/b.jpg", "1", "1 2 3 4 0 0 0 0 0 0"]
    first, second = parse_blocks(list(enumerate(lines, start=1)))
    assert (len(first.xywh), first.oddities) == (0, ())
    assert (len(second.xywh), second.oddities) == (1, ())


line_of_anything = st.sampled_from(
    ["0--P/a.jpg", "2", "0", "-1", "9" * 30, "", "x y", "1 2 3 4 0 0 0 0 0 0", "1 2", "nan " * 10]
)


@given(st.lists(line_of_anything, max_size=30))
def test_wider_blocks_of_any_lines_end_and_lose_no_path(lines: list[str]) -> None:
    found = list(parse_blocks(list(enumerate(lines, start=1))))
    assert sum(1 for p in found if p.path) == lines.count("0--P/a.jpg")
    assert all(np.isfinite(p.xywh).all() for p in found)


@given(st.text(max_size=12))
def test_numbers_are_finite_or_none(text: str) -> None:
    value = number(text)
    assert value is None or np.isfinite(value)
    count = whole(text)
    assert count is None or count == value


@pytest.mark.parametrize(
    ("name", "expected"),
    [("img46.jpg", 46), ("reg_img046.jpg", 46), ("006_05562.jpg", 5562), ("a.b", None), ("1.2.png", 2), ("7", 7)],
)
def test_frame_numbers(name: str, expected: int | None) -> None:
    assert last_number(name) == expected


def test_frozen_splits_do_not_move() -> None:
    """These figures are part of what a score means; a change here makes earlier scores incomparable."""
    assert [subject_fold("ckplus", s, 10) for s in ("S005", "S010", "S011", "S999")] == [
        "fold5",
        "fold10",
        "fold1",
        "fold9",
    ]
    assert subject_fold("any", "anna", 3) == "fold3"
    splits = " ".join(hashed_split("expw", f"{i}.jpg") for i in range(8))
    assert splits == "train train train test train train val train"


def test_the_hashed_split_has_its_shares() -> None:
    made = [hashed_split("expw", f"picture {i}") for i in range(4000)]
    assert abs(made.count("train") / 4000 - 0.70) < 0.03
    assert abs(made.count("val") / 4000 - 0.15) < 0.03
