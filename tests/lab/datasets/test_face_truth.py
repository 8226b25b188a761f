"""`FaceTruth` checks what it is given."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.schema import load_schema
from mien.lab.datasets.face_truth import FaceTruth


def test_shapes_are_checked_and_arrays_read_only() -> None:
    truth = FaceTruth(five_xy=np.ones((5, 2)), action_units=np.zeros(len(load_schema("facs"))))
    assert truth.five_xy is not None
    assert truth.five_xy.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        truth.five_xy[0, 0] = 2.0
    assert repr(truth) == "FaceTruth(five_xy, action_units)"


@pytest.mark.parametrize("name", ["landmarks_visible", "gaze_deg", "blendshapes", "action_units"])
def test_a_wrong_shape_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        FaceTruth(**{name: np.zeros((3, 7), np.float32)})
