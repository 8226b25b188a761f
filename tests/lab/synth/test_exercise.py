"""What is performed: everything once, smoothly, and the same at every frame rate."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.schema import load_schema
from mien.lab.synth.exercise import CALM_S, exercise, performed

SCHEMA = load_schema("arkit52")


@pytest.mark.parametrize("seed", [1, 2, 30])
def test_no_shape_is_left_out(seed: int) -> None:
    clip = exercise(seed)
    assert set(SCHEMA.names) == {n for n, top in zip(SCHEMA.names, clip.shapes.max(axis=0), strict=True) if top > 0.4}
    assert clip.shapes.min() >= 0.0
    assert clip.shapes.max() <= 1.0
    calm = clip.shapes[: int(CALM_S * clip.fps)]
    moving = [i for i, n in enumerate(SCHEMA.names) if not n.startswith(("eyeLook", "eyeBlink"))]
    assert calm[:, moving].max() == 0.0
    far = np.abs(clip.head_deg[:, 0]) > 30
    assert 0.05 < far.mean() < 0.25
    assert 22 < clip.seconds < 36


def test_another_frame_rate_is_the_same_movement() -> None:
    slow, fast = exercise(4, 15.0), exercise(4, 60.0)
    np.testing.assert_allclose(slow.shapes, fast.shapes[::4][: len(slow)], atol=1e-6)
    np.testing.assert_allclose(slow.head_deg, fast.head_deg[::4][: len(slow)], atol=1e-5)
    assert np.abs(np.diff(fast.shapes[:, SCHEMA.index("jawOpen")])).max() < 0.15
    assert exercise(5).shapes.shape[0] != 0
    assert not np.array_equal(exercise(5).shapes[:200], slow.shapes[:200])


def test_what_a_guide_asks_for_is_done_when_it_asks() -> None:
    clip = performed(3, [({}, 3.0), ({"jawOpen": 1.0}, 4.0), ({"eyeBlink": 1.0}, 3.0)], 30.0)
    jaw, blink = clip.shapes[:, SCHEMA.index("jawOpen")], clip.shapes[:, SCHEMA.index("eyeBlinkRight")]
    assert len(clip) == 300
    assert jaw[:90].max() == 0
    assert jaw[90:210].max() > 0.8
    assert jaw[210:].max() == 0
    assert blink[:210].max() == 0
    assert blink[210:].max() > 0.8
    ups = np.flatnonzero((jaw[1:] > 0.5) & (jaw[:-1] <= 0.5))
    assert len(ups) == 2


@pytest.mark.parametrize(("seed", "fps"), [(-1, 15.0), (1, 2.0)])
def test_arguments_are_checked(seed: int, fps: float) -> None:
    with pytest.raises(ValueError, match="expected seed"):
        exercise(seed, fps)
