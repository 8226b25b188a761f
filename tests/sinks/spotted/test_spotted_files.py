"""Table, strip and report of spotted expressions."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from mien.core.record import Event
from mien.errors import SinkError
from mien.micro.face_crop import SIDE
from mien.micro.grid import Grid
from mien.micro.regions import load_regions
from mien.micro.spotter import Spotted
from mien.sinks.spotted.report import write_report
from mien.sinks.spotted.strip import WIDTH, Pictures, draw_strip, flow_between, magnified
from mien.sinks.spotted.table import FILES, SCHEMA, write_tables

EVENT = Event("micro", 2, 1_000_000_000, 1_150_000_000, 1_300_000_000, 0.8, ("AU1_L", "AU2_R"), "surprise")
SPOTTED = Spotted(EVENT, {"AU1_L": 0.9, "AU2_R": 0.4}, {"surprise": 0.7, "fear": 0.3}, {"brow_inner_L": 1.2}, 22.0)
SKIN = np.random.default_rng(0).integers(60, 190, (SIDE, SIDE), dtype=np.uint8)


def _grid() -> Grid:
    n = 300
    regions = np.random.default_rng(1).normal(0, 0.001, (n, len(load_regions()), 2)).astype(np.float32)
    zero = np.zeros(n, np.float32)
    times = np.arange(n, dtype=np.int64) * 10_000_000
    return Grid(times, regions, np.zeros((n, 8), np.float32), zero, zero + 100, np.zeros(n, bool), 100.0)


def test_the_three_tables_say_the_same(tmp_path: Path) -> None:
    assert [p.name for p in write_tables([SPOTTED], tmp_path, {"source": "a.mp4"})] == list(FILES)
    table = pq.read_table(tmp_path / "events.parquet")
    assert table.schema.equals(SCHEMA, check_metadata=False)
    row = table.to_pylist()[0]
    assert dict(row["action_units"]) == pytest.approx({"AU1_L": 0.9, "AU2_R": 0.4})
    assert json.loads(table.schema.metadata[b"mien.spotted"])["source"] == "a.mp4"
    plain = json.loads((tmp_path / "events.json").read_text())["events"][0]
    assert (plain["kind"], plain["onset_ns"], plain["emotion"]) == ("micro", EVENT.onset_ns, "surprise")
    with (tmp_path / "events.csv").open() as file:
        cells = next(iter(csv.DictReader(file)))
    assert cells["action_units"] == "AU1_L:0.9 AU2_R:0.4"
    assert int(cells["offset_ns"]) == EVENT.offset_ns


def test_no_events_are_tables_too(tmp_path: Path) -> None:
    write_tables([], tmp_path, {})
    assert pq.read_table(tmp_path / "events.parquet").num_rows == 0


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be written"):
        write_tables([], tmp_path / "file" / "x", {})


@pytest.mark.parametrize("pixels", [True, False])
def test_a_strip_is_a_picture(pixels: bool) -> None:
    strip = draw_strip(SPOTTED, _grid(), Pictures(SKIN, np.roll(SKIN, 1, axis=0)) if pixels else None)
    assert strip.dtype == np.uint8
    assert strip.shape[1:] == (WIDTH, 3)
    assert strip.std() > 5


def test_magnifying_moves_by_the_factor() -> None:
    flow = np.zeros((SIDE, SIDE, 2), np.float32)
    flow[..., 0] = 0.5
    assert np.array_equal(magnified(SKIN, flow, 8.0)[:, 8:], SKIN[:, 4:-4])
    assert np.array_equal(magnified(SKIN, flow * 0), SKIN)
    assert flow_between(SKIN, SKIN) == pytest.approx(0.0, abs=1e-3)


def test_the_report_escapes_what_it_is_told(tmp_path: Path) -> None:
    facts = {"source": "<b>x", "rows": [("frames", 3)], "warnings": ["<i>slow"], "zero_ns": 0}
    write_report([SPOTTED], [b"png"], tmp_path / "events.html", facts)
    page = (tmp_path / "events.html").read_text()
    assert "<b>x" not in page
    assert "&lt;i&gt;slow" in page
    assert "AU1_L 0.90" in page
    write_report([], [], tmp_path / "events.html", facts)
    assert "Nothing was found" in (tmp_path / "events.html").read_text()
