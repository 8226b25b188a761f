"""Expressions from pixels (with a network that can be worked out by hand), from action units, and what follows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from disc_networks import write_expression, write_heatmaps
from mien.core.measures import ActionUnits, Box, Expression, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import ModelError
from mien.expression.affect import RATINGS, valence_arousal
from mien.expression.aligned import RIGID
from mien.expression.from_units import UnitExpression, prototypes, read_units
from mien.expression.network import NetworkExpression, Options
from mien.expression.steady import PASSES, Steady
from mien.runtime.store import CARD_FILE
from mien.take.codec import decode, encode

EIGHT = load_schema("expression8")
FACS = load_schema("facs")


def units(**given: float) -> ActionUnits:
    """Intensities by name, both sides alike; 0 elsewhere."""
    values = np.zeros(len(FACS), np.float32)
    for name, value in given.items():
        for i, entry in enumerate(FACS.names):
            if entry == name or entry.partition("_")[0] == name:
                values[i] = value
    return ActionUnits.of(values, np.where(np.isfinite(values), 0.9, 0))


def points(x: float, y: float, side: float) -> Landmarks:
    schema = load_schema("wflw98")
    xy = np.full((98, 2), [x, y], np.float32)
    for name, u, v in RIGID:
        xy[schema.index(name)] = [x + (u - 0.5) * side, y + (v - 0.5) * side]
    return Landmarks(xy, np.full(98, 0.8, np.float32), schema)


def record(upper: int, lower: int, t_s: float = 0.0, x: float = 60) -> FrameRecord:
    image = np.full((120, 120, 3), upper, np.uint8)
    image[60:] = lower
    face = Face(Box(np.array([20, 20, 100, 100], np.float32), 0.9), track_id=3, landmarks=points(x, 60, 80))
    return FrameRecord(Stamp("test", 0, round(t_s * 1e9)), (120, 120), image, (face,))


@pytest.fixture
def model(tmp_path: Path) -> str:
    write_expression(tmp_path / "expression48")
    return str(tmp_path / "expression48")


def said(stage: NetworkExpression, given: FrameRecord) -> Expression:
    found = stage.step(given).faces[0].expression
    assert found is not None
    return found


def test_pixels_become_probabilities_by_name(model: str) -> None:
    stage = NetworkExpression(Options(model=model, steady_s=0))
    happy, angry = said(stage, record(120, 220)), said(stage, record(220, 120))
    assert happy.schema.name == "expression8"
    assert happy["happiness"] > 0.5 > happy["anger"]
    assert angry["anger"] > 0.5 > angry["happiness"]
    assert np.isnan(happy["contempt"])
    assert float(np.nansum(happy.values)) == pytest.approx(1, abs=1e-5)
    assert happy.confidence[EIGHT.index("happiness")] == pytest.approx(0.8)
    assert happy.confidence[EIGHT.index("contempt")] == 0
    stage.close()


def test_a_face_outside_the_picture_or_without_points_is_not_read(model: str) -> None:
    stage = NetworkExpression(Options(model=model))
    assert np.isnan(said(stage, record(120, 220, x=150)).values).all()
    given = record(120, 220)
    lost = replace(given, faces=(replace(given.faces[0], landmarks=None),))
    assert np.isnan(said(stage, lost).values).all()
    assert stage.step(replace(given, image=None)).faces[0].expression is None
    stage.close()


def test_readings_survive_a_take_and_a_resumed_capture_goes_on(model: str) -> None:
    stage = NetworkExpression(Options(model=model))
    first = stage.step(record(120, 140))
    back = decode(encode([first]))[0]
    assert back.faces[0].expression is not None
    assert np.array_equal(back.faces[0].expression.values, first.faces[0].expression.values, equal_nan=True)
    second = said(stage, record(120, 145, 0.04))
    resumed = NetworkExpression(Options(model=model))
    resumed.feedback(back)
    assert np.array_equal(said(resumed, record(120, 145, 0.04)).values, second.values, equal_nan=True)
    stage.reset(3)
    alone = said(stage, record(120, 145, 0.08))
    assert not np.array_equal(alone.values, second.values, equal_nan=True)
    stage.close()
    resumed.close()


def test_a_face_may_be_read_once_in_a_step_of_time(model: str) -> None:
    stage = NetworkExpression(Options(model=model, steady_s=0, every_s=0.1))
    first = stage.step(record(120, 220, 0.0))
    stage.feedback(first)
    assert said(stage, record(220, 120, 0.09))["happiness"] > 0.5, "what was read at first still holds"
    later = said(stage, record(220, 120, 0.1))
    assert later["anger"] > 0.5
    resumed = NetworkExpression(Options(model=model, steady_s=0, every_s=0.1))
    resumed.feedback(decode(encode([first]))[0])
    held = said(resumed, record(220, 120, 0.09))
    assert np.array_equal(held.values, first.faces[0].expression.values, equal_nan=True)  # type: ignore[union-attr]
    stage.reset()
    assert said(stage, record(220, 120, 0.09))["anger"] > 0.5, "forgotten"
    stage.close()
    resumed.close()


def test_held_readings_do_not_slow_the_mean_down(model: str) -> None:
    def after(rate_hz: int) -> float:
        stage = NetworkExpression(Options(model=model, steady_s=0.15, every_s=0.1))
        for k in range(rate_hz // 2 + 1):
            done = stage.step(record(120, 126 if k == 0 else 130, k / rate_hz))
            stage.feedback(done)
        stage.close()
        return float(done.faces[0].expression["happiness"])  # type: ignore[index]

    stage = NetworkExpression(Options(model=model, steady_s=0))
    before, settled = (said(stage, record(120, lower))["happiness"] for lower in (126, 130))
    stage.close()
    assert 0.01 < settled - before < 0.25, "small enough to be averaged"
    at_30, at_120 = after(30), after(120)
    assert at_30 == pytest.approx(at_120, abs=0.02 * (settled - before))
    assert at_30 > before + 0.9 * (settled - before)


def test_networks_of_another_kind_are_refused(model: str, tmp_path: Path) -> None:
    write_heatmaps(tmp_path / "hrnet98-128")
    with pytest.raises(ModelError, match="is no expression network"):
        NetworkExpression(Options(model=str(tmp_path / "hrnet98-128")))
    card = Path(model) / CARD_FILE
    for wrong, message in (("facs", 'names no expressions of "expression8"'), ("nothing", "which is unknown")):
        card.write_text(card.read_text().replace('"expression7"', f'"{wrong}"'))
        with pytest.raises(ModelError, match=message):
            NetworkExpression(Options(model=model))
        card.write_text(card.read_text().replace(f'"{wrong}"', '"expression7"'))


def test_small_changes_are_averaged_and_large_ones_pass_at_once() -> None:
    steady = Steady(0.2)
    calm, jitter = np.array([0.6, 0.4], np.float32), np.array([0.55, 0.45], np.float32)
    steady.next(1, calm, 0)
    after = steady.next(1, jitter, 33_000_000)
    assert 0.55 < after[0] < 0.6
    assert after[0] > 0.585  # most of a small step is held back
    jump = np.array([0.05, 0.95], np.float32)
    assert np.array_equal(steady.next(1, jump, 66_000_000), jump)
    assert abs(jump[0] - 0.6) > PASSES


def test_steadiness_does_not_depend_on_the_frame_rate_and_ends_with_a_gap() -> None:
    start, end = np.array([0.6, 0.4], np.float32), np.array([0.58, 0.42], np.float32)
    ends = []
    for rate in (25, 50, 200):
        steady = Steady(0.2)
        steady.next(1, start, 0)
        for k in range(1, rate // 5 + 1):
            last = steady.next(1, end, k * 1_000_000_000 // rate)
        ends.append(float(last[0]))
    assert np.ptp(ends) < 5e-4
    steady = Steady(0.2)
    steady.next(1, start, 0)
    assert np.array_equal(steady.next(1, end, 5_000_000_000), end)
    steady.forget(None)
    assert np.array_equal(steady.next(1, start, 5_010_000_000), start)
    other = np.array([np.nan, 1.0], np.float32)
    assert np.array_equal(steady.next(1, other, 5_020_000_000), other, equal_nan=True)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "neutral"),
        ({"AU6": 3, "AU12": 4}, "happiness"),
        ({"AU1": 3, "AU4": 2.5, "AU15": 3}, "sadness"),
        ({"AU1": 3, "AU2": 3, "AU5": 3, "AU26": 3}, "surprise"),
        ({"AU1": 3, "AU2": 2, "AU4": 3, "AU5": 4, "AU20": 3, "AU25": 2}, "fear"),
        ({"AU4": 4, "AU7": 3, "AU23": 3}, "anger"),
        ({"AU9": 4, "AU17": 2}, "disgust"),
        ({"AU14_L": 3}, "contempt"),
    ],
)
def test_prototypes_read_as_their_expression(given: dict[str, float], expected: str) -> None:
    found = read_units(units(**given))
    assert found.names[int(np.nanargmax(found.values))] == expected
    assert float(np.nansum(found.values)) == pytest.approx(1, abs=1e-5)


def test_a_weak_face_is_ambiguous_and_an_unmeasured_one_unknown() -> None:
    weak = read_units(units(AU4=1.5, AU7=1.0))
    assert np.nanmax(weak.values) < 0.75
    assert np.isnan(read_units(ActionUnits.of(np.full(len(FACS), np.nan), np.zeros(len(FACS)))).values).all()
    some = units(AU12=4.0, AU6=3.0)
    values = some.values.copy()
    values[[n.startswith(("AU9", "AU10")) for n in FACS.names]] = np.nan
    found = read_units(ActionUnits.of(values, np.where(np.isfinite(values), 0.9, 0)))
    assert np.isnan(found["disgust"])
    assert found.confidence[EIGHT.index("disgust")] == 0
    assert found["happiness"] > 0.5


def test_prototypes_use_known_names() -> None:
    ways, full = prototypes()
    bare = {n.partition("_")[0] for n in FACS.names}
    assert 0 < full <= 5
    for way in ways:
        assert way.expression in EIGHT
        assert len(way.units) == len(way.weights)
        assert {*way.units, *way.against} <= bare


def test_the_unit_stage_reads_who_has_units() -> None:
    given = record(100, 100)
    with_units = replace(given, faces=(replace(given.faces[0], action_units=units(AU12=4.0, AU6=3.0)), given.faces[0]))
    first, second = UnitExpression().step(with_units).faces
    assert first.expression is not None
    assert first.expression["happiness"] > 0.5
    assert second.expression is None


def test_valence_and_arousal_are_expectations() -> None:
    values = np.full(len(EIGHT), np.nan, np.float32)
    values[EIGHT.index("happiness")], values[EIGHT.index("sadness")] = 0.5, 0.5
    valence, arousal = valence_arousal(Expression(values, np.isfinite(values), EIGHT))
    assert valence == pytest.approx((RATINGS["happiness"][0] + RATINGS["sadness"][0]) / 2)
    assert arousal == pytest.approx((RATINGS["happiness"][1] + RATINGS["sadness"][1]) / 2)
    assert set(RATINGS) == set(EIGHT.names)
    nothing = Expression(np.full(len(EIGHT), np.nan), np.zeros(len(EIGHT)), EIGHT)
    assert np.isnan(valence_arousal(nothing)).all()
