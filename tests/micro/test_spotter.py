"""The spotter as a whole: what is told, when, and once; frame rates; the stage."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from mien.animate.motion import Pulse, course
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import ModelError
from mien.micro import face_crop
from mien.micro.decision import Decision, width
from mien.micro.spotter import DECIDED_AFTER_NS, LOOK_NS, Spotter, rate_warning
from mien.micro.stage import Options, SpotStage

FPS = 100.0


def _points() -> np.ndarray:
    rng = np.random.default_rng(5)
    xy = np.column_stack([rng.uniform(-0.5, 0.5, 98), rng.uniform(-0.4, 1.2, 98)])
    xy[[60, 64, 68, 72, 51, 53, 57]] = face_crop._ANCHOR_XY
    return xy * 120 + [200, 160]


REST = _points()


def _faces(pulses: list[tuple[float, float, float]], seconds: float) -> list[tuple[int, np.ndarray]]:
    """Landmarks of a face whose brows rise by 3 % of the eye distance."""
    rng = np.random.default_rng(1)
    t = np.arange(0, seconds, 1 / FPS)
    up = sum((course(Pulse(0, 1.0, *p), t) for p in pulses), np.zeros(len(t)))
    out = []
    for k, time_s in enumerate(t):
        xy = REST + rng.normal(0, 0.06, REST.shape)
        xy[33:51, 1] -= 0.03 * 120 * up[k]
        out.append((round(time_s * 1e9), xy))
    return out


def test_what_runs_live_is_told_once_and_at_the_latest_after_600_ms() -> None:
    spotter = Spotter(0.0, keep=False)
    told = []
    for t_ns, xy in _faces([(2.0, 2.2, 2.4), (4.0, 4.15, 4.4)], 6.0):
        spotter.watch(0, None, xy, t_ns)
        told += [(t_ns, s) for s in spotter.decide(t_ns)]
    assert DECIDED_AFTER_NS + LOOK_NS <= 600_000_000
    spans = sorted((s.event.onset_ns, s.event.offset_ns) for _, s in told)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert all(DECIDED_AFTER_NS <= now - s.event.offset_ns <= 600_000_000 for now, s in told)
    first = next((now, s) for now, s in told if abs(s.event.apex_ns - 2.2e9) < 1e8)
    assert first[0] - 2_400_000_000 <= 600_000_000


def test_a_clip_as_a_whole_gives_the_times_and_where() -> None:
    spotter = Spotter(0.0)
    for t_ns, xy in _faces([(2.0, 2.2, 2.4)], 4.0):
        spotter.watch(7, None, xy, t_ns)
    found = [s for s in spotter.finish() if abs(s.event.apex_ns - 2.2e9) < 1e8]
    assert len(found) == 1
    event = found[0].event
    assert event.track_id == 7
    assert (event.onset_ns / 1e9, event.offset_ns / 1e9) == pytest.approx((2.0, 2.4), abs=0.06)
    assert next(iter(found[0].regions)).startswith(("brow", "forehead", "glabella"))
    assert 0 <= event.confidence <= 1
    assert spotter.rate_hz() == pytest.approx(FPS)


def test_a_higher_threshold_never_tells_more() -> None:
    counts = []
    for threshold in (0.0, 0.5, 1.0):
        spotter = Spotter(threshold)
        for t_ns, xy in _faces([(1.0, 1.2, 1.4)], 3.0):
            spotter.watch(0, None, xy, t_ns)
        counts.append(len(spotter.finish()))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 0


def test_nobody_nothing() -> None:
    spotter = Spotter()
    assert spotter.decide(0) == []
    assert spotter.finish() == []
    assert np.isnan(spotter.rate_hz())
    spotter.watch(0, None, np.full((98, 2), np.nan), 0)
    assert spotter.finish() == []


@pytest.mark.parametrize(("rate", "word"), [(200.0, None), (50.0, None), (30.0, "missed"), (12.0, "too slow")])
def test_frame_rates(rate: float, word: str | None) -> None:
    said = rate_warning(rate)
    assert (said is None) == (word is None)
    assert word is None or word in str(said)
    assert rate_warning(float("nan")) is None


def test_the_stage_adds_events_and_forgets() -> None:
    stage = SpotStage(Options(threshold=0.0))
    events = []
    for k, (t_ns, xy) in enumerate(_faces([(1.0, 1.2, 1.4)], 2.5)):
        points = Landmarks(xy.astype(np.float32), np.ones(98, np.float32), load_schema("wflw98"))
        face = Face(Box(np.array([0, 0, 9, 9], np.float32), 1.0), 3, landmarks=points)
        record = FrameRecord(Stamp("x", k, t_ns), (640, 480), faces=(face, replace(face, track_id=None)))
        events += stage.step(record).events
    assert any(abs(e.apex_ns - 1.2e9) < 1e8 and e.track_id == 3 for e in events)
    stage.reset(3)
    stage.reset()
    stage.close()


def test_a_running_spotter_forgets_faces_that_are_gone() -> None:
    spotter = Spotter(keep=False)
    for t_ns, xy in _faces([], 0.5):
        spotter.watch(5, None, xy, t_ns)
    spotter.decide(10**9)
    assert set(spotter.grids()) == {5}
    spotter.decide(20 * 10**9)
    assert spotter.grids() == {}


def test_another_model_is_refused() -> None:
    with pytest.raises(ModelError, match=str(width())):
        Decision("landmark-solver")
