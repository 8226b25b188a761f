"""Heatmaps and back: exact on clean Gaussians, within known bounds otherwise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.landmarks.heatmap import crop_from_map, decode, gaussian_targets, map_from_crop


def _points(n: int = 98, size: int = 64, margin: float = 4.0) -> np.ndarray:
    return np.random.default_rng(5).uniform(margin, size - 1 - margin, (n, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("method", "bound_px"), [("argmax", 0.5 + 1e-6), ("quarter", 0.25 + 1e-6), ("dark", 0.01), ("soft", 0.11)]
)
def test_the_way_back_is_as_exact_as_the_method_promises(method: str, bound_px: float) -> None:
    xy = _points()
    found, score = decode(gaussian_targets(xy, (64, 64)), method)
    assert np.abs(found - xy).max() < bound_px
    assert score.min() > 0.79  # half a pixel off the centre on both axes
    assert score.max() <= 1


@pytest.mark.parametrize("sigma", [0.0, 1.0, 1.5])
def test_dark_is_exact_with_and_without_smoothing(sigma: float) -> None:
    xy = _points(margin=6)
    found, _ = decode(gaussian_targets(xy, (64, 64)), "dark", smooth_sigma_px=sigma)
    assert np.abs(found - xy).max() < 0.05


def test_wide_soft_window_is_exact() -> None:
    xy = _points(margin=9)
    found, _ = decode(gaussian_targets(xy, (64, 64)), "soft", window_px=7)
    assert np.abs(found - xy).max() < 0.01


def test_dark_beats_the_quarter_on_noisy_maps() -> None:
    xy = _points(400)
    rng = np.random.default_rng(0)
    maps = gaussian_targets(xy, (64, 64)) * 0.7 + rng.normal(0, 0.03, (400, 64, 64)).astype(np.float32)
    errors = {m: np.linalg.norm(decode(maps, m)[0] - xy, axis=1).mean() for m in ("argmax", "quarter", "dark")}
    assert errors["dark"] < 0.75 * errors["quarter"] < 0.75 * errors["argmax"]


@given(x=st.floats(-8, 40), y=st.floats(-8, 24), method=st.sampled_from(["argmax", "quarter", "dark", "soft"]))
@settings(max_examples=60, deadline=None)
def test_points_at_and_beyond_the_edge_stay_finite_and_near_the_map(x: float, y: float, method: str) -> None:
    found, score = decode(gaussian_targets([x, y], (33, 17)), method)
    assert found.shape == (2,)
    assert np.isfinite(found).all()
    assert (found >= -1).all()
    assert (found <= [33, 17]).all()
    assert 0 <= score <= 1


def test_missing_points_have_empty_maps_and_broken_maps_no_points() -> None:
    maps = gaussian_targets([[np.nan, 3.0], [10.0, 10.0], [-9.0, 3.0]], (32, 32))
    assert maps.max(axis=(1, 2)).tolist() == pytest.approx([0, 1, 0])
    maps[1, 4, 4] = np.nan
    found, score = decode(maps, "dark")
    assert np.isnan(found[1]).all()
    assert np.isnan(score[1])
    assert np.isfinite(found[0]).all()


def test_half_precision_and_leading_axes() -> None:
    xy = _points(12).reshape(3, 4, 2)
    found, score = decode(gaussian_targets(xy, (64, 64)).astype(np.float16), "dark")
    assert found.shape == (3, 4, 2)
    assert score.shape == (3, 4)
    assert np.abs(found - xy).max() < 0.05


def test_half_a_pixel_between_crop_and_map() -> None:
    # The first map pixel covers crop pixels 0…3: its centre is at 1.5.
    assert crop_from_map([0.0, 0.0], 4).tolist() == [1.5, 1.5]
    xy = _points(5)
    assert np.allclose(map_from_crop(crop_from_map(xy, 4), 4), xy, atol=1e-5)
