"""A take's table: one row per frame, also for frames without a face. `FrameRecord` ↔ Arrow, bit for bit.

Every vector column holds the name of its schema beside the values; the file's metadata holds the names that
belong to it, a description of every column, the header and the summary: the file explains itself to a reader
who has only a Parquet library.

Metadata keys (JSON, UTF-8): `mien.format` "take", `mien.format_version`, `mien.header`, `mien.summary`,
`mien.schemas` (name → kind and names), `mien.columns` (column → what it means).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from functools import cache
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter

from mien.core.geometry import CropTransform
from mien.core.measures import ActionUnits, Blendshapes, Box, Expression, Gaze, HeadPose, Landmarks, Measure, Quality
from mien.core.record import Event, Face, FrameRecord, Stamp, Trace
from mien.core.schema import Schema, load_schema
from mien.pipeline.stage import TakeHeader, TakeSummary
from mien.take.columns import Column, Counts, ListOf, Scalar, Struct, Vector
from mien.take.stored_config import stored_config

FORMAT_VERSION = 1

_INT, _REAL, _TEXT = Scalar(pa.int64()), Scalar(pa.float64()), Scalar(pa.string())


def _measure(kind: type[Measure]) -> Struct:
    return Struct(
        {"schema": _TEXT, "values": Vector(), "confidence": Vector()},
        lambda m: (m.schema.name, m.values, m.confidence),
        lambda schema, values, confidence: kind(values, confidence, load_schema(schema)),
    )


_LANDMARKS = Struct(
    {"schema": _TEXT, "xy": Vector((-1, 2)), "confidence": Vector()},
    lambda m: (m.schema.name, m.xy, m.confidence),
    lambda schema, xy, confidence: Landmarks(xy, confidence, load_schema(schema)),
)

_FACE_FIELDS: dict[str, Column] = {
    "track_id": _INT,
    "box": Struct({"xyxy": Vector(), "confidence": _REAL}, lambda b: (b.xyxy, b.confidence), Box),
    "keypoints": _LANDMARKS,
    "crop": Struct(
        {"image_from_crop": Vector((2, 3)), "width": _INT, "height": _INT},
        lambda c: (c.image_from_crop, *c.size_wh),
        lambda matrix, width, height: CropTransform(matrix, (width, height)),
    ),
    "landmarks": _LANDMARKS,
    "head_pose": Struct(
        {"rotation": Vector((3, 3)), "translation_mm": Vector(), "reprojection_px": _REAL, "confidence": _REAL},
        lambda p: (p.rotation, p.translation_mm, p.reprojection_px, p.confidence),
        HeadPose,
    ),
    "gaze": Struct(
        {"left_yaw_pitch_deg": Vector(), "right_yaw_pitch_deg": Vector(), "confidence": Vector()},
        lambda g: (g.left_yaw_pitch_deg, g.right_yaw_pitch_deg, g.confidence),
        Gaze,
    ),
    "action_units": _measure(ActionUnits),
    "blendshapes": _measure(Blendshapes),
    "expression": _measure(Expression),
    "quality": Struct(
        {"sharpness": _REAL, "brightness": _REAL, "face_px": _REAL},
        lambda q: (q.sharpness, q.brightness, q.face_px),
        Quality,
    ),
}

_FACE = Struct(
    _FACE_FIELDS,
    lambda face: tuple(getattr(face, name) for name in _FACE_FIELDS),
    lambda *values: Face(**dict(zip(_FACE_FIELDS, values, strict=True))),
)

_EVENT = Struct(
    {
        "kind": _TEXT,
        "track_id": _INT,
        "onset_ns": _INT,
        "apex_ns": _INT,
        "offset_ns": _INT,
        "confidence": _REAL,
        "action_units": ListOf(_TEXT),
        "emotion": _TEXT,
    },
    lambda e: (e.kind, e.track_id, e.onset_ns, e.apex_ns, e.offset_ns, e.confidence, e.action_units, e.emotion),
    Event,
)

_RECORD = Struct(
    {
        "index": _INT,
        "t_ns": _INT,
        "source": _TEXT,
        "clock": _TEXT,
        "width": _INT,
        "height": _INT,
        "faces": ListOf(_FACE),
        "events": ListOf(_EVENT),
        "stage_ns": Counts(),
        "models": ListOf(_TEXT),
    },
    lambda r: (
        r.stamp.index,
        r.stamp.t_ns,
        r.stamp.source,
        r.stamp.clock,
        *r.size_wh,
        r.faces,
        r.events,
        r.trace.stage_ns,
        r.trace.models,
    ),
    lambda index, t_ns, source, clock, width, height, faces, events, stage_ns, models: FrameRecord(
        Stamp(source, index, t_ns, clock), (width, height), None, faces, events, Trace(stage_ns, models)
    ),
)

_COLUMNS = {
    "index": "number of the frame in its source, from 0",
    "t_ns": "capture time, ns; presentation time (clock 'media') or the host's monotonic clock",
    "width, height": "size of the frame, px",
    "faces": "one entry per face; an empty list = none found",
    "faces.track_id": "who, stable through the take; null = not tracked",
    "faces.box.xyxy": "left, top, right, bottom, px; confidence 0-1",
    "faces.*.schema": "name of the list in mien.schemas that names the entries of this vector",
    "faces.keypoints.xy, faces.landmarks.xy": "x0, y0, x1, y1, ... px, origin top-left; confidence per point 0-1",
    "faces.crop.image_from_crop": "2x3 affine, row by row: crop px to image px; width and height of the crop, px",
    "faces.head_pose.rotation": "3x3, row by row: camera from head; camera x right, y down, z into the scene; "
    "head x to the subject's left, y up, z out of the face",
    "faces.head_pose.translation_mm": "midpoint between the eyes in the camera frame, mm",
    "faces.gaze": "yaw, pitch of each eye relative to the head, degrees; yaw + to the subject's left, pitch + up",
    "faces.action_units.values": "FACS intensities 0-5; _L and _R are the subject's own sides",
    "faces.blendshapes.values": "ARKit weights 0-1",
    "faces.expression.values": "probabilities, sum 1",
    "faces.quality": "sharpness (variance of the Laplacian), brightness 0-255, face size px",
    "events": "spans in time decided at this frame, same clock as t_ns",
    "stage_ns": "wall time of every stage that ran, ns",
    "models": "ids of the models that ran",
    "null, NaN, 0": "null = the stage did not run; NaN = it ran and could not measure; 0 is a measurement",
}

SCHEMA = pa.schema(list(_RECORD.type))
"""Arrow schema of the table, without metadata."""


def encode(records: Sequence[FrameRecord]) -> Any:
    """Records (images are left out) → Arrow table with one row each."""
    struct = _RECORD.build(records)
    return pa.Table.from_arrays(struct.flatten(), schema=SCHEMA)


def decode(table: Any) -> list[FrameRecord]:
    """Arrow table → records, equal to those encoded except for images.

    Raises:
        ValueError, KeyError, TypeError: the table's content contradicts itself.
    """
    columns = [column.read(_one_chunk(table.column(name))) for name, column in _RECORD.fields.items()]
    return [_RECORD.make(*row) for row in zip(*columns, strict=True)]


def _one_chunk(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def schemas_of(records: Iterable[FrameRecord]) -> set[str]:
    """Names of all schemas that the records' vectors use."""
    names: set[str] = set()
    for record in records:
        for face in record.faces:
            named = (face.keypoints, face.landmarks, face.action_units, face.blendshapes, face.expression)
            names.update(m.schema.name for m in named if m is not None)
    return names


