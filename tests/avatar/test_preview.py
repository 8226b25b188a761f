from __future__ import annotations

import numpy as np
import pytest

from mien.avatar.builtin import builtin_character
from mien.avatar.character import SHAPES
from mien.avatar.preview import Preview
from mien.core.arrays import Float32, UInt8
from mien.core.geometry import local_rotation, quaternion_from_rotation


@pytest.fixture(scope="module")
def preview() -> Preview:
    return Preview(builtin_character(), (200, 200), supersample=1)


def weights(**values: float) -> Float32:
    out = np.zeros(52, np.float32)
    for name, value in values.items():
        out[SHAPES.index(name)] = value
    return out


def green(image: UInt8) -> int:
    """Pixels as green as the irises; nothing else in the picture is."""
    r, g, b = image.astype(int).transpose(2, 0, 1)
    return int(((g > r + 18) & (g > b + 8)).sum())


def test_picture(preview: Preview) -> None:
    image = preview.render(weights())
    assert image.shape == (200, 200, 3)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, preview.render(weights()))
    assert green(image) > 60


@pytest.mark.parametrize("name", SHAPES.names)
def test_every_shape_changes_the_picture(preview: Preview, name: str) -> None:
    base = weights(jawOpen=1.0) if name == "mouthClose" else weights()
    moved = np.abs(preview.render(base + weights(**{name: 1.0})).astype(int) - preview.render(base)).max(axis=2)
    assert (moved > 12).sum() > 20


def test_a_blink_hides_the_eyes(preview: Preview) -> None:
    both = green(preview.render(weights()))
    one = green(preview.render(weights(eyeBlinkLeft=1.0)))
    assert 0.3 * both < one < 0.7 * both
    for yaw in (-30.0, 0.0, 30.0):
        head = quaternion_from_rotation(local_rotation(yaw, 0.0))
        assert green(preview.render(weights(eyeBlinkLeft=1.0, eyeBlinkRight=1.0), head)) == 0


def test_eyes_and_head_turn_to_the_subject_s_left(preview: Preview) -> None:
    def middle(image: UInt8) -> float:
        r, g, b = image.astype(int).transpose(2, 0, 1)
        return float(np.nonzero((g > r + 18) & (g > b + 8))[1].mean())

    left = quaternion_from_rotation(local_rotation(25.0, 0.0))
    rest = middle(preview.render(weights()))
    assert middle(preview.render(weights(), None, left, left)) > rest + 3
    assert middle(preview.render(weights(), left)) > rest + 8


def test_left_shapes_move_the_picture_s_right(preview: Preview) -> None:
    rest = preview.render(weights()).astype(int)
    moved = np.abs(preview.render(weights(eyeBlinkLeft=1.0, mouthSmileLeft=1.0)) - rest).sum(axis=(0, 2))
    assert moved[105:].sum() > 5 * moved[:90].sum()


def test_unknown_weights_are_neutral(preview: Preview) -> None:
    np.testing.assert_array_equal(preview.render(np.full(52, np.nan)), preview.render(weights()))


def test_wrong_input_is_refused(preview: Preview) -> None:
    with pytest.raises(ValueError, match="weights"):
        preview.render(np.zeros(51))
    with pytest.raises(ValueError, match="8 × 8"):
        Preview(builtin_character(), (4, 4))


def test_supersampling_keeps_the_picture(preview: Preview) -> None:
    fine = Preview(builtin_character(), (200, 200), supersample=2).render(weights(jawOpen=0.5)).astype(int)
    coarse = preview.render(weights(jawOpen=0.5)).astype(int)
    assert np.abs(fine - coarse).mean() < 3.0
