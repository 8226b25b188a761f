"""Sequences: what holds for every seed, whatever the frame rate."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.animate.timing import MACRO_S, MICRO_S, SHORTEST_S
from mien.core.schema import load_schema
from mien.lab.render.prototypes import CLASSES, COMPOUNDS
from mien.lab.synth.expressions import EXCLUSIVE
from mien.lab.synth.sequence import KINDS, FaceSequence, random_sequence

_SEEDS = st.integers(0, 2**31 - 1)
_SHORT = st.sampled_from(("micro", "macro", "neutral"))


def _same(one: FaceSequence, other: FaceSequence, every: int) -> None:
    n = len(one)
    np.testing.assert_allclose(other.times_ns[::every][:n], one.times_ns, atol=1)
    for name, tolerance in (
        ("shapes", 1e-5),
        ("gaze_deg", 1e-3),
        ("head_deg", 1e-4),
        ("head_mm", 1e-4),
        ("light", 1e-5),
    ):
        np.testing.assert_allclose(getattr(other, name)[::every][:n], getattr(one, name), atol=tolerance)
    assert one.events == other.events


@settings(max_examples=60, deadline=None)
@given(seed=_SEEDS, kind=_SHORT)
def test_what_holds_for_every_sequence(seed: int, kind: str) -> None:
    clip = random_sequence(seed, kind, 50.0)
    assert clip.times_ns[0] == 0
    assert (np.diff(clip.times_ns) == 20_000_000).all()
    assert clip.shapes.shape == (len(clip), 52)
    assert ((clip.shapes >= 0) & (clip.shapes <= 1)).all()
    index = load_schema("arkit52").index
    for one, other in EXCLUSIVE:
        assert np.minimum(clip.shapes[:, index(one)], clip.shapes[:, index(other)]).max() < 1e-6
    assert (clip.shapes[:, index("mouthClose")] <= clip.shapes[:, index("jawOpen")]).all()
    assert (np.abs(clip.gaze_deg) <= [30.0, 25.0]).all()
    assert np.abs(clip.head_deg).max() < 60.0
    assert ((clip.light > 0.5) & (clip.light < 1.7)).all()
    for event in clip.events:
        assert event.onset_s < event.apex_s < event.offset_s
        assert all(0 < level <= 5.0 for level in event.units.values())


@settings(max_examples=60, deadline=None)
@given(seed=_SEEDS)
def test_a_micro_expression_is_brief_faint_and_whole(seed: int) -> None:
    clip = random_sequence(seed, "micro", 200.0)
    (event,) = clip.expressions
    assert event.kind == "micro"
    assert event.offset_s - event.onset_s <= MICRO_S
    assert min(event.apex_s - event.onset_s, event.offset_s - event.apex_s) >= SHORTEST_S - 1e-9
    assert event.onset_s > 0.05
    assert event.offset_s < clip.seconds
    assert event.emotion in (*CLASSES, "others")
    assert 0.8 <= max(event.units.values()) <= 3.0 + 1e-9
    onset, apex, offset = clip.frames_of(event)
    assert onset < apex < offset
    assert clip.events_at(apex) == (event,)


@settings(max_examples=40, deadline=None)
@given(seed=_SEEDS)
def test_a_macro_expression_is_longer_and_may_have_a_class(seed: int) -> None:
    (event,) = random_sequence(seed, "macro", 30.0).expressions
    assert MACRO_S[0] < event.offset_s - event.onset_s <= MACRO_S[1]
    assert event.emotion is None or event.emotion in CLASSES
    assert event.compound is None or (event.compound in COMPOUNDS and event.emotion == "other")


@settings(max_examples=25, deadline=None)
@given(seed=_SEEDS, kind=_SHORT)
def test_the_frame_rate_only_samples(seed: int, kind: str) -> None:
    fine = random_sequence(seed, kind, 200.0)
    _same(random_sequence(seed, kind, 25.0), fine, 8)
    thirty, sixty = (random_sequence(seed, kind, fps) for fps in (30.0, 60.0))
    _same(thirty, sixty, 2)


def test_a_long_video_too() -> None:
    _same(random_sequence(5, "long", 25.0), random_sequence(5, "long", 50.0), 2)


@settings(max_examples=15, deadline=None)
@given(seed=_SEEDS, kind=_SHORT)
def test_same_seed_same_sequence(seed: int, kind: str) -> None:
    one, again = (random_sequence(seed, kind, 100.0) for _ in range(2))
    for name in ("times_ns", "shapes", "gaze_deg", "head_deg", "head_mm", "light"):
        assert getattr(one, name).tobytes() == getattr(again, name).tobytes()
    assert one.events == again.events
    other = random_sequence(seed + 1, kind, 100.0)
    assert one.head_deg[0].tobytes() != other.head_deg[0].tobytes()


@pytest.mark.parametrize("kind", ["micro", "macro"])
def test_movement_never_jumps(kind: str) -> None:
    """At 1000 frames per second neither place nor speed of a shape changes by a step."""
    schema = load_schema("arkit52")
    eyes = [n.startswith("eyeLook") for n in schema.names]
    for seed in range(12):
        clip = random_sequence(seed, kind, 1000.0)
        if any(e.kind == "speech" for e in clip.events):
            continue  # lips and smile may exclude each other there: continuous, but with a bend
        shapes = clip.shapes.astype(float)
        for side in ("Left", "Right"):  # of a lid that is wide and closes, the place is the difference
            blink, wide = schema.index("eyeBlink" + side), schema.index("eyeWide" + side)
            shapes[:, blink] -= shapes[:, wide]
            shapes[:, wide] = 0.0
        shapes = shapes[:, ~np.array(eyes)]
        assert np.abs(np.diff(shapes, axis=0)).max() < 0.055
        # The fastest: weight 0.65 falls in 25 ms (30 less its hold); peak speed 1.875 w/T, acceleration 5.8 w/T²
        assert np.abs(np.diff(shapes, n=2, axis=0)).max() < 0.008


def test_a_faint_movement_is_there_and_gone_again() -> None:
    names = load_schema("arkit52").names
    seen = 0
    for seed in range(40):
        clip = random_sequence(seed, "micro", 200.0)
        if any(e.kind in ("speech", "blink") for e in clip.events):
            continue
        (event,) = clip.expressions
        still = [i for i, n in enumerate(names) if not n.startswith("eyeLook")]
        onset, apex, offset = clip.frames_of(event)
        assert clip.shapes[apex, still].max() > 0.04
        assert clip.shapes[apex, still].max() <= 0.66
        # The frame next to the onset or offset may lie up to 2.5 ms inside the event.
        assert clip.shapes[onset, still].max() < 0.02
        assert clip.shapes[offset, still].max() < 0.02
        seen += 1
    assert seen > 10


def test_a_long_video_has_expressions_that_do_not_overlap() -> None:
    found = []
    for seed in range(12):
        clip = random_sequence(seed, "long", 5.0, seconds=60.0)
        events = clip.expressions
        for one, after in pairwise(events):
            assert one.offset_s < after.onset_s
        assert all(e.onset_s >= 0.5 and e.offset_s < 60.0 for e in events)
        found += [e.kind for e in events]
    assert {"micro", "macro"} == set(found)


def test_neutral_clips_have_only_distractors() -> None:
    kinds = set()
    for seed in range(150):
        clip = random_sequence(seed, "neutral", 30.0)
        assert clip.expressions == ()
        kinds |= {e.kind for e in clip.events}
    assert kinds == {"blink", "gaze", "turn", "speech", "light"}


def test_length_and_emotion_can_be_asked_for() -> None:
    clip = random_sequence(4, "micro", 100.0, seconds=2.0, emotion="surprise")
    assert len(clip) == 200
    assert clip.expressions[0].emotion == "surprise"
    assert len(random_sequence(4, "neutral", 30.0, seconds=1.0)) == 30


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 1, "kind": "smile"}, "kind"),
        ({"seed": 1, "fps": 2.0}, "fps"),
        ({"seed": 1, "seconds": 0.5}, "seconds"),
        ({"seed": 1, "emotion": "joy"}, "joy"),
    ],
)
def test_wrong_arguments_say_so(arguments: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        random_sequence(**arguments)  # type: ignore[arg-type]


def test_kinds_are_told_apart_by_their_numbers() -> None:
    first = {k: random_sequence(9, k, 30.0).head_deg[0, 0] for k in KINDS}
    assert len(set(first.values())) == len(KINDS)
