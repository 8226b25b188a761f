"""`mien.recorder.spot`: from a source to events, files and clear refusals; landmarks come from a source of the test."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mien.recorder.spot as recorder
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import RequestError, SourceError
from mien.micro import face_crop
from mien.micro.threshold import FLOOR
from mien.pipeline.stage import SourceInfo
from mien.recorder.spot import SpotRequest, check_rate, spot
from mien.recorder.spot_files import facts_of, folder_of, write_files


class _Take:
    """A take of a face whose brows rise once."""

    def __init__(self, rate: float = 100.0, seconds: float = 3.0, kind: str = "replay") -> None:
        self.info = SourceInfo("clip.mp4", kind)
        self.warnings: list[str] = []
        self._times = np.arange(0, seconds, 1 / rate)
        self.closed = False

    def __iter__(self) -> Iterator[FrameRecord]:
        rng = np.random.default_rng(2)
        rest = np.column_stack([rng.uniform(-0.5, 0.5, 98), rng.uniform(-0.4, 1.2, 98)])
        rest[[60, 64, 68, 72, 51, 53, 57]] = face_crop._ANCHOR_XY
        for k, t in enumerate(self._times):
            xy = rest * 100 + 200 + rng.normal(0, 0.05, rest.shape)
            xy[33:51, 1] -= 3.0 * max(0.0, 1 - abs(t - 1.5) / 0.2)
            points = Landmarks(xy.astype(np.float32), np.ones(98, np.float32), load_schema("wflw98"))
            face = Face(Box(np.array([0, 0, 9, 9], np.float32), 1.0), 0, landmarks=points)
            yield FrameRecord(Stamp("clip.mp4", k, round(t * 1e9)), (640, 480), faces=(face,))

    def close(self) -> None:
        self.closed = True


def _opened(monkeypatch: pytest.MonkeyPatch, take: _Take) -> _Take:
    monkeypatch.setattr(recorder, "open_source", lambda *a, **k: take)
    return take


def test_a_take_is_looked_through_and_its_files_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    take = _opened(monkeypatch, _Take())
    request = SpotRequest("take.parquet", tmp_path, threshold=FLOOR)
    outcome = spot(request)
    assert take.closed
    assert (outcome.frames, outcome.pixels) == (300, False)
    assert any(abs(s.event.apex_ns - 1.5e9) < 1e8 for s in outcome.found)
    assert any("no pixels" in w for w in outcome.warnings)
    made = write_files(request, outcome, tmp_path)
    assert {"events.parquet", "events.csv", "events.json", "events.html"} <= {p.name for p in made}
    assert len(list((tmp_path / "events").glob("*.png"))) == len(outcome.found)
    told = json.loads((tmp_path / "events.json").read_text())
    assert told["frame_rate_hz"] == pytest.approx(100.0, abs=0.5)
    assert len(told["events"]) == len(outcome.found)
    with pytest.raises(RequestError, match="--overwrite"):
        folder_of(request)


def test_faces_without_the_landmarks_are_not_told_to_be_still(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare(_Take):
        def __iter__(self) -> Iterator[FrameRecord]:
            for record in super().__iter__():
                yield replace(record, faces=tuple(replace(f, landmarks=None) for f in record.faces))

    take = _opened(monkeypatch, Bare())
    with pytest.raises(RequestError, match="none of its faces has the 98 landmarks"):
        spot(SpotRequest("take.parquet"))
    assert take.closed


def test_too_slow_is_refused_unless_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    _opened(monkeypatch, _Take(15.0))
    with pytest.raises(RequestError, match="--force"):
        spot(SpotRequest("x.mp4"))
    _opened(monkeypatch, _Take(15.0))
    assert any("too slow" in w for w in spot(SpotRequest("x.mp4", force=True)).warnings)


def test_a_clip_of_a_few_slow_frames_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    _opened(monkeypatch, _Take(rate=10.0, seconds=0.6))
    with pytest.raises(RequestError, match="--force"):
        spot(SpotRequest("take.parquet"))


def test_what_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    take = _opened(monkeypatch, _Take(kind="camera"))
    take.info = SourceInfo("camera:0", "camera", live=True)
    with pytest.raises(RequestError, match="--preset micro"):
        spot(SpotRequest("camera:0"))
    assert take.closed


def test_a_rate_of_25_is_not_refused_but_warned_of() -> None:
    check_rate("x", [k * 40_000_000 for k in range(12)], force=False)


def test_nothing_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _opened(monkeypatch, _Take(seconds=0.0))
    with pytest.raises(SourceError, match="no frame"):
        spot(SpotRequest("x.mp4"))
    _opened(monkeypatch, _Take(kind="photo"))
    with pytest.raises(RequestError, match="does not move"):
        spot(SpotRequest("x.png"))
    for threshold in (1.5, 0.0, float("nan")):
        with pytest.raises(RequestError, match="threshold"):
            spot(SpotRequest("x.mp4", threshold=threshold))


def test_files_go_beside_a_take_and_nowhere_for_a_clip(tmp_path: Path) -> None:
    (tmp_path / "take.parquet").write_bytes(b"")
    assert folder_of(SpotRequest(str(tmp_path / "take.parquet"))) == tmp_path
    assert folder_of(SpotRequest(str(tmp_path))) == tmp_path
    assert folder_of(SpotRequest("clip.mp4")) is None
    with pytest.raises(RequestError, match="is a file"):
        folder_of(SpotRequest("clip.mp4", tmp_path / "take.parquet"))


def test_facts_hold_no_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    _opened(monkeypatch, _Take(seconds=0.005))
    outcome = spot(SpotRequest("x.mp4"))
    assert json.dumps(facts_of(outcome, 0.5), allow_nan=False)
