"""Generated records for property tests: every mixture of missing, NaN, empty and measured."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from mien.core.geometry import CropTransform
from mien.core.measures import ActionUnits, Blendshapes, Box, Expression, Gaze, HeadPose, Landmarks, Quality
from mien.core.record import Event, Face, FrameRecord, Stamp, Trace
from mien.core.schema import Schema, load_schema

INT64 = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(width=64)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def vector(*shape: int) -> st.SearchStrategy[np.ndarray]:
    """Any bit patterns: NaN of every kind, infinities, denormals, minus zero."""
    count = int(np.prod(shape))
    bits = st.integers(0, 2**32 - 1).map(
        lambda seed: np.random.default_rng(seed).integers(0, 2**32, count, dtype=np.uint32).view(np.float32)
    )
    special = st.sampled_from([0.0, -0.0, np.nan, np.inf, 0.5]).map(lambda v: np.full(count, v, np.float32))
    return st.one_of(bits, special).map(lambda a: a.reshape(shape))


def points(name: str) -> st.SearchStrategy[Landmarks]:
    schema = load_schema(name)
    return st.builds(Landmarks, vector(len(schema), 2), vector(len(schema)), st.just(schema))


def measure(kind: Any, schema: Schema) -> st.SearchStrategy[Any]:
    return st.builds(kind, vector(len(schema)), vector(len(schema)), st.just(schema))


BOX = st.builds(lambda c: Box([0.0, -1.5, 3.0, 2.0], c), REAL)
CROP = st.builds(
    lambda scale, w, h: CropTransform(np.float32([[scale, 0, 1], [0, scale, 2]]), (w, h)),
    st.floats(0.125, 100, width=32),
    st.integers(1, 2**20),
    st.integers(1, 2**20),
)
FACE = st.builds(
    Face,
    box=BOX,
    track_id=st.none() | st.integers(0, 2**40),
    keypoints=st.none() | points("mediapipe6"),
    crop=st.none() | CROP,
    landmarks=st.none() | points("wflw98") | points("mediapipe6"),
    head_pose=st.none() | st.builds(HeadPose, vector(3, 3), vector(3), REAL, REAL),
    gaze=st.none() | st.builds(Gaze, vector(2), vector(2), vector(2)),
    action_units=st.none() | measure(ActionUnits, load_schema("facs")),
    expression=st.none() | measure(Expression, load_schema("mediapipe6")),
    blendshapes=st.none() | measure(Blendshapes, load_schema("arkit52")),
    quality=st.none() | st.builds(Quality, REAL, REAL, REAL),
)
EVENT = st.builds(
    lambda kind, track, times, confidence, units, emotion: Event(
        kind, track, *sorted(times), confidence, tuple(units), emotion
    ),
    TEXT,
    st.integers(0, 2**40),
    st.tuples(INT64, INT64, INT64),
    REAL,
    st.lists(TEXT, max_size=3),
    st.none() | TEXT,
)
RECORD = st.builds(
    FrameRecord,
    stamp=st.builds(Stamp, TEXT, st.integers(0, 2**40), INT64, st.sampled_from(["media", "monotonic"])),
    size_wh=st.tuples(st.integers(1, 2**20), st.integers(1, 2**20)),
    faces=st.lists(FACE, max_size=3).map(tuple),
    events=st.lists(EVENT, max_size=2).map(tuple),
    trace=st.builds(
        Trace, st.dictionaries(TEXT, st.integers(0, 2**60), max_size=3), st.lists(TEXT, max_size=2).map(tuple)
    ),
)


def anatomy(value: Any) -> Any:
    """Nested tuples that are equal only if every bit, every type and every None is."""
    if isinstance(value, np.ndarray):
        return ("array", str(value.dtype), value.shape, value.tobytes())
    if isinstance(value, Schema):
        return ("schema", value.name)
    if is_dataclass(value):
        return (type(value).__name__, *(anatomy(getattr(value, f.name)) for f in fields(value)))
    if isinstance(value, dict):
        return ("dict", *((k, anatomy(v)) for k, v in value.items()))
    if isinstance(value, tuple):
        return ("tuple", *(anatomy(v) for v in value))
    return (type(value).__name__, np.float64(value).tobytes() if isinstance(value, float) else value)
