"""A recorded take is read again by a solver that was fitted to another network's points: that is said."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import mien
from mien.action_units.landmark_solver import LandmarkSolver
from mien.core.record import FrameRecord, Stamp
from mien.pipeline.config import load_config
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.recorder import Request, capture_to_folder
from mien.sinks.parquet import ParquetSink
from mien.sources.replay import ReplaySource

DOUBT = "the points are those of landmarks/mediapipe, but landmark-solver-3 was fitted to those of landmarks/hrnet98"


def take_of(folder: Path, config: dict[str, Any]) -> Path:
    folder.mkdir()
    sink = ParquetSink(folder=folder)
    sink.open(TakeHeader(SourceInfo("clip.mp4", "video", (64, 48), 25.0, 2, live=False), config))
    for i in range(2):
        sink.write(FrameRecord(Stamp("clip.mp4", i, i * 40_000_000), (64, 48)))
    sink.close(TakeSummary("complete", 2))
    return folder / "take.parquet"


def test_points_of_another_network_are_doubted_in_the_take_and_in_the_report(tmp_path: Path) -> None:
    take = take_of(tmp_path / "take", load_config("mediapipe"))
    request = Request(str(take), tmp_path / "out", overrides=('outputs=["parquet", "report"]',))
    assert any(w.startswith(DOUBT) for w in capture_to_folder(request).summary.warnings)
    assert DOUBT in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_points_of_the_right_or_of_no_known_network_are_not() -> None:
    solver = LandmarkSolver()
    assert solver.doubt_about("landmarks/mediapipe") is not None
    assert solver.doubt_about("landmarks/hrnet98") is None
    assert solver.doubt_about("landmarks/points98") is None, "it learnt from the other's labels"
    solver.close()


def test_a_take_of_other_stages_is_not_doubted(tmp_path: Path) -> None:
    config = {"stages": ["points", "gone"], "points": {"use": "their/points"}}
    assert ReplaySource(take_of(tmp_path / "take", config)).points_by is None


def test_whoever_reads_records_is_told_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    take = take_of(tmp_path / "take", load_config("mediapipe"))
    with caplog.at_level(logging.WARNING, "mien"):
        assert len(list(mien.capture(take))) == 2
    assert DOUBT in caplog.text
