"""Small takes for the tests of the studio and of edits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mien.core.geometry import rotation_from_euler
from mien.core.measures import ActionUnits, Blendshapes, Box, Gaze, HeadPose, Landmarks
from mien.core.record import Event, Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.sinks.parquet import ParquetSink

SHAPES = load_schema("arkit52")
JAW, BLINK_L, BLINK_R = (SHAPES.index(n) for n in ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight"))
STEP_NS = 40_000_000
FIRST_NS = 5_000_000_000
WIDE, HIGH = 160, 120


def face(weights: np.ndarray, yaw_deg: float = 0.0, track_id: int = 1) -> Face:
    """A face with everything that the studio shows."""
    known = np.isfinite(weights).astype(np.float32)
    grid = np.stack([30 + np.arange(98) % 10 * 8.0, 20 + np.arange(98) // 10 * 7.0], axis=1)
    units = np.full(len(load_schema("facs")), 1.5, np.float32)
    return Face(
        Box([30, 20, 110, 100], 0.9),
        track_id,
        landmarks=Landmarks(grid, np.full(98, 0.8), load_schema("wflw98")),
        head_pose=HeadPose(rotation_from_euler(yaw_deg, 0, 0), [10, 0, 600], 0.5, 0.9),
        gaze=Gaze([5, 1], [4, 1], [0.9, 0.8]),
        action_units=ActionUnits.of(units, np.full(len(units), 0.7)),
        blendshapes=Blendshapes.of(weights, 0.5 * known),
    )


def weights_at(row: int, count: int) -> np.ndarray:
    """jawOpen rises from 0 to 1, the left eye blinks in the middle, the rest is 0."""
    weights = np.zeros(52, np.float32)
    weights[JAW] = row / (count - 1)
    weights[BLINK_L] = max(0.0, 1 - abs(row - count // 2) / 3)
    return weights


def write_take(
    folder: Path, count: int = 25, *, gaps: tuple[int, ...] = (), weights: Callable[[int, int], np.ndarray] = weights_at
) -> Path:
    """A take of one face at 25 Hz; returns its folder. In `gaps` jawOpen is not measured.

    `weights` gives the 52 of a row of so many.
    """
    sink = ParquetSink(folder=folder)
    sink.open(TakeHeader(SourceInfo("clip.mp4", "video", (WIDE, HIGH)), created_utc="2026-01-02T03:04:05Z"))
    for row in range(count):
        now = weights(row, count)
        if row in gaps:
            now[JAW] = np.nan
        stamp = Stamp("clip.mp4", row, FIRST_NS + row * STEP_NS)
        t = stamp.t_ns
        events = (Event("micro", 1, t - 2 * STEP_NS, t - STEP_NS, t, 0.7, ("AU12",)),) if row == 10 else ()
        sink.write(FrameRecord(stamp, (WIDE, HIGH), None, (face(now, float(row)),), events))
    sink.close(TakeSummary("complete", count))
    return folder
