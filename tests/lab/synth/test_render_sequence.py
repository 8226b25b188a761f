"""Rendered sequences: the same again, from any frame on, and nothing moves but what is asked to."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from mien.core.arrays import Float64
from mien.core.schema import load_schema
from mien.lab.render.assemble import stage
from mien.lab.render.rasterize import draw
from mien.lab.render.sample import RenderedSample
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Rig
from mien.lab.synth.render_sequence import CALM, choices_at, render_sequence, scene_of, strength
from mien.lab.synth.sequence import FaceSequence, random_sequence

_SIZE = 96
_BROWS = {"AU1", "AU2", "AU4"}
_MOUTH = {"AU12", "AU14", "AU15", "AU17", "AU18", "AU20", "AU23", "AU24", "AU25", "AU26", "AU28"}


@pytest.fixture(scope="module")
def rig() -> Rig:
    return load_rig("builtin")


def _frames(rig: Rig, sequence: FaceSequence, count: int, first: int = 0) -> list[RenderedSample]:
    return list(islice(render_sequence(rig, sequence, _SIZE, first=first), count))


def _still(sequence: FaceSequence) -> FaceSequence:
    """The same person in the same room, who does nothing at all."""
    changed = ("shapes", "gaze_deg", "head_deg", "head_mm")
    nothing = {name: np.zeros_like(getattr(sequence, name)) for name in changed}
    return replace(sequence, **nothing, light=np.ones_like(sequence.light), events=())


def test_same_arguments_same_bytes_and_any_frame_first(rig: Rig) -> None:
    clip = random_sequence(11, "micro", 30.0)
    one, again = (_frames(rig, clip, 5) for _ in range(2))
    later = _frames(rig, clip, 2, first=3)
    for ours, theirs in [*zip(one, again, strict=True), *zip(one[3:], later, strict=True)]:
        assert ours.image.tobytes() == theirs.image.tobytes()
        assert ours.landmarks.xy.tobytes() == theirs.landmarks.xy.tobytes()
        assert ours.blendshapes.values.tobytes() == theirs.blendshapes.values.tobytes()
        assert (ours.expression, ours.identity) == (theirs.expression, theirs.identity)
    assert one[0].image.tobytes() != one[1].image.tobytes()
    assert len({s.identity for s in one}) == 1
    assert all(s.image.shape == (_SIZE, _SIZE, 3) for s in one)
    assert len(_frames(rig, clip, 100, first=len(clip) - 2)) == 2


@pytest.mark.parametrize("seed", [2, 4, 9, 11])
def test_a_still_face_differs_by_noise_only(rig: Rig, seed: int) -> None:
    clip = _still(random_sequence(seed, "neutral", 30.0))
    scene = scene_of(clip, replace(CALM, size_px=_SIZE))
    drawn = [draw(stage(rig, choices_at(scene, clip, k)).scene).linear for k in (0, 3)]
    assert drawn[0].tobytes() == drawn[1].tobytes()

    frames = _frames(rig, clip, 4)
    assert {f.landmarks.xy.tobytes() for f in frames} == {frames[0].landmarks.xy.tobytes()}
    assert {(f.expression, f.intensity) for f in frames} == {("neutral", 0.0)}
    stack = np.stack([f.image for f in frames]).astype(np.float64)
    between = np.array([np.abs(stack[a] - stack[b]).mean() for a, b in ((0, 1), (1, 2), (2, 3), (0, 3))])
    assert 0.2 < between.min() < between.max() < 8.0  # 0.9 to 6.4 grey levels in twelve seeds
    assert between.max() < 1.15 * between.min()  # nothing drifts
    halves = np.abs(stack[:2].mean(axis=0) - stack[2:].mean(axis=0)).mean()
    assert 0.6 < halves / between.mean() < 0.82  # 1/√2: noise of its own in every frame


def _only_the_expression(units: set[str], count: int) -> list[tuple[FaceSequence, int]]:
    """Micro-expressions made of some units only, on a face that does nothing else, and their apex frames."""
    out = []
    for seed in range(3000):
        clip = random_sequence(seed, "micro", 30.0)
        (event,) = clip.expressions
        if {u.split("_")[0] for u in event.units} <= units and not any(
            e.kind in ("blink", "speech") for e in clip.events
        ):
            eyes = [n.startswith("eyeLook") for n in load_schema("arkit52").names]
            apex = clip.frames_of(event)[1]
            out.append((replace(_still(clip), shapes=np.where(eyes, 0.0, clip.shapes).astype(np.float32)), apex))
        if len(out) == count:
            break
    assert len(out) == count
    return out


def _change(rig: Rig, clip: FaceSequence, apex: int, shots: int = 8) -> tuple[Float64, RenderedSample]:
    """(S, S) grey levels between the apex and the still face, each the mean of some shots; and one of them."""
    rows = np.array([0] * shots + [apex] * shots)
    held = replace(clip, shapes=clip.shapes[rows], times_ns=clip.times_ns[: 2 * shots])
    frames = _frames(rig, held, 2 * shots)
    stack = np.stack([f.image for f in frames]).astype(np.float64).mean(axis=3)
    return np.abs(stack[shots:].mean(axis=0) - stack[:shots].mean(axis=0)), frames[0]


def _around(sample: RenderedSample, word: str) -> tuple[slice, slice]:
    """Rows and columns of the points with a word in their name, and a margin."""
    names = load_schema("wflw98").names
    xy = sample.landmarks.xy[[word in n for n in names]]
    low, high = np.floor(xy.min(axis=0)).astype(int) - 4, np.ceil(xy.max(axis=0)).astype(int) + 5
    x, y = (slice(max(int(a), 0), min(int(b), _SIZE)) for a, b in zip(low, high, strict=True))
    return y, x


@pytest.mark.parametrize(("units", "own", "other"), [(_BROWS, "brow", "lip"), (_MOUTH, "lip", "brow")])
def test_what_moves_is_seen_in_its_own_region(rig: Rig, units: set[str], own: str, other: str) -> None:
    ratios = []
    for clip, apex in _only_the_expression(units, 4):
        change, sample = _change(rig, clip, apex)
        ratios.append(change[_around(sample, own)].mean() / change[_around(sample, other)].mean())
    assert min(ratios) > 1.2
    assert np.median(ratios) > 2.0


def test_labels_follow_the_event(rig: Rig) -> None:
    clip = random_sequence(7, "micro", 60.0, emotion="surprise")
    (event,) = clip.expressions
    onset, apex, _ = clip.frames_of(event)
    (before,) = _frames(rig, clip, 1, first=max(onset - 2, 0))
    (top,) = _frames(rig, clip, 1, first=apex)
    assert (before.expression, before.intensity) == ("neutral", 0.0)
    assert top.expression == "surprise"
    assert top.intensity == pytest.approx(strength(event, np.array([clip.times_ns[apex] / 1e9])))
    assert 0.9 * max(event.units.values()) < top.intensity <= max(event.units.values())
    np.testing.assert_array_equal(top.blendshapes.values, clip.shapes[apex])
