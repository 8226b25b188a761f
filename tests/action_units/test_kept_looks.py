"""An eye behind a shut lid looks where it was last seen to look."""

from __future__ import annotations

import numpy as np

from mien.action_units.kept_looks import KeptLooks
from mien.core.schema import load_schema

A = load_schema("arkit52")


def weights(**some: float) -> np.ndarray:
    out = np.zeros(52, np.float32)
    for name, value in some.items():
        out[A.index(name)] = value
    return out


def test_a_blink_is_no_look_down() -> None:
    looks = KeptLooks()
    open_eyes = weights(eyeLookDownLeft=0.1, eyeLookOutLeft=0.3, eyeLookDownRight=0.1)
    np.testing.assert_array_equal(looks.kept(1, open_eyes), open_eyes)
    shut = weights(eyeBlinkLeft=0.9, eyeLookDownLeft=0.8, eyeLookDownRight=0.2, jawOpen=0.4)
    held = weights(eyeBlinkLeft=0.9, eyeLookDownLeft=0.1, eyeLookOutLeft=0.3, eyeLookDownRight=0.2, jawOpen=0.4)
    np.testing.assert_array_equal(looks.kept(1, shut), held)
    np.testing.assert_array_equal(looks.kept(1, shut), held)  # it did not learn from the shut eye
    half = weights(eyeBlinkLeft=0.5, eyeLookDownLeft=0.7)
    np.testing.assert_array_equal(looks.kept(1, half), half)


def test_what_was_never_seen_is_not_kept() -> None:
    looks = KeptLooks()
    shut = weights(eyeBlinkLeft=0.9, eyeLookDownLeft=0.8)
    np.testing.assert_array_equal(looks.kept(None, shut), shut)
    np.testing.assert_array_equal(looks.kept(2, shut), shut)
    looks.follow(2, weights(eyeLookUpLeft=0.2))
    hidden = shut.copy()
    hidden[A.index("eyeLookDownLeft")] = np.nan
    out = looks.kept(2, hidden)
    assert np.isnan(out[A.index("eyeLookDownLeft")])
    assert out[A.index("eyeLookUpLeft")] == np.float32(0.2)
    looks.forget(2)
    np.testing.assert_array_equal(looks.kept(2, shut), shut)
