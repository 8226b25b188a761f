"""One face at one moment: what encoders ask of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mien.animate.signal import FaceSignal, angles_deg, turn_of


def test_what_wires_ask_for_is_within_its_range_and_worked_out_once() -> None:
    weights = np.full(52, np.nan, np.float32)
    weights[:4] = 0.25, -1, 2, np.inf
    signal = FaceSignal(0, weights=weights, head_xyzw=turn_of(20, -10, 5))
    assert signal.shares[:5] == [0.25, 0.0, 1.0, 1.0, 0.0]
    assert len(signal.shares) == 52
    assert signal.shares is signal.shares
    assert signal.turns[0] == tuple(turn_of(20, -10, 5).tolist())
    assert signal.turns[1:] == ((0.0, 0.0, 0.0, 1.0),) * 2, "an eye that is not known does not turn"
    assert signal.angles[0] == pytest.approx((20, -10, 5), abs=1e-4)
    assert signal.angles[0] == angles_deg(signal.head_xyzw)
    assert signal.angles[1:] == ((0, 0, 0),) * 2


def test_a_changed_signal_works_it_out_anew() -> None:
    signal = FaceSignal(0, weights=np.full(52, 0.5, np.float32))
    assert signal.shares[0] == 0.5
    assert replace(signal, weights=np.ones(52, np.float32)).shares[0] == 1.0
