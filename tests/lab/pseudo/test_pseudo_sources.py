"""Sources: permissions, collages without captions, people who appear twice, clips for tests only."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import RequestError, SourceError
from mien.lab.pseudo.collages import list_collages, tiles
from mien.lab.pseudo.sources import SOURCES, list_source

GROUND, TILE, GAP = 13, 100, 30


def collage(path: Path, faces: int = 3) -> None:
    """Two rows of tiles on dark ground with white captions over each; tile k of the first row has its own noise."""
    picture = np.full((2 * (TILE + GAP), 10 + faces * (TILE + 4), 3), GROUND, np.uint8)
    table = []
    for row in range(2):
        for column in range(faces):
            left, top = 10 + column * (TILE + 4), GAP + row * (TILE + GAP)
            # Below each other stands the same face: the second row repeats the first.
            noise = np.random.default_rng(column).integers(60, 200, (10, 10, 3), dtype=np.uint8)
            picture[top : top + TILE, left : left + TILE] = cv2.resize(
                noise, (TILE, TILE), interpolation=cv2.INTER_CUBIC
            )
            picture[top - 14 : top - 8, left + 30 : left + 60] = 255
            five = [[left + x, top + y] for x, y in ((35, 40), (65, 40), (50, 58), (38, 72), (62, 72))]
            table.append({"box": [left + 20, top + 20, 60, 70], "score": 0.9, "landmarks5": five})
    table[1]["drawn_over"] = True
    table[2]["stylised"] = True
    cv2.imwrite(str(path / "faces.png"), picture)
    found = {"collages": {"faces.png": {"width": picture.shape[1], "height": picture.shape[0], "faces": table}}}
    (path / "boxes.json").write_text(json.dumps(found))


def test_tiles_leave_captions_out(tmp_path: Path) -> None:
    collage(tmp_path)
    listing = list_collages(tmp_path)
    assert len(listing.pictures) == 5
    assert listing.left_out == {"landmark dots are drawn on it": 1}
    for picture in listing.pictures:
        image = picture.image()
        assert image.shape == (TILE - 8, TILE - 8, 3)
        assert image.min() > GROUND + 20
        assert image.max() < 250
        assert picture.boxes_xyxy is not None
        assert np.allclose(picture.boxes_xyxy[0], [16, 16, 76, 86])
    assert [p.attributes["stylised"] for p in listing.pictures] == [False, True, False, False, False]


def test_a_person_who_appears_twice_is_one_subject(tmp_path: Path) -> None:
    collage(tmp_path)
    subjects = {p.name: p.subject for p in list_collages(tmp_path).pictures}
    assert subjects["faces_00"] == subjects["faces_03"]
    assert subjects["faces_02"] == subjects["faces_05"]
    assert len(set(subjects.values())) == 3


def test_the_grid_is_found_though_a_tile_is_dark() -> None:
    picture = np.full((300, 450, 3), GROUND, np.uint8)
    for k, level in enumerate((120, GROUND + 2, 200, 150)):
        picture[40:140, 10 + 110 * k : 110 + 110 * k] = level
        picture[170:270, 10 + 110 * k : 110 + 110 * k] = 90
    columns, rows = tiles(picture)
    assert columns == [(10, 110), (120, 220), (230, 330), (340, 440)]
    assert rows == [(40, 140), (170, 270)]


def test_clips_are_never_for_training(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="may not be used for train"):
        list_source("clips", tmp_path, "train")


def test_internal_clips_are_not_looked_into(tmp_path: Path) -> None:
    (tmp_path / "internal").mkdir()
    with pytest.raises(RequestError, match="not labelled"):
        list_source("clips", tmp_path / "internal")


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"boxes\.json"):
        list_source("sfhq", tmp_path)
    (tmp_path / "boxes.json").write_text('{"collages": {"../x.png": {"faces": []}}}')
    with pytest.raises(SourceError, match="file names"):
        list_source("sfhq", tmp_path)
    with pytest.raises(SourceError, match="no clip"):
        list_source("clips", tmp_path)
    with pytest.raises(RequestError, match="sfhq"):
        list_source("sfh", tmp_path)


def test_every_source_says_what_it_allows() -> None:
    assert all(
        s.permission.licence and s.permission.credit and "test" in s.permission.purposes for s in SOURCES.values()
    )
