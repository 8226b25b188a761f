"""The fitted parameters: what is drawn has the figures they imply, and those of real events where these are there."""

import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from mien.animate import statistics_table as statistics
from mien.animate.statistics_table import FILE, statistics_table
from mien.animate.timing import (
    MACRO_S,
    MICRO_S,
    SHORTEST_S,
    MacroTiming,
    MicroTiming,
    macro_timing,
    micro_timing,
    rate,
)
from mien.core.schema import load_schema
from mien.lab.synth import fit_statistics, sequence_report
from mien.lab.synth.expression_events import FAINT, macro_event, micro_event
from mien.lab.synth.fit_timing import even_points, fit_rate, shares_below
from mien.lab.synth.sequence import random_sequence
from mien.lab.synth.unit_sets import UNSEEN, UnitSets, exclusive_units, list_sets, load_unit_sets, log_weights

STATS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "stats" / "micro_expressions.json"
_KINDS = ("micro", "macro")


def _implied(model: UnitSets) -> tuple[np.ndarray, np.ndarray]:
    """(E, S) shares of sets with something doable in them, and the (S, U) sets."""
    sets = list_sets(model.units)
    share = np.exp(log_weights(model, sets))
    share[:, (sets.sum(axis=1) == 1) & sets[:, -1]] = 0.0
    return share / share.sum(), sets


def test_the_file_says_where_it_comes_from() -> None:
    text = Path(statistics.__file__).with_name(FILE).read_text(encoding="utf-8")
    assert "fit_statistics" in text
    for name in (*fit_statistics.MICRO_SETS, *fit_statistics.MICRO_TIMES, "CAS(ME)2", "SAMM"):
        assert name in text
    assert fit_statistics.to_toml(statistics_table()) == text.split("agreement.\n", 1)[1]


@pytest.mark.parametrize("kind", _KINDS)
def test_parameters_are_in_their_bounds(kind: str) -> None:
    model, table = load_unit_sets(kind), statistics_table()[kind]
    facs = load_schema("facs")
    assert model.units[-1] == UNSEEN
    assert all(u in facs or f"{u}_L" in facs for u in model.units[:-1])
    assert (model.pairs == model.pairs.T).all()
    assert (np.diag(model.pairs) == 0).all()
    every = np.concatenate([model.bias, model.fields.ravel(), model.pairs.ravel(), model.number])
    assert np.isfinite(every).all()
    assert np.abs(every).max() < 40.0  # all fields + c with number − c · n is the same model: size alone says little
    assert all(0.0 <= v <= 1.0 for v in (*model.one_sided.values(), *model.left.values()))
    assert 0.0 < table["intensity"]["log_sd"] < 1.0
    how = rate(kind)
    assert 0.0 < how.again < 1.0
    assert how.bouts_per_minute > 0.0
    assert 0.0 <= model.only_unseen() < 0.1
    assert set(micro_timing().emotions) <= set(load_unit_sets("micro").emotions)


@pytest.mark.parametrize("kind", _KINDS)
def test_drawn_sets_have_the_shares_the_parameters_imply(kind: str) -> None:
    """Five standard deviations of 4000 draws, for every unit, every pair and every emotion."""
    model, n = load_unit_sets(kind), 4000
    share, sets = _implied(model)
    rng = np.random.default_rng(5)
    drawn = [model.draw(rng) for _ in range(n)]
    units = Counter(u for _, names in drawn for u in names)
    pairs = Counter(frozenset(two) for _, names in drawn for two in combinations(names, 2))
    emotions = Counter(e for e, _ in drawn)
    x = sets.astype(float)
    both = x.T @ (share.sum(axis=0)[:, None] * x)

    def check(made: int, expected: float) -> None:
        assert abs(made / n - expected) <= 5.0 * np.sqrt(expected * (1 - expected) / n) + 5.0 / n

    for i, unit in enumerate(model.units[:-1]):
        check(units[unit], float(both[i, i]))
    for i, j in combinations(range(len(model.units) - 1), 2):
        check(pairs[frozenset((model.units[i], model.units[j]))], float(both[i, j]))
    for emotion, expected in zip(model.emotions, share.sum(axis=1), strict=True):
        check(emotions[emotion], float(expected))
    bad = {frozenset(two) for two in exclusive_units(model.units)}
    assert not bad & set(pairs)


def test_an_emotion_has_its_own_units() -> None:
    model = load_unit_sets("micro")
    share, sets = _implied(model)
    of = {e: row @ sets / row.sum() for e, row in zip(model.emotions, share, strict=True)}
    at = model.units.index
    assert of["happiness"][at("AU12")] > 3 * of["sadness"][at("AU12")]
    assert of["surprise"][at("AU2")] > 3 * of["disgust"][at("AU2")]
    rng = np.random.default_rng(3)
    smiles = np.mean(["AU12" in model.draw(rng, "happiness")[1] for _ in range(1500)])
    assert smiles == pytest.approx(of["happiness"][at("AU12")], abs=0.08)


