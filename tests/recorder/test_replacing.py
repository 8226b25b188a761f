"""What replaces an earlier take has a frame first: without one the earlier take stays, with all that belongs to it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from mien.core.timebase import NS_PER_S
from mien.errors import SourceError, StageError
from mien.pipeline.compose import Pipeline
from mien.pipeline.stage import Span
from mien.recorder import Request, capture_to_folder
from mien.recorder.receive import ReceiveRequest, receive
from mien.sinks.live.udp import port_of, udp_socket
from mien.take.reader import load_take

LIGHT = ("stages=[]", 'outputs=["parquet", "csv"]')


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    outcome = capture_to_folder(Request("demo", tmp_path, overrides=LIGHT, span=Span(end_ns=NS_PER_S)))
    assert outcome.summary.frames == 31
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def overwriting(folder: Path, **more: Any) -> Request:
    return Request("demo", folder, overrides=LIGHT, overwrite=True, **more)


def test_a_span_behind_the_end_leaves_the_earlier_take(earlier: Path) -> None:
    before = files(earlier)
    outcome = capture_to_folder(overwriting(earlier, span=Span(start_ns=900 * NS_PER_S)))
    assert isinstance(outcome.error, SourceError)
    assert (outcome.summary.frames, outcome.outputs) == (0, [])
    assert files(earlier) == before


def test_a_stop_before_the_first_frame_leaves_the_earlier_take(earlier: Path) -> None:
    before, stop = files(earlier), threading.Event()

    class Stopping:
        def started(self, *_: object) -> None:
            stop.set()

    outcome = capture_to_folder(overwriting(earlier), stop=stop, watcher=Stopping())  # type: ignore[arg-type]
    assert (outcome.summary.state, outcome.summary.frames, outcome.outputs) == ("interrupted", 0, [])
    assert files(earlier) == before


def test_a_stage_that_fails_on_the_first_frame_leaves_the_earlier_take(
    earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StageError("no")

    before = files(earlier)
    monkeypatch.setattr(Pipeline, "begin", fail)
    outcome = capture_to_folder(overwriting(earlier))
    assert isinstance(outcome.error, StageError)
    assert outcome.summary.frames == 0
    assert files(earlier) == before


def test_a_receiver_that_nobody_sends_to_leaves_the_earlier_take(earlier: Path) -> None:
    before = files(earlier)
    with udp_socket("127.0.0.1", 0, listen=True) as probe:
        port = port_of(probe)
    outcome = receive(ReceiveRequest(f"livelink://127.0.0.1:{port}", earlier, overwrite=True, seconds=0.5))
    assert isinstance(outcome.error, SourceError)
    assert outcome.path is None
    assert files(earlier) == before


def test_with_a_frame_the_earlier_take_is_replaced(earlier: Path) -> None:
    outcome = capture_to_folder(overwriting(earlier, span=Span(end_ns=NS_PER_S // 2)))
    assert (outcome.error, outcome.summary.state) == (None, "complete")
    assert len(load_take(earlier)) == 16
    assert set(files(earlier)) == {"take.parquet", "take.csv"}


def test_an_earlier_take_that_cannot_be_removed_is_one_clear_error(
    earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mien.recorder.capture.remove_take", fail)
    outcome = capture_to_folder(overwriting(earlier))
    assert "the earlier take cannot be replaced: Permission denied" in str(outcome.error)
    assert outcome.summary.frames == 0
    assert len(load_take(earlier)) == 31
