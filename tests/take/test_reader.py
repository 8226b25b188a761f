from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from generated_records import anatomy

from mien.core.measures import Blendshapes, Box
from mien.core.record import Face, FrameRecord, Stamp
from mien.errors import RequestError, SourceError
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.take.codec import SCHEMA, encode, to_metadata
from mien.take.reader import load_take
from mien.take.resume import resume_point

HEADER = TakeHeader(SourceInfo("clip.mp4", "video", (640, 360)))


def record(index: int) -> FrameRecord:
    shapes = Blendshapes.of(np.random.default_rng(index).random(52), np.ones(52))
    face = Face(Box([0, 0, 10, 10], 0.5), 1, blendshapes=shapes)
    return FrameRecord(Stamp("clip.mp4", index, index * 40_000_000), (640, 360), None, (face,) if index % 3 else ())


RECORDS = [record(i) for i in range(25)]


def store(path: Path, records: list[FrameRecord], summary: TakeSummary | None, **changes: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = to_metadata(HEADER, summary, ["arkit52"]) | changes
    with pq.ParquetWriter(path, SCHEMA.with_metadata(metadata), write_page_checksum=True) as writer:
        for at in range(0, len(records), 10):
            writer.write_table(encode(records[at : at + 10]))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return store(tmp_path / "take.parquet", RECORDS, TakeSummary("complete", 25))


def test_a_take_opens_by_file_and_by_folder(file: Path) -> None:
    for path in (file, file.parent, str(file)):
        take = load_take(path)
        assert take.path == file
        assert len(take) == 25
        assert take.summary.state == "complete"
        assert take.header == HEADER
    assert [anatomy(r) for r in take.records()] == [anatomy(r) for r in RECORDS]
    assert [anatomy(r) for r in take.records()] == [anatomy(r) for r in RECORDS], "records can be read again"


def test_records_stream_by_row_group(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    whole = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_group", lambda self, i, **kw: (read.append(i), whole(self, i, **kw))[1]
    )
    records = load_take(file).records()
    next(records)
    assert read == [0]
    records.close()


@pytest.mark.parametrize("count", [0, 1, 7, 25, 100])
def test_tail_gives_the_last_records(file: Path, count: int) -> None:
    tail = load_take(file).tail(count)
    assert [r.stamp.index for r in tail] == list(range(25))[-count:] if count else tail == []


def test_the_parts_of_a_killed_capture_are_a_take(tmp_path: Path) -> None:
    store(tmp_path / "take.parts" / "000000.parquet", RECORDS[:12], None)
    store(tmp_path / "take.parts" / "000001.parquet", RECORDS[12:20], None)
    (tmp_path / "take.parts" / "000002.parquet.tmp").write_bytes(b"PAR1 half a part")
    take = load_take(tmp_path)
    assert [r.stamp.index for r in take.records()] == list(range(20))
    assert take.summary.state == "failed"
    assert "without closing" in (take.summary.problem or "")
    assert len(take) == 20
    point = resume_point(tmp_path)
    assert (point.last_index, point.last_t_ns, point.frames) == (19, 19 * 40_000_000, 20)
    assert [r.stamp.index for r in point.tail] == list(range(20))


def test_resume_starts_at_the_beginning_where_nothing_is(tmp_path: Path) -> None:
    point = resume_point(tmp_path / "missing")
    assert (point.last_index, point.last_t_ns, point.frames, point.tail) == (-1, None, 0, [])


def test_a_complete_take_cannot_be_resumed(file: Path) -> None:
    with pytest.raises(RequestError, match="complete"):
        resume_point(file.parent)


def test_an_interrupted_take_can(tmp_path: Path) -> None:
    store(tmp_path / "take.parquet", RECORDS, TakeSummary("interrupted", 25))
    assert resume_point(tmp_path).last_index == 24


@pytest.mark.parametrize("size", [0, 3, 4, 100, 5000, -1, -8])
def test_a_cut_off_file_is_an_explained_error(file: Path, size: int) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:size])
    with pytest.raises(SourceError, match=r"take\.parquet.*(empty|not a Parquet file|cut off)"):
        load_take(file)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.parquet"
    pq.write_table(pa.table({"a": [1]}), table)
    with pytest.raises(SourceError, match="not written by Mien"):
        load_take(table)
    text = tmp_path / "notes.txt"
    text.write_text("hello, this is a text")
    with pytest.raises(SourceError, match="not a Parquet file"):
        load_take(text)
    with pytest.raises(SourceError, match="no take at"):
        load_take(tmp_path / "nothing.parquet")
    with pytest.raises(SourceError, match="no take in"):
        load_take(tmp_path)


def test_other_columns_or_a_wrong_count_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(to_metadata(HEADER, None, [])), path)
    with pytest.raises(SourceError, match="columns"):
        load_take(path)
    store(path, RECORDS, TakeSummary("complete", 24))
    with pytest.raises(SourceError, match="altered"):
        load_take(path)
    store(path, RECORDS, None, **{"mien.format_version": "2"})
    with pytest.raises(SourceError, match="version 2"):
        load_take(path)


def test_a_flipped_byte_is_noticed_or_harmless(file: Path, tmp_path: Path) -> None:
    """Checksums guard the pages; the footer either fails to parse or says the same."""
    data = file.read_bytes()
    wanted = [anatomy(r) for r in RECORDS]
    rng = np.random.default_rng(3)
    refused = 0
    for at in rng.integers(0, len(data), 80):
        broken = bytearray(data)
        broken[at] ^= 0xFF
        copy = tmp_path / "copy.parquet"
        copy.write_bytes(bytes(broken))
        try:
            same = [anatomy(r) for r in load_take(copy).records()] == wanted
        except SourceError as error:
            assert "copy.parquet" in str(error)
            refused += 1
        else:
            assert same
    assert refused > 0


def test_records_before_the_damage_are_given(file: Path) -> None:
    with pq.ParquetFile(file) as parquet:
        at = parquet.metadata.row_group(2).column(0).data_page_offset
    data = bytearray(file.read_bytes())
    data[at + 40 : at + 44] = b"\xff\xff\xff\xff"
    file.write_bytes(bytes(data))
    seen: list[int] = []
    records = load_take(file).records()
    with pytest.raises(SourceError, match="cannot be read"):
        while True:
            seen.append(next(records).stamp.index)
    assert seen == list(range(20))


def test_reading_leaves_the_folder_as_it_is(file: Path) -> None:
    before = {p: p.read_bytes() for p in file.parent.iterdir()}
    list(load_take(file.parent).records())
    assert {p: p.read_bytes() for p in file.parent.iterdir()} == before


def test_parts_do_not_hide_a_finished_take(file: Path) -> None:
    parts = file.parent / "take.parts"
    parts.mkdir()
    shutil.copy(file, parts / "000000.parquet")
    assert load_take(file.parent).path == file
