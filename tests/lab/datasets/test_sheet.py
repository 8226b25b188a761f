"""Contact sheets: every picture in its place, points where they belong, unreadable ones black."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_copies import BUILDERS

from mien.errors import SinkError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.sheet import TILE_PX, contact_sheet, mark, write_sheet


def test_a_sheet_of_a_copy(tmp_path: Path) -> None:
    BUILDERS["synthetic"](tmp_path)
    dataset = open_dataset("synthetic", tmp_path)
    sheet = contact_sheet(dataset)
    assert sheet.shape == (TILE_PX, 4 * TILE_PX, 3)
    assert (sheet == 90).all()
    marked = contact_sheet(dataset, points=True)
    assert (marked != sheet).any(axis=2).sum() > 4
    dataset.sample(0).path.unlink()  # type: ignore[union-attr]
    assert (contact_sheet(dataset)[:, :TILE_PX] == 0).all()


def test_points_and_boxes_are_where_they_are_said_to_be() -> None:
    tile = np.zeros((40, 60, 3), np.uint8)
    points = np.array([[10.0, 30.0], [50.0, 8.0], [np.nan, 3.0]], np.float32)
    mark(tile, points, np.array([True, False, True]), np.array([[20, 5, 40, 35]], np.float32))
    assert tile[30, 10, 1] > tile[30, 10, 0]  # seen: green
    assert tile[8, 50, 0] > tile[8, 50, 1]  # hidden: red
    assert tile[5, 30].any()
    assert not tile[20, 30].any()


def test_a_sheet_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"\.png or \.jpg"):
        write_sheet(np.zeros((8, 8, 3), np.uint8), tmp_path / "sheet.txt")
    with pytest.raises(SinkError, match="contact sheet"):
        write_sheet(np.zeros((8, 8, 3), np.uint8), tmp_path / "none" / "sheet.png")
