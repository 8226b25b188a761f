"""Going on behind an unfinished take: whose ids are taken, how far back stages look, and what must be the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mien.core.measures import Box
from mien.core.record import Event, Face, FrameRecord, Stamp
from mien.errors import ConfigError
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.take.codec import SCHEMA, encode, to_metadata
from mien.take.reader import load_take
from mien.take.resume import check_same, resume_point
from mien.take.stored_config import stored_config, with_profile_sums

CONFIG = {
    "stages": ["detect"],
    "outputs": ["parquet"],
    "detect": {"use": "detect/track", "max_faces": 1, "detector": {"use": "detect/mediapipe", "model": "both"}},
}
HEADER = TakeHeader(SourceInfo("clip.mp4", "video", (640, 360), 25.0, 100, 4_000_000_000), CONFIG)


def store(folder: Path, records: list[FrameRecord], group: int = 500) -> None:
    metadata = to_metadata(HEADER, TakeSummary("interrupted", len(records)), [])
    with pq.ParquetWriter(folder / "take.parquet", SCHEMA.with_metadata(metadata)) as writer:
        for at in range(0, len(records), group):
            writer.write_table(encode(records[at : at + group]))


def record(index: int, step_ns: int, *ids: int | None) -> FrameRecord:
    faces = tuple(Face(Box([0, 0, 9, 9], 1.0), i) for i in ids)
    return FrameRecord(Stamp("clip.mp4", index, index * step_ns), (640, 360), None, faces)


def test_ids_of_the_whole_take_are_known_though_their_faces_are_long_gone(tmp_path: Path) -> None:
    records = [record(i, 10**9, *([7, None] if i == 3 else [2] * (i > 90))) for i in range(100)]
    records[5] = replace(records[5], events=(Event("blink", 11, 0, 1, 2, 1.0),))
    store(tmp_path, records)
    point = resume_point(tmp_path)
    assert point.ids_used == {7, 2, 11}
    assert point.last_track_id == 11
    assert {f.track_id for r in point.tail for f in r.faces} == {2}
    assert point.header == HEADER


@pytest.mark.parametrize(("step_ns", "seen"), [(5_000_000, 4001), (1_000_000, 4096), (10**9, 21), (60 * 10**9, 1)])
def test_the_tail_is_a_span_of_time_with_a_bound(tmp_path: Path, step_ns: int, seen: int) -> None:
    store(tmp_path, [record(i, step_ns) for i in range(5000)])
    assert [r.stamp.index for r in resume_point(tmp_path).tail] == list(range(5000 - seen, 5000))


def test_without_faces_no_id_is_taken(tmp_path: Path) -> None:
    store(tmp_path, [record(0, 1)])
    point = resume_point(tmp_path)
    assert (point.ids_used, point.last_track_id) == (frozenset(), None)
    empty = resume_point(tmp_path / "nothing")
    assert (empty.ids_used, empty.last_track_id, empty.header) == (frozenset(), None, None)


def changed(**detect: Any) -> TakeHeader:
    return replace(HEADER, config={**CONFIG, "detect": {**CONFIG["detect"], **detect}})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("now", "key"),
    [
        (replace(HEADER, source=replace(HEADER.source, name="b.mp4")), r"source\.name was 'clip\.mp4' and is 'b\.mp4'"),
        (replace(HEADER, source=replace(HEADER.source, kind="images")), r"source\.kind"),
        (replace(HEADER, source=replace(HEADER.source, size_wh=(1, 2))), r"source\.size_wh"),
        (replace(HEADER, source=replace(HEADER.source, duration_ns=5)), r"source\.duration_ns"),
        (replace(HEADER, source=replace(HEADER.source, frame_count=99)), r"source\.frame_count"),
        (replace(HEADER, pixels=False), "pixels was True and is False"),
        (replace(HEADER, config={**CONFIG, "stages": []}), "stages"),
        (changed(max_faces=2), r"detect\.max_faces was 1 and is 2"),
        (changed(detector={"use": "detect/mediapipe", "model": "full"}), r"detect\.detector\.model"),
        (changed(search_interval_ms=100), r"detect\.search_interval_ms was 'nothing' and is 100"),
    ],
)
def test_another_source_or_setting_is_refused_by_name(now: TakeHeader, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        check_same(HEADER, now)
    with pytest.raises(ConfigError):
        check_same(now, HEADER)


def test_outputs_versions_and_the_way_through_a_file_make_no_difference(tmp_path: Path) -> None:
    model = tmp_path / "models" / "a.onnx"
    now = changed(model=model, sizes=(1, 2))
    now = replace(now, mien_version="9", models=("x",), config={**now.config, "outputs": ["glb"], "glb": {"a": 1}})
    with pq.ParquetWriter(tmp_path / "take.parquet", SCHEMA.with_metadata(to_metadata(now, None, []))):
        pass
    stored = load_take(tmp_path).header
    check_same(stored, now)
    check_same(stored, replace(now, config={**now.config, "outputs": ["csv"]}))


def begun_with(profile: Path, *, summed: bool = True) -> TakeHeader:
    """The header of a capture with a profile, as a take stores it."""
    config = {**CONFIG, "stages": ["detect", "action_units"], "action_units": {"use": "a/b", "profile": str(profile)}}
    return replace(HEADER, config=stored_config(with_profile_sums(config) if summed else config))


def test_another_profile_of_the_same_name_is_refused(tmp_path: Path) -> None:
    mine, copy, hers = (tmp_path / name / "me.toml" for name in ("mine", "copy", "hers"))
    for path, text in ((mine, "a = 1"), (copy, "a = 1"), (hers, "a = 2")):
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
    before = begun_with(mine)
    check_same(before, begun_with(copy))
    for other in (hers, mine):
        mine.write_text("a = 3", encoding="utf-8")  # calibrated anew
        with pytest.raises(ConfigError, match=r"action_units\.profile 'me\.toml' is another profile of the same name"):
            check_same(before, begun_with(other))
    hers.rename(hers.with_name("her.toml"))
    with pytest.raises(ConfigError, match=r"action_units\.profile was 'me\.toml' and is 'her\.toml' now"):
        check_same(before, begun_with(hers.with_name("her.toml")))


def test_takes_that_know_only_the_name_of_their_profile_go_on(tmp_path: Path) -> None:
    profile = tmp_path / "me.toml"
    profile.write_text("a = 1", encoding="utf-8")
    check_same(begun_with(profile, summed=False), begun_with(profile))
    known = begun_with(profile)
    profile.unlink()
    check_same(known, begun_with(profile))
