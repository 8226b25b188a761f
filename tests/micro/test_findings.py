"""From verdicts of moments to expressions: once each, with voted times, and what moved."""

import numpy as np
import pytest

from mien.core.schema import load_schema
from mien.errors import RequestError
from mien.micro.decision import EMOTIONS, Verdict
from mien.micro.findings import BLINK, BLINK_SHARE, find, is_blink, tell
from mien.micro.regions import load_regions
from mien.micro.signals import Signals, width
from mien.micro.threshold import FLOOR

R = load_regions()


def _verdict(events: list[tuple[float, float, float, float]], rows: int = 300) -> Verdict:
    """Each event: onset, offset, probability of micro, of macro; the surest moment is its centre."""
    t = np.arange(rows) * 0.02
    kinds = np.zeros((rows, 3), np.float32)
    spans = np.full((rows, 3), 0.4, np.float32)
    for onset, offset, micro, macro in events:
        near = np.abs(t - (onset + offset) / 2) <= 0.25 * (offset - onset)
        fade = 1 - np.abs(t[near] - (onset + offset) / 2) / (offset - onset)
        kinds[near, 1], kinds[near, 2] = micro * fade, macro * fade
        spans[near, 0], spans[near, 1] = t[near] - onset, offset - t[near]
    kinds[:, 0] = 1 - kinds[:, 1:].sum(axis=1)
    units = np.full((rows, len(load_schema("facs"))), 0.1, np.float32)
    return Verdict(kinds, spans, units, np.full((rows, len(EMOTIONS)), 1 / 8, np.float32))


def test_every_expression_is_told_once_with_its_times() -> None:
    told = tell(_verdict([(1.0, 1.4, 0.9, 0.05), (3.0, 5.0, 0.1, 0.6)]), 0.3)
    assert [t.kind for t in told] == ["micro", "macro"]
    assert (told[0].onset_s, told[0].apex_s, told[0].offset_s) == pytest.approx((1.0, 1.16, 1.4))
    assert (told[1].onset_s, told[1].offset_s) == pytest.approx((3.0, 5.0))
    assert told[0].confidence == pytest.approx(0.95, abs=0.02)


def test_the_threshold_and_the_place_of_the_first_row() -> None:
    verdict = _verdict([(1.0, 1.4, 0.5, 0.0)])
    assert tell(verdict, 0.6) == []
    assert tell(verdict, 0.3, first=50)[0].onset_s == pytest.approx(2.0)


def test_moments_that_see_the_same_vote_on_its_times() -> None:
    verdict = _verdict([(1.0, 1.4, 0.8, 0.0)])
    best = int(np.argmax(verdict.kinds[:, 1]))
    verdict.spans[best, 0] += 0.1
    told = tell(verdict, 0.3)
    assert len(told) == 1
    assert 0.9 < told[0].onset_s < 1.0
    assert told[0].onset_s > 0.95


def test_of_two_that_overlap_the_surer_one_stays() -> None:
    told = tell(_verdict([(1.0, 1.4, 0.5, 0.0), (1.3, 1.7, 0.9, 0.0)]), 0.3)
    assert len(told) == 2  # they share a quarter of the shorter one
    told = tell(_verdict([(1.0, 1.4, 0.5, 0.0), (1.22, 1.62, 0.9, 0.0)]), 0.3)
    assert [round(t.onset_s, 2) for t in told] == [1.22]


def test_what_moved_is_measured_against_the_level_around() -> None:
    n = 601
    smooth = np.zeros((n, len(R), 2), np.float32) + 0.3
    smooth[116, R.index("brow_inner_R")] += [0.0, -0.02]
    noise = np.full(len(R), 0.001, np.float32)
    signals = Signals(np.zeros((301, width()), np.float32), smooth, smooth, noise)
    found = find(signals, _verdict([(1.0, 1.4, 0.9, 0.0)]), 0.3)
    assert len(found) == 1
    assert found[0].moved[R.index("brow_inner_R"), 1] == pytest.approx(-0.02)
    assert found[0].z[R.index("brow_inner_R")] == pytest.approx(20.0, rel=1e-3)
    assert found[0].height == pytest.approx(10.0, rel=1e-3)  # one of the four strongest moved


