"""The spotter as a whole: what is told, when, and once; frame rates; the stage."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from mien.animate.motion import Pulse, course
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import ModelError, RequestError
from mien.micro import face_crop
from mien.micro.decision import EMOTIONS, Decision, Verdict, width
from mien.micro.spotter import DECIDED_AFTER_NS, LATE_NS, LOOK_NS, Spotter, judge, rate_warning
from mien.micro.stage import Options, SpotStage
from mien.micro.threshold import FLOOR

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
    spotter = Spotter(FLOOR, keep=False)
    told = []
    for t_ns, xy in _faces([(2.0, 2.2, 2.4), (4.0, 4.15, 4.4)], 6.0):
        spotter.watch(0, None, xy, t_ns)
        told += [(t_ns, s) for s in spotter.decide(t_ns)]
    assert DECIDED_AFTER_NS + LATE_NS + LOOK_NS <= 600_000_000
    spans = sorted((s.event.onset_ns, s.event.offset_ns) for _, s in told)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert all(DECIDED_AFTER_NS <= now - s.event.offset_ns <= 600_000_000 for now, s in told)
    first = next((now, s) for now, s in told if abs(s.event.apex_ns - 2.2e9) < 1e8)
    assert first[0] - 2_400_000_000 <= 600_000_000


@pytest.mark.parametrize("rate", [23.976, 30.0, 59.94, 100.0, 200.0])
def test_looks_are_as_rare_as_the_delay_allows(monkeypatch: pytest.MonkeyPatch, rate: float) -> None:
    monkeypatch.setattr("mien.micro.spotter.Decision", lambda *_: _Told())
    spotter, looks = Spotter(keep=False), list[int]()
    monkeypatch.setattr(spotter, "_judged", lambda *_: looks.append(now) or [])
    for k in range(round(3 * rate)):
        now = round(k * 1e9 / rate)
        spotter.watch(0, None, REST, now)
        spotter.decide(now)
    gaps = np.diff(looks)[1:]
    assert (gaps <= LOOK_NS).all()
    assert (gaps > LOOK_NS - 1e9 / rate - 1e6).all()


class _Told:
    """Says at every look what the test put there."""

    model_id = "told"

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []

    def of(self, rows: np.ndarray) -> Verdict:
        t = np.arange(len(rows)) * 0.02
        kinds, spans = np.tile([1.0, 0.0, 0.0], (len(rows), 1)), np.full((len(rows), 3), 0.1)
        for onset, offset in self.spans:
            row = int(np.argmin(np.abs(t - (onset + offset) / 2)))
            kinds[row], spans[row] = [0.1, 0.9, 0.0], [t[row] - onset, offset - t[row], 0.5]
        units = np.full((len(rows), len(load_schema("facs"))), 0.5)
        return Verdict(*(a.astype(np.float32) for a in (kinds, spans, units, np.eye(8)[[3] * len(rows)])))


def _asked(monkeypatch: pytest.MonkeyPatch, ends: dict[float, float]) -> list[float]:
    """When a running spotter tells of an expression whose end is seen at `ends[t]` from time t on."""
    decision = _Told()
    monkeypatch.setattr("mien.micro.spotter.Decision", lambda *_: decision)
    spotter, told = Spotter(keep=False), list[float]()
    for t_ns, xy in _faces([], 3.0):
        decision.spans = [(1.5, end) for since, end in ends.items() if t_ns >= 1e9 * since][-1:]
        spotter.watch(0, None, xy, t_ns)
        told += [t_ns / 1e9 for _ in spotter.decide(t_ns)]
    return told


def test_an_end_seen_earlier_later_on_is_told_at_most_late_or_never(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = LOOK_NS / 1e9
    assert _asked(monkeypatch, {1.9: 1.95}) == [pytest.approx(1.95 + DECIDED_AFTER_NS / 1e9, abs=looks)]
    last, then = 2.21, 2.34  # looks
    on_time = last - DECIDED_AFTER_NS / 1e9
    assert _asked(monkeypatch, {1.9: 1.95, 2.31: on_time - 0.03}) == [pytest.approx(then, abs=0.011)]  # late
    assert _asked(monkeypatch, {1.9: 1.95, 2.31: on_time - 0.1}) == []  # too late
    assert _asked(monkeypatch, {2.7: 1.95}) == []  # found only then


def test_a_clock_that_begins_at_zero_is_no_clock_that_has_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look, at time 0, is a look: what could have been told then is not told a second later."""
    decision = _Told()
    monkeypatch.setattr("mien.micro.spotter.Decision", lambda *_: decision)
    spotter = Spotter(keep=False)
    for t_ns, xy in _faces([], 2.0):
        spotter.watch(0, None, xy, t_ns - 10**9)
    assert spotter.decide(0) == []
    decision.spans = [(0.2, 0.4)]  # ended at -0.6
    assert spotter.decide(LOOK_NS) == []


def test_a_reading_is_of_micro_expressions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    decision = _Told()
    monkeypatch.setattr("mien.micro.spotter.Decision", lambda *_: decision)
    spotter, decision.spans = Spotter(), [(1.0, 1.3)]
    for t_ns, xy in _faces([], 2.0):
        spotter.watch(0, None, xy, t_ns)
    (micro,) = spotter.finish()
    assert (micro.event.kind, micro.event.emotion) == ("micro", EMOTIONS[3])
    assert micro.emotions[EMOTIONS[3]] == 1.0
    verdict = decision.of
    monkeypatch.setattr(decision, "of", lambda rows: replace(v := verdict(rows), kinds=v.kinds[:, [0, 2, 1]]))
    (macro,) = spotter.finish()
    assert (macro.event.kind, macro.event.emotion, dict(macro.emotions)) == ("macro", None, {})
    assert macro.units


def test_a_clip_as_a_whole_gives_the_times_and_where() -> None:
    spotter = Spotter(FLOOR)
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


def test_of_a_face_that_is_lost_again_and_again_nothing_is_told() -> None:
    decision = Decision()
    spotter = Spotter(FLOOR)
    for t_ns, xy in _faces([(0.3, 0.5, 0.7)], 1.2):
        spotter.watch(0, None, xy, t_ns)
    grid = spotter.grids()[0]
    assert judge(grid, decision, 0, FLOOR)
    grid.broken[30:] = True
    assert judge(grid, decision, 0, FLOOR) == []


def test_a_higher_threshold_never_tells_more() -> None:
    counts = []
    for threshold in (FLOOR, 0.5, 1.0):
        spotter = Spotter(threshold)
        for t_ns, xy in _faces([(1.0, 1.2, 1.4)], 3.0):
            spotter.watch(0, None, xy, t_ns)
        counts.append(len(spotter.finish()))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 0


def test_a_threshold_below_the_floor_is_refused_before_the_first_frame() -> None:
    with pytest.raises(RequestError, match="default 0.45"):
        Spotter(0.0)
    with pytest.raises(ValidationError, match="threshold"):
        Options(threshold=0.0)


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
    stage = SpotStage(Options(threshold=FLOOR))
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
    with pytest.raises(ModelError, match=f"{width()}.*use the one that comes with Mien, 'micro-spotter', or train"):
        Decision("landmark-solver")
