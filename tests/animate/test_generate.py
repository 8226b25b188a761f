"""Generated performances: timing by kind, limits, seeds, smoothness, sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from mien.animate.acting import laid_over, records, units_of
from mien.animate.emotion import emotions, load_limits
from mien.animate.expression_graph import EXPRESSIONS, UNITS, Ask, ExpressionGraph, with_sides
from mien.animate.generate import Generated, generate
from mien.animate.script import Script, parse_say
from mien.animate.spline import Times, activation, sampled
from mien.animate.timing import MICRO_S
from mien.core.measures import Blendshapes, Box
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import ConfigError
from mien.expression.from_units import read_units

ARKIT, FACS = load_schema("arkit52"), load_schema("facs")
EXAMPLE = "surprise 0.8 at 0.2s, micro fear 0.4 at 1.1s, then neutral"
STILL = {"blinks": 0.0, "head": 0.0, "gaze": 0.0}


@pytest.fixture(scope="module")
def graph() -> Iterator[ExpressionGraph]:
    one = ExpressionGraph()
    yield one
    one.close()


@pytest.fixture(scope="module")
def example(graph: ExpressionGraph) -> Generated:
    return generate(parse_say(EXAMPLE, seed=1), graph)


def test_the_example_has_its_events_in_time(example: Generated) -> None:
    surprise, fear = example.acts
    assert (surprise.onset_s, fear.onset_s) == (0.2, 1.1)
    assert fear.offset_s - fear.onset_s <= MICRO_S + 1e-9
    assert surprise.offset_s > fear.offset_s, "the micro-expression is laid over"
    assert surprise.release_s >= fear.offset_s - 1e-9, "neutral comes when the micro-expression is over"
    kinds = {e.kind for e in example.events}
    assert {"macro", "micro"} <= kinds <= {"macro", "micro", "blink"}
    assert example.units[0].max() == 0.0
    assert example.units[-1].max() == 0.0


def test_the_same_seed_is_the_same_face_at_any_frame_rate(graph: ExpressionGraph, example: Generated) -> None:
    again = generate(parse_say(EXAMPLE, seed=1), graph)
    for name in ("t_ns", "units", "weights", "head_deg", "gaze_deg"):
        np.testing.assert_array_equal(getattr(again, name), getattr(example, name))
    slow = generate(parse_say(EXAMPLE, seed=1, fps=30.0), graph)
    np.testing.assert_allclose(slow.weights, example.weights[::2][: len(slow)], atol=2e-3)
    other = generate(parse_say(EXAMPLE, seed=2), graph)
    assert not np.array_equal(other.units[: len(example)], example.units[: len(other)])


def test_another_event_changes_no_other_event(graph: ExpressionGraph, example: Generated) -> None:
    more = generate(parse_say(EXAMPLE + ", angry 0.5 at 4", seed=1), graph)
    assert more.acts[0].units == example.acts[0].units
    assert more.acts[1] == example.acts[1]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_goes_beyond_what_a_face_can_do(graph: ExpressionGraph, seed: int) -> None:
    said = "rage 1 at 0.1 for 0.4, micro fear 1, terror 1, AU12+AU15+AU26+AU24 1, micro disgust 1 at 1, sad 1 at 2"
    made = generate(parse_say(said, seed=seed, fps=120.0), graph)
    limits = load_limits()
    assert 0.0 <= made.weights.min() <= made.weights.max() <= 1.0
    assert 0.0 <= made.units.min() <= made.units.max() <= 5.0
    for pair in limits.together:
        one, other = (made.units[:, [i for i, n in enumerate(FACS.names) if n.split("_")[0] == u]] for u in pair.units)
        assert (one.max(axis=1) + other.max(axis=1)).max() <= pair.most + 1e-3
    closed = made.weights[:, [ARKIT.index("eyeBlinkLeft")]] > 0.95
    assert (made.weights[closed[:, 0], ARKIT.index("eyeWideLeft")] < 0.06).all()
    assert (made.weights[:, ARKIT.index("mouthClose")] <= made.weights[:, ARKIT.index("jawOpen")] + 1e-6).all()
    assert np.abs(made.head_deg).max() <= limits.head_deg.yaw
    micro = [a for a in made.acts if a.kind == "micro"]
    assert all(max(a.units.values()) <= limits.micro.most for a in micro)
    assert all(a.offset_s - a.onset_s <= MICRO_S + 1e-9 for a in micro)


def test_a_spline_never_overshoots_and_is_smooth() -> None:
    t_s = np.linspace(0.0, 2.0, 4001)
    for times in (Times(0.3, 0.9, 1.2, 1.8), Times(0.3, 0.5, 0.5, 0.7), Times(0.1, 0.2, 1.0, 1.9, (1.2, 0.9))):
        curve = sampled(activation(times), t_s)
        assert 0.0 <= curve.min() <= curve.max() <= 1.0
        assert curve.max() > 0.999
        assert curve[(t_s <= times.onset_s) | (t_s >= times.offset_s)].max() < 1e-6
        middle = (t_s >= times.apex_s) & (t_s <= times.release_s)
        assert curve[middle].min() > 0.9, "the apex is the apex"
        speed = np.diff(curve) / np.diff(t_s)
        assert np.abs(np.diff(speed)).max() < 0.1 * np.abs(speed).max(), "no kink"


def test_expressions_vary_but_are_recognised(graph: ExpressionGraph) -> None:
    """By the EMFACS reading of another room, on the units that a reader of captured faces would get."""
    right, sets = [], {name: set() for name in EXPRESSIONS if name != "contempt"}
    for name in sets:
        for seed in range(8):
            made = generate(parse_say(f"{name} 0.7 at 0.1 for 1", seed=seed, fps=20.0, idle=STILL), graph)
            frame = int(np.argmin(np.abs(made.t_ns / 1e9 - made.acts[0].apex_s)))
            found = read_units(units_of(Blendshapes.of(made.weights[frame], np.ones(52))))
            right.append(found.names[int(np.nanargmax(found.values))] == name)
            sets[name].add(frozenset(made.acts[0].units))
    assert np.mean(right) >= 0.935
    assert all(len(s) >= 3 for s in sets.values()), "not always the same face"


def test_units_that_belong_together_come_together(graph: ExpressionGraph) -> None:
    rng = np.random.default_rng(0)
    drawn = [graph.levels(Ask("surprise", "macro", 0.8), rng) for _ in range(40)]
    assert np.mean([("AU1" in d) == ("AU2" in d) for d in drawn]) > 0.9
    assert all(set(d) <= set(UNITS) and 0.15 <= min(d.values()) <= max(d.values()) == 1.0 for d in drawn)
    sides = with_sides({"AU12": 1.0, "AU14": 0.8}, Ask("contempt", "macro", 0.8), rng, 0.1)
    assert len({n[-1] for n in sides}) == 1, "contempt is one-sided"
    with pytest.raises(ValueError, match="bliss"):
        graph.levels(Ask("bliss", "macro", 0.5), rng)


def test_a_script_may_change_a_profile(graph: ExpressionGraph) -> None:
    script = parse_say("happy 1 at 0.1 for 1", seed=3, idle=STILL)
    weak = script.model_copy(update={"emotions": {"happiness": {"modulator": 0.5}}})
    full, half = (max(generate(s, graph).acts[0].units.values()) for s in (script, weak))
    assert half == pytest.approx(full / 2, rel=0.05)
    for wrong in ({"happiness": {"modulatr": 1}}, {"bliss": {}}, {"anger": {"timing": {"rise": -1}}}):
        with pytest.raises(ConfigError, match="emotions"):
            generate(script.model_copy(update={"emotions": wrong}), graph)
    assert emotions()["happiness"].modulator == 1.0


def test_records_are_those_of_a_take(example: Generated) -> None:
    rows = list(records(example, "said"))
    assert [r.stamp.t_ns for r in rows] == example.t_ns.tolist()
    assert sum(len(r.events) for r in rows) == len(example.events)
    for row in rows:
        assert all(e.offset_ns <= row.stamp.t_ns or row is rows[-1] for e in row.events)
    face = rows[60].faces[0]
    assert face.action_units is not None
    assert face.head_pose is not None
    assert np.isfinite(face.head_pose.rotation).all()
    assert face.action_units["AU1"] > 1.0


def test_laid_over_a_face_that_was_captured(graph: ExpressionGraph) -> None:
    def row(i: int) -> FrameRecord:
        weights = np.full(52, 0.1)
        weights[ARKIT.index("tongueOut")] = np.nan
        weights[ARKIT.index("mouthFrownLeft")] = 0.6
        shapes = Blendshapes.of(weights, np.isfinite(weights) * 0.8)
        faces = (Face(Box([0, 0, 9, 9], 1), 5, blendshapes=shapes), Face(Box([0, 0, 9, 9], 1), 6, blendshapes=shapes))
        return FrameRecord(Stamp("clip", i, 7_000_000_000 + i * 40_000_000), (64, 48), None, faces)

    take = [row(i) for i in range(50)]
    t_ns = np.array([r.stamp.t_ns for r in take]) - take[0].stamp.t_ns
    made = generate(parse_say("AU12 0.8 at 0.3 for 1", idle=STILL), graph, t_ns=t_ns)
    out = list(laid_over(take, made, 5))
    smile, frown = (ARKIT.index(n) for n in ("mouthSmileLeft", "mouthFrownLeft"))
    peak = max(range(50), key=lambda i: made.weights[i, smile])
    acted, other = out[peak].faces
    assert acted.blendshapes is not None
    assert other.blendshapes is not None
    assert acted.blendshapes.values[smile] > 0.2
    assert acted.blendshapes.values[frown] < 0.05, "of a smile over a frown the difference is left"
    assert np.isnan(acted.blendshapes["tongueOut"]), "what was not measured stays unknown"
    np.testing.assert_array_equal(other.blendshapes.values, take[0].faces[1].blendshapes.values)  # type: ignore[union-attr]
    np.testing.assert_allclose(out[0].faces[0].blendshapes.values, take[0].faces[0].blendshapes.values)  # type: ignore[union-attr]
    (event,) = [e for r in out for e in r.events]
    assert (event.track_id, event.kind) == (5, "macro")
    assert event.onset_ns == 7_000_000_000 + 300_000_000


def test_a_script_without_events_is_a_face_at_rest() -> None:
    made = generate(Script(fps=30.0, idle={"blinks": 0.0}))  # type: ignore[arg-type]
    assert len(made) == 90
    assert made.weights.max() == 0.0
    assert made.events == ()


def test_a_minute_fits_in_a_seventh_of_the_keys(graph: ExpressionGraph) -> None:
    """Sixty seconds at 25 frames/s with the tremor of a capture, calmed, within 0.01 of every frame."""
    from mien.animate.curves import reduced
    from mien.animate.performance import performance
    from mien.animate.smooth import calmed

    said = "happy at 2, sad 0.8 at 9, micro fear at 12, surprise at 20, anger 0.9 at 30, disgust at 42, happy 0.6 at 50"
    made = generate(parse_say(said, seed=1, fps=25.0, seconds=60.0), graph)
    one = performance(records(made, "said"))
    moves = np.ptp(one.weights, axis=0) > 0.02
    noise = np.random.default_rng(0).normal(0.0, 0.008, one.weights.shape) * moves
    shaken = replace(one, weights=np.clip(one.weights + noise, 0, 1).astype(np.float32))
    shown, t_s = calmed(shaken).weights.astype(np.float64), one.t_ns / 1e9
    keys = [reduced(t_s, column, 0.01) for column in shown.T]
    assert sum(map(len, keys)) <= 0.15 * shown.size
    assert max(np.abs(k.at(t_s) - c).max() for k, c in zip(keys, shown.T, strict=True)) <= 0.01 + 1e-9
