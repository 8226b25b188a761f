"""Jitter of made tracks is the noise that was put in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_up_runs import drawn, face

from mien.core.arrays import Float64
from mien.lab.evaluate.chain import landmark_chain
from mien.lab.evaluate.jitter import (
    Jitter,
    jitter_table,
    mean_of,
    moving_jitter,
    noisy_frames,
    on_still,
    residuals,
    still_jitter,
    stretches,
)

RNG = np.random.default_rng(4)


def shaken(frames: int, sigma_px: float) -> Float64:
    """Eyes 100 px apart; each coordinate of each frame with its own noise."""
    return face().astype(np.float64) + sigma_px * RNG.standard_normal((frames, 98, 2))


def test_of_a_still_face_it_is_the_root_mean_square_distance_from_the_mean() -> None:
    result = still_jitter("s", "p", shaken(200, 0.5))
    assert result.all == pytest.approx(0.5 * np.sqrt(2), rel=0.02)
    assert all(v == pytest.approx(0.707, rel=0.08) for v in result.groups.values())
    assert result.frames == 200
    constant = np.repeat(face()[None].astype(np.float64), 5, axis=0)
    assert still_jitter("s", "p", constant).all == pytest.approx(0.0, abs=1e-9)


def test_a_smooth_movement_is_no_jitter_and_noise_on_it_is() -> None:
    t = np.arange(300)[:, None, None]
    path = np.concatenate([30 * np.sin(t / 25), 1e-4 * (t - 150.0) ** 2 / 2], axis=2)
    still = face().astype(np.float64) + path
    assert moving_jitter("m", "p", still).all < 0.02
    noisy = still + 0.5 * RNG.standard_normal((300, 98, 2))
    assert moving_jitter("m", "p", noisy).all == pytest.approx(0.5 * np.sqrt(2), rel=0.04)


def test_gaps_are_not_bridged() -> None:
    points = shaken(40, 0.1)
    points[12] = np.nan
    points[15] = np.nan
    assert [len(s) for s in stretches(points)] == [12, 24]
    result = moving_jitter("m", "p", points)
    assert result.frames == 4 + 16
    assert result.lost == 2
    assert len(residuals(points[:12])) == 4


def test_a_face_that_is_never_found_is_undefined() -> None:
    nothing = np.full((20, 98, 2), np.nan)
    for result in (still_jitter("s", "p", nothing), moving_jitter("m", "p", nothing)):
        assert np.isnan(result.all)
        assert result.frames == 0
        assert result.lost == 20
        assert result.as_json()["all"] is None
    assert np.isnan(mean_of([still_jitter("s", "p", nothing)])["all"])


def test_means_are_over_faces_that_were_measured() -> None:
    def of(value: float) -> Jitter:
        return Jitter(
            "n", "p", 5, 0, value, dict.fromkeys(("contour", "brows", "nose", "eyes", "lips", "pupils"), value), 1
        )

    assert mean_of([of(0.3), of(0.4), of(float("nan"))])["all"] == pytest.approx(np.sqrt((0.09 + 0.16) / 2))
    assert "| title | 2 of 3 | 0 | 0.354 | 0.400 |" in jitter_table([("title", [of(0.3), of(0.4), of(float("nan"))])])


def test_noise_is_fresh_in_every_frame() -> None:
    image = np.full((64, 64, 3), 120, np.uint8)
    a, b = noisy_frames(image, 2, 3.0)
    assert a.std() == pytest.approx(3.0, rel=0.05)
    assert (a != b).mean() > 0.7
    encoded = next(noisy_frames(image, 1, 3.0, encoded=True))
    assert not np.array_equal(encoded, a)


def test_through_the_real_chain(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    preset = tmp_path / "peer.toml"
    preset.write_text(
        'extends = "balanced"\n[detect.detector]\nuse = "detect/mediapipe"\n[landmarks]\nuse = "landmarks/mediapipe"\n'
    )
    with landmark_chain(str(preset), max_faces=2) as chain:
        assert [slot for slot, _ in chain.stages] == ["detect", "landmarks"]
    result = on_still(drawn(2, 256).image, "drawn", str(preset), frames=8, sigma=2.0)
    assert result.lost == 0
    assert 0 < result.all < 1.5