@pytest.mark.parametrize(("size", "kind"), [(0.04, "micro"), (0.07, "macro")])
def test_what_is_brief_but_not_faint_is_no_micro_expression(size: float, kind: str) -> None:
    smooth = np.zeros((601, len(R), 2), np.float32)
    smooth[116, R.index("mouth_corner_L")] += [size, 0.0]
    signals = Signals(np.zeros((301, width()), np.float32), smooth, smooth, np.full(len(R), 0.001, np.float32))
    assert [f.told.kind for f in find(signals, _verdict([(1.0, 1.4, 0.9, 0.0)]), 0.3)] == [kind]


def _lids(down: float, brow: float = 0.0) -> np.ndarray:
    moved = np.zeros((len(R), 2), np.float32)
    for side in "RL":
        moved[R.index(f"lid_upper_{side}"), 1] = down
        moved[R.index(f"eye_inner_{side}"), 1] = down
    moved[R.index("brow_middle_L"), 1] = brow
    return moved


def test_lids_that_come_down_alone_are_a_blink() -> None:
    assert is_blink(_lids(BLINK + 0.001))
    assert not is_blink(_lids(BLINK - 0.001))
    assert not is_blink(_lids(-0.03))
    assert is_blink(_lids(0.03, -0.03 / BLINK_SHARE + 0.001))
    assert not is_blink(_lids(0.03, -0.03 / BLINK_SHARE - 0.001))


@pytest.mark.parametrize(("micro", "macro", "left"), [(0.9, 0.0, 0), (0.0, 0.9, 1)])
def test_a_blink_is_no_micro_expression_even_if_it_is_large(micro: float, macro: float, left: int) -> None:
    smooth = np.zeros((601, len(R), 2), np.float32)
    smooth[116] = _lids(0.08)
    signals = Signals(np.zeros((301, width()), np.float32), smooth, smooth, np.full(len(R), 0.001, np.float32))
    assert len(find(signals, _verdict([(1.0, 1.4, micro, macro)]), 0.3)) == left


def test_times_stay_within_the_grid() -> None:
    smooth = np.zeros((101, len(R), 2), np.float32)
    signals = Signals(np.zeros((51, width()), np.float32), smooth, smooth, np.ones(len(R), np.float32))
    found = find(signals, _verdict([(0.8, 1.2, 0.9, 0.0)], rows=51), 0.3)
    assert found[0].told.offset_s <= 1.0


def test_nothing_from_nothing() -> None:
    assert tell(_verdict([], rows=0), FLOOR) == []


def test_a_threshold_leaves_out_and_changes_nothing_else() -> None:
    """What an evaluation filters afterwards is what a user gets who asks with that threshold."""
    verdict = _verdict([(1.0, 1.4, 0.9, 0.0), (3.0, 4.0, 0.2, 0.4)])
    unsure = np.arange(300)[(verdict.kinds[:, 1] > 0) & (verdict.kinds[:, 1] < 0.7)]
    verdict.spans[unsure, 0] += 0.06  # those below the threshold see another onset
    every = tell(verdict, FLOOR)
    assert len(every) == 2
    for threshold in (0.3, 0.7, 0.89):
        assert tell(verdict, threshold) == [t for t in every if t.confidence >= threshold]
    assert every[0].onset_s < 0.998  # and they voted


@pytest.mark.parametrize("threshold", [0.0, FLOOR / 2, 1.1, float("nan")])
def test_a_threshold_below_the_floor_or_above_one_is_refused(threshold: float) -> None:
    with pytest.raises(RequestError, match="from 0.02 to 1"):
        tell(_verdict([]), threshold)
