"""An eye behind a shut lid looks where it was last seen to look, for half a second."""

from __future__ import annotations

import numpy as np

from mien.action_units.kept_looks import KeptLooks, belief_in_looks, less_sure
from mien.core.schema import load_schema

A = load_schema("arkit52")
MS = 1_000_000


def weights(**some: float) -> np.ndarray:
    out = np.zeros(52, np.float32)
    for name, value in some.items():
        out[A.index(name)] = value
    return out


SHUT = weights(eyeBlinkLeft=0.9, eyeLookDownLeft=0.8, eyeLookDownRight=0.2, jawOpen=0.4)


def test_a_blink_is_no_look_down() -> None:
    looks = KeptLooks()
    open_eyes = weights(eyeLookDownLeft=0.1, eyeLookOutLeft=0.3, eyeLookDownRight=0.1)
    np.testing.assert_array_equal(looks.kept(1, 0, open_eyes), open_eyes)
    held = weights(eyeBlinkLeft=0.9, eyeLookDownLeft=0.1, eyeLookOutLeft=0.3, eyeLookDownRight=0.2, jawOpen=0.4)
    np.testing.assert_array_equal(looks.kept(1, 40 * MS, SHUT), held)
    np.testing.assert_array_equal(looks.kept(1, 80 * MS, SHUT), held)  # it did not learn from the shut eye
    half = weights(eyeBlinkLeft=0.5, eyeLookDownLeft=0.7)
    np.testing.assert_array_equal(looks.kept(1, 120 * MS, half), half)
    np.testing.assert_array_equal(looks.kept(1, 160 * MS, SHUT), held)  # nor from the lid on its way


def test_eyes_shut_for_long_keep_nothing() -> None:
    looks = KeptLooks()
    looks.follow(1, 0, weights(eyeLookUpLeft=0.2))
    assert looks.kept(1, 500 * MS, SHUT)[A.index("eyeLookUpLeft")] == np.float32(0.2)
    np.testing.assert_array_equal(looks.kept(1, 501 * MS, SHUT), SHUT)
    np.testing.assert_array_equal(looks.kept(1, -1, SHUT), SHUT)


def test_what_is_behind_a_lid_is_half_believed() -> None:
    np.testing.assert_array_equal(belief_in_looks(SHUT), [0.5, 1.0])
    sure = less_sure(SHUT, np.full(52, 0.8, np.float32))
    assert {A.names[i] for i in np.flatnonzero(sure < 0.8)} == {f"eyeLook{d}Left" for d in ("Up", "Down", "In", "Out")}
    np.testing.assert_allclose(sure[A.index("eyeLookDownLeft")], 0.4)


def test_what_was_never_seen_is_not_kept() -> None:
    looks = KeptLooks()
    shut = weights(eyeBlinkLeft=0.9, eyeLookDownLeft=0.8)
    np.testing.assert_array_equal(looks.kept(None, 0, shut), shut)
    np.testing.assert_array_equal(looks.kept(2, 0, shut), shut)
    looks.follow(2, 0, weights(eyeLookUpLeft=0.2))
    hidden = shut.copy()
    hidden[A.index("eyeLookDownLeft")] = np.nan
    out = looks.kept(2, MS, hidden)
    assert np.isnan(out[A.index("eyeLookDownLeft")])
    assert out[A.index("eyeLookUpLeft")] == np.float32(0.2)
    np.testing.assert_array_equal(looks.kept(3, MS, shut), shut)  # somebody else
    looks.forget(2)
    np.testing.assert_array_equal(looks.kept(2, MS, shut), shut)
