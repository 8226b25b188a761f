from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from generated_records import RECORD, anatomy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mien.core.measures import ActionUnits, Box
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.take.codec import SCHEMA, decode, encode, from_metadata, schemas_of, to_metadata

HEADER = TakeHeader(SourceInfo("clip.mp4", "video", (640, 360), 29.97, 12), {"a": {"b": [1, "x"]}}, "0.1.0")


def through_parquet(table: pa.Table) -> pa.Table:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return pq.read_table(io.BytesIO(buffer.getvalue()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(RECORD, max_size=4))
def test_what_is_read_is_what_was_written_bit_for_bit(records: list[FrameRecord]) -> None:
    table = through_parquet(encode(records))
    assert table.schema.equals(SCHEMA)
    assert [anatomy(r) for r in decode(table)] == [anatomy(r) for r in records]


def test_none_and_nan_and_empty_stay_apart() -> None:
    unknown = ActionUnits.of(np.full(42, np.nan), np.zeros(42))
    faces = (Face(Box([0, 0, 1, 1], 0.5)), Face(Box([0, 0, 1, 1], float("nan")), action_units=unknown))
    records = [FrameRecord(Stamp("s", i, i), (4, 4), None, f) for i, f in enumerate([(), faces])]
    empty, full = decode(through_parquet(encode(records)))
    assert empty.faces == ()
    assert full.faces[0].action_units is None
    assert full.faces[0].track_id is None
    assert np.isnan(full.faces[1].action_units.values).all()
    assert np.isnan(full.faces[1].box.confidence)


def test_images_are_left_out() -> None:
    record = FrameRecord(Stamp("s", 0, 0), (2, 2), np.zeros((2, 2, 3), np.uint8))
    assert decode(encode([record]))[0].image is None


def test_a_stranger_can_read_the_names_of_every_vector() -> None:
    unit = ActionUnits.of(np.arange(42), np.ones(42))
    record = FrameRecord(Stamp("s", 0, 0), (4, 4), None, (Face(Box([0, 0, 1, 1], 1.0), action_units=unit),))
    table = encode([record]).replace_schema_metadata(to_metadata(HEADER, None, schemas_of([record])))
    table = through_parquet(table)
    names = json.loads(table.schema.metadata[b"mien.schemas"])
    units = table.to_pylist()[0]["faces"][0]["action_units"]
    by_name = dict(zip(names[units["schema"]]["names"], units["values"], strict=True))
    assert by_name["AU12_L"] == unit["AU12_L"]
    assert "AU12_L" in names["facs"]["names"]


def test_header_and_summary_come_back() -> None:
    summary = TakeSummary("interrupted", 7, ("one", "two"), None)
    assert from_metadata(to_metadata(HEADER, summary, ["facs"])) == (HEADER, summary)
    assert from_metadata(to_metadata(HEADER, None, [])) == (HEADER, None)


def test_a_frozen_config_is_stored_as_plain_data() -> None:
    from types import MappingProxyType

    frozen = TakeHeader(HEADER.source, MappingProxyType({"detect": MappingProxyType({"faces": 2})}))
    assert from_metadata(to_metadata(frozen, None, []))[0].config == {"detect": {"faces": 2}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mien.format": "other"}, "not written by Mien"),
        ({"mien.format_version": "99"}, "update Mien"),
        ({"mien.header": "{"}, "JSON"),
        ({"mien.header": '{"source": {"name": "x"}}'}, "kind"),
        ({"mien.schemas": '{"nope": {"names": []}}'}, "nope"),
        ({"mien.schemas": json.dumps({"facs": {"names": list(load_schema("facs").names[::-1])}})}, "other names"),
    ],
)
def test_unknown_or_altered_metadata_is_refused(change: dict[str, str], said: str) -> None:
    metadata = to_metadata(HEADER, None, ["facs"]) | change
    with pytest.raises((ValueError, KeyError), match=said):
        from_metadata(metadata)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("/home/somebody/presets/mine.toml", "mine.toml"),
        ("/home/somebody/", "somebody"),
        ("~/models/a.onnx", "a.onnx"),
        ("C:\\Users\\somebody\\a.onnx", "a.onnx"),
        ("D:/data/a.onnx", "a.onnx"),
        ("\\\\server\\share\\a.onnx", "a.onnx"),
        ("file:///home/somebody/a.onnx", "a.onnx"),
        ("detect/mediapipe", "detect/mediapipe"),
        ("models/a.onnx", "models/a.onnx"),
        ("both", "both"),
        ("/", "/"),
    ],
)
def test_no_full_path_of_the_configuration_is_stored(given: str, stored: str) -> None:
    header = TakeHeader(HEADER.source, {"a": given, "b": {"c": [given, 1, None]}})
    metadata = to_metadata(header, None, [])
    assert from_metadata(metadata)[0].config == {"a": stored, "b": {"c": [stored, 1, None]}}
    assert "somebody/" not in metadata["mien.header"]