@cache
def _headers() -> tuple[TypeAdapter[TakeHeader], TypeAdapter[TakeSummary]]:
    return TypeAdapter(TakeHeader), TypeAdapter(TakeSummary)


def to_metadata(header: TakeHeader, summary: TakeSummary | None, schemas: Iterable[str]) -> dict[str, str]:
    """Key-value metadata of a take file; `summary` is None while the capture runs."""
    named = {s.name: {"kind": s.kind, "names": list(s.names)} for s in map(load_schema, sorted(schemas))}
    out = {
        "mien.format": "take",
        "mien.format_version": str(FORMAT_VERSION),
        "mien.header": json.dumps(_header_table(header)),
        "mien.schemas": json.dumps(named),
        "mien.columns": json.dumps(_COLUMNS),
    }
    return out if summary is None else out | {"mien.summary": json.dumps(asdict(summary))}


def _header_table(header: TakeHeader) -> dict[str, Any]:
    table = {f.name: getattr(header, f.name) for f in fields(header)}
    own = {"source": asdict(header.source), "config": stored_config(header.config), "span": asdict(header.span)}
    return table | own


def from_metadata(metadata: dict[str, str]) -> tuple[TakeHeader, TakeSummary | None]:
    """The inverse of `to_metadata`; also checks that the schemas are those of this version.

    Raises:
        ValueError, KeyError: not a take, an unknown version, or damaged; the message says which.
    """
    if metadata.get("mien.format") != "take":
        raise ValueError("not written by Mien")
    version = metadata.get("mien.format_version")
    if version != str(FORMAT_VERSION):
        raise ValueError(f"format version {version}; this Mien reads version {FORMAT_VERSION}: update Mien")
    header_of, summary_of = _headers()
    header = header_of.validate_json(metadata["mien.header"])
    text = metadata.get("mien.summary")
    for name, entry in json.loads(metadata["mien.schemas"]).items():
        if tuple(entry["names"]) != _known(name).names:
            raise ValueError(f'its schema "{name}" has other names than the one of this version of Mien')
    return header, None if text is None else summary_of.validate_json(text)


def _known(name: str) -> Schema:
    try:
        return load_schema(name)
    except KeyError:
        raise ValueError(f'it uses schema "{name}", which this version of Mien does not have') from None
