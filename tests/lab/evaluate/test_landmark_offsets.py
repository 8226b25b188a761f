"""Offsets along the face's own axes."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_runs import drawn, run

from mien.lab.evaluate.landmark_offsets import offset_table, offsets, outline_offsets, yaw_pitch_deg


def test_a_shift_to_the_right_is_told_along_the_tilted_face() -> None:
    made = run([4.0, None], tilt_deg=30.0)
    own = offsets(made)
    np.testing.assert_allclose(own[0, :, 0], 4.0 * np.cos(np.radians(30)), atol=1e-3)
    np.testing.assert_allclose(own[0, :, 1], -4.0 * np.sin(np.radians(30)), atol=1e-3)
    assert np.isnan(own[1]).all()


def test_of_the_outline_across_is_outwards() -> None:
    made = run([4.0])
    along, across = outline_offsets(made)[0].T
    assert across[2] < -3  # right side of the face, at the image's left: to the image's right is inwards
    assert across[30] > 3
    assert along[16] == pytest.approx(4.0, abs=0.1)
    assert across[16] == pytest.approx(0.0, abs=0.1)


def test_the_table_has_a_row_per_point() -> None:
    text = offset_table([("all (2)", run([4.0, 4.0]))])
    assert len(text.splitlines()) == 100
    assert "| 54 | `nose_tip` | 4.0 | +4.0 ± 0.0 | +0.0 ± 0.0 |  |" in text


def test_the_turn_of_marked_points() -> None:
    sample = drawn(3)
    yaw, pitch = yaw_pitch_deg(sample.landmarks.xy, (160, 160))
    true_yaw, true_pitch, _ = sample.pose.yaw_pitch_roll_deg
    assert yaw == pytest.approx(float(true_yaw), abs=12)
    assert pitch == pytest.approx(float(true_pitch), abs=15)
    assert all(np.isnan(yaw_pitch_deg(np.full((98, 2), 5.0, np.float32), (100, 100))))
