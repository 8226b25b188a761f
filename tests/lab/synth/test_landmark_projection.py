"""Synthetic faces for the landmark solver."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.core.schema import load_schema
from mien.lab.rigs.ict98 import load_rig98
from mien.lab.synth.expressions import EXCLUSIVE, random_gaze, random_weights
from mien.lab.synth.landmark_projection import look_weights, random_faces

RIG = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "rigs" / "ict"
INDEX = load_schema("arkit52").index


def test_weights_are_plausible() -> None:
    weights = random_weights(np.random.default_rng(0), 4000)
    assert weights.min() >= 0
    assert weights.max() <= 1
    for one, other in EXCLUSIVE:
        assert np.minimum(weights[:, INDEX(one)], weights[:, INDEX(other)]).max() == 0
    assert (weights[:, INDEX("mouthClose")] <= weights[:, INDEX("jawOpen")]).all()
    assert 0.1 < (weights[:, INDEX("eyeBlinkLeft")] > 0.8).mean() < 0.3
    left, right = weights[:, INDEX("mouthSmileLeft")], weights[:, INDEX("mouthSmileRight")]
    assert np.corrcoef(left, right)[0, 1] > 0.6
    used = [i for i, n in enumerate(load_schema("arkit52").names) if not n.startswith(("eyeLook", "tongue"))]
    assert (weights[:, used].max(axis=0) > 0.5).all()


def test_gaze_becomes_look_weights() -> None:
    look = look_weights(np.array([[[15.0, 0.0], [15.0, -25.0]]]))[0]
    assert look[INDEX("eyeLookOutLeft")] == pytest.approx(0.5)
    assert look[INDEX("eyeLookInRight")] == pytest.approx(0.5)
    assert look[INDEX("eyeLookDownRight")] == pytest.approx(1.0)
    assert look.sum() == pytest.approx(2.0)
    assert np.abs(random_gaze(np.random.default_rng(0), 500)).max() < 36


@pytest.mark.shared
@pytest.mark.skipif(not (RIG / "ict_light.npz").is_file(), reason="no shared ICT rig beside the checkout")
def test_faces_repeat_and_differ() -> None:
    rig = load_rig98(str(RIG))
    one, again, other = (random_faces(rig, np.random.default_rng(s), 32) for s in (3, 3, 4))
    assert np.array_equal(one.xy_px, again.xy_px)
    assert not np.array_equal(one.xy_px, other.xy_px)
    assert np.isfinite(one.xy_px).all()
    assert np.isfinite(one.neutral_xy_px).all()
    assert np.abs(np.degrees(one.yaw_pitch_rad[:, 0])).max() < 75
