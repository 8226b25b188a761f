"""Small made-up captures for the tests of sinks and exporters."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.core.geometry import rotation_from_euler
from mien.core.measures import ActionUnits, Blendshapes, Box, Gaze, HeadPose, Landmarks, Quality
from mien.core.record import Face, FrameRecord, Stamp, Trace
from mien.core.schema import load_schema
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.sinks.parquet import ParquetSink
from mien.take.reader import Take, load_take

SIZE_WH = (96, 80)
STEP_NS = 40_000_000
HEADER = TakeHeader(SourceInfo("clip.mp4", "video", SIZE_WH), created_utc="2026-01-02T03:04:05+00:00")
COMPLETE = TakeSummary("complete", 0)


def face(
    track_id: int | None = 1,
    *,
    shapes: dict[str, float] | None = None,
    units: dict[str, float] | None = None,
    head: tuple[float, float, float] = (0.0, 0.0, 0.0),
    left: tuple[float, float] = (0.0, 0.0),
    right: tuple[float, float] = (0.0, 0.0),
    quality: Quality | None = None,
    centre: tuple[float, float] = (48.0, 40.0),
    place_mm: tuple[float, float, float] = (0.0, 0.0, 600.0),
) -> Face:
    """A face whose landmarks lie on a circle of 20 px."""
    angle = np.linspace(0, 2 * np.pi, 98)
    xy = np.column_stack([centre[0] + 20 * np.cos(angle), centre[1] + 20 * np.sin(angle)])
    return Face(
        Box([centre[0] - 20, centre[1] - 20, centre[0] + 20, centre[1] + 20], 0.9),
        track_id,
        landmarks=Landmarks(xy, np.full(98, 0.75), load_schema("wflw98")),
        head_pose=HeadPose(rotation_from_euler(*head), place_mm, 0.5, 0.9),
        gaze=Gaze(left, right, [1, 1]),
        action_units=ActionUnits.of(_filled("facs", units), np.ones(42)),
        blendshapes=Blendshapes.of(_filled("arkit52", shapes), np.ones(52)),
        quality=quality or Quality(200.0, 120.0, 160.0),
    )


def _filled(schema_name: str, values: dict[str, float] | None) -> np.ndarray:
    schema = load_schema(schema_name)
    out = np.zeros(len(schema))
    for name, value in (values or {}).items():
        out[schema.index(name)] = value
    return out


def record(
    index: int, *faces: Face, image: bool = False, size_wh: tuple[int, int] = SIZE_WH, t_ns: int | None = None
) -> FrameRecord:
    """Frame `index` of a 25 Hz clip; the picture is a grey level that tells the frame."""
    w, h = size_wh
    pixels = np.full((h, w, 3), (index * 8) % 180 + 70, np.uint8) if image else None
    stamp = Stamp("clip.mp4", index, index * STEP_NS if t_ns is None else t_ns)
    return FrameRecord(stamp, size_wh, pixels, faces, (), Trace({"detect": 1_000_000 + index}, ("m",)))


def store(folder: Path, records: list[FrameRecord], summary: TakeSummary = COMPLETE, **changes: object) -> Take:
    """The records as a take in `folder`."""
    from dataclasses import replace

    sink = ParquetSink(folder=folder)
    sink.open(replace(HEADER, **changes))
    for one in records:
        sink.write(one)
    sink.close(summary)
    return load_take(folder)