def test_durations_keep_their_rules_and_the_parameters_percentiles() -> None:
    rng = np.random.default_rng(8)
    at = (5, 25, 50, 75, 95)
    for model in (micro_timing(), macro_timing()):
        drawn = np.array([model.draw(rng) for _ in range(4000)])
        whole = drawn.sum(axis=1)
        assert drawn.min() >= SHORTEST_S
        low, high = (0.0, MICRO_S) if isinstance(model, MicroTiming) else MACRO_S
        assert low < whole.min() < whole.max() <= high
        even = model.at(even_points())
        sums = even.sum(axis=1)
        even = even[(even >= SHORTEST_S).all(axis=1) & (sums > low) & (sums <= high)]
        np.testing.assert_allclose(np.percentile(drawn, at, axis=0), np.percentile(even, at, axis=0), rtol=0.12)


def test_a_skew_of_nothing_is_the_log_normal() -> None:
    z = even_points(256)
    plain = MacroTiming(-0.9, 0.6, 0.0, -0.5, 0.8, 0.0, 0.0).at(z)
    np.testing.assert_allclose(plain[:, 0], np.exp(-0.9 + 0.6 * z[:, 0]))
    np.testing.assert_allclose(plain, MacroTiming(-0.9, 0.6, 1e-5, -0.5, 0.8, 1e-5, 0.0).at(z), rtol=1e-3)
    longer = MacroTiming(-0.9, 0.6, 0.4, -0.5, 0.8, 0.0, 0.0).at(z)[:, 0]
    assert (longer >= plain[:, 0]).all()


def test_micro_is_faint_and_macro_is_not_bound() -> None:
    rng = np.random.default_rng(2)
    micro = [max(micro_event(rng, 0.0).units.values()) for _ in range(600)]
    macro = [max(macro_event(rng, 0.0).units.values()) for _ in range(600)]
    assert FAINT[0] - 1e-9 <= min(micro) < max(micro) <= FAINT[1] + 1e-9
    assert np.median(macro) > np.median(micro)


def test_long_videos_have_as_many_events_from_the_first_to_the_last_second() -> None:
    """Rates as fitted: within a quarter in 80 minutes (bouts scatter), in the first third as in the last."""
    onsets: dict[str, list[float]] = {k: [] for k in _KINDS}
    for seed in range(80):
        for event in random_sequence(seed, "long", 5.0, seconds=60.0).expressions:
            onsets[event.kind].append(event.onset_s)
    for kind in _KINDS:
        how = rate(kind)
        expected = how.bouts_per_minute / (1.0 - how.again)
        assert len(onsets[kind]) / 80.0 == pytest.approx(expected, rel=0.25)
    early, late = (sum(low <= t < low + 20.0 for t in onsets["macro"]) for low in (0.5, 37.0))
    assert 0.75 < early / late < 1.33


@pytest.fixture(scope="module")
def stats() -> dict[str, object]:
    if not STATS.is_file():
        pytest.skip("the shared statistics are not beside the checkout")
    return dict(json.loads(STATS.read_text(encoding="utf-8")))


@pytest.mark.shared
@pytest.mark.parametrize("kind", _KINDS)
def test_drawn_events_agree_with_real_ones(stats: dict[str, object], kind: str) -> None:
    report = sequence_report.compare(stats, kind, 5000, videos=40)
    for row in report.units:
        assert abs(row.drawn - row.real) < 2.0, row
    for row in report.emotions:
        assert abs(row.drawn - row.real) < 2.0, row
    for row in report.numbers:
        assert abs(row.drawn - row.real) < 4.0, row
    for row in report.pairs:
        assert abs(row.drawn - row.real) < 1.5, row
    assert report.pair_correlation > 0.99
    for row in report.timing:
        assert not np.isfinite(row.real) or abs(row.drawn / row.real - 1.0) < 0.18, row
    assert report.per_minute.drawn == pytest.approx(report.per_minute.real, rel=0.35)
    assert sequence_report.markdown(report).count("\n|") > 50


@pytest.mark.shared
def test_the_committed_rates_are_those_of_the_real_videos(stats: dict[str, object]) -> None:
    videos = list(stats["long_videos"].values())  # type: ignore[attr-defined]
    for kind in _KINDS:
        found, kept = fit_rate(videos, kind), rate(kind)
        for name in ("bouts_per_minute", "again", "gap", "gap_sd"):
            assert getattr(found, name) == pytest.approx(getattr(kept, name), abs=6e-4)


def test_histograms_are_added_up_and_what_is_over_counts() -> None:
    def table(counts: list[int], over: int) -> dict[str, dict[str, object]]:
        one = {"bin_s": 0.1, "counts": counts, "over": over}
        return {f"hist_{p}": one for p in ("onset_to_apex", "apex_to_offset", "onset_to_offset")}

    for edges, below in shares_below([table([1, 1], 0), table([0, 3, 4], 1)]):
        np.testing.assert_allclose(edges, [0.1, 0.2, 0.3])
        np.testing.assert_allclose(below, [0.1, 0.5, 0.9])
