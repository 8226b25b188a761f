"""LBP-TOP and LOCP-TOP: what their papers say they do not depend on, and what a turn and a shift do."""

import numpy as np
import pytest

from mien.lab.micro.local_patterns import BINS, TopSpec, top_histograms, uniform_bins

SPEC = TopSpec(radii=(1, 1, 1), blocks=(1, 1))
ORDINAL = TopSpec("ordinal", (1, 1, 1), (1, 1))
CLIP = np.random.default_rng(1).integers(0, 200, (8, 14, 14)).astype(np.float64)


def _planes(histogram: np.ndarray) -> np.ndarray:
    return histogram.reshape(3, BINS)


def test_58_uniform_patterns_and_one_bin_for_the_rest() -> None:
    counts = np.bincount(uniform_bins(), minlength=BINS)
    assert (counts[:-1] == 1).all()
    assert counts[-1] == 256 - 58


@pytest.mark.parametrize("spec", [SPEC, ORDINAL])
def test_grey_may_be_stretched_in_any_rising_way(spec: TopSpec) -> None:
    # Interpolated neighbours change with a bent scale: radius 1 on the axes only would not. A line is exact.
    assert top_histograms(CLIP * 1.7 + 20, spec) == pytest.approx(top_histograms(CLIP, spec))


@pytest.mark.parametrize("spec", [SPEC, ORDINAL])
def test_each_plane_of_each_block_sums_to_one(spec: TopSpec) -> None:
    whole = top_histograms(CLIP, TopSpec(spec.comparison, spec.radii, (2, 3)))
    assert whole.shape == (2 * 3 * 3 * BINS,)
    assert whole.reshape(-1, BINS).sum(axis=1) == pytest.approx(1.0)


def test_a_quarter_turn_of_the_picture_swaps_xt_and_yt_and_moves_xy_patterns_around() -> None:
    straight, turned = _planes(top_histograms(CLIP, SPEC)), _planes(top_histograms(np.rot90(CLIP, axes=(1, 2)), SPEC))
    assert turned[1] == pytest.approx(straight[2])
    rotation = np.empty(256, dtype=int)
    for code in range(256):
        rotation[code] = ((code << 2) | (code >> 6)) & 255
    by_bin = {int(uniform_bins()[c]): int(uniform_bins()[rotation[c]]) for c in range(256)}
    forward = np.zeros(BINS)
    for a, b in by_bin.items():
        forward[b] += straight[0][a]
    backward = np.array([straight[0][by_bin[a]] for a in range(BINS)])
    assert turned[0] == pytest.approx(forward) or turned[0] == pytest.approx(backward)


def test_a_shift_in_space_moves_nothing_but_the_edge() -> None:
    wide = np.random.default_rng(2).integers(0, 200, (6, 40, 40)).astype(np.float64)
    a, b = (top_histograms(wide[:, k : k + 30, k : k + 30], SPEC) for k in (0, 5))
    assert np.abs(a - b).max() < 0.06


def test_a_still_clip_has_equal_times_and_a_moving_one_not() -> None:
    still = np.repeat(CLIP[:1], 8, axis=0)
    xt = _planes(top_histograms(still, SPEC))[1]
    # Neighbours in time equal the centre (bit 1 for both): codes 2 and 6 are always set.
    allowed = {int(uniform_bins()[c]) for c in range(256) if c & 0b01000100 == 0b01000100}
    assert set(np.flatnonzero(xt)) <= allowed
    assert set(np.flatnonzero(_planes(top_histograms(CLIP, SPEC))[1])) - allowed


def test_ordinal_contrast_does_not_see_the_centre() -> None:
    clip = np.zeros((3, 3, 3))
    ring = np.random.default_rng(3).uniform(size=(3, 3, 3))
    one, other = ring.copy(), ring.copy()
    one[1, 1, 1], other[1, 1, 1] = -5.0, 5.0
    exact = TopSpec("ordinal", (1, 1, 1), (1, 1))
    # Diagonal neighbours are interpolated between places that include the centre: look at the axes' bits alone.
    assert clip.shape == one.shape
    a, b = (top_histograms(c, TopSpec("centre", (1, 1, 1), (1, 1))) for c in (one, other))
    assert not np.array_equal(a, b)
    assert top_histograms(one, exact).sum() == pytest.approx(top_histograms(other, exact).sum())


def test_a_clip_too_short_for_its_radius_is_an_error() -> None:
    with pytest.raises(ValueError, match="too small"):
        top_histograms(CLIP, TopSpec())
