"""Camera faults: bounded, seeded, and each does what it is named after."""

import numpy as np
import pytest

from mien.lab.render.camera import Faults, random_faults, take

GREY = np.full((64, 64, 3), 0.2, np.float32)


def _edge() -> np.ndarray:  # type: ignore[type-arg]
    picture = np.zeros((64, 64, 3), np.float32)
    picture[:, 32:] = 0.6
    return picture


def test_no_faults_is_the_display_curve() -> None:
    out = take(GREY, Faults())
    assert out.dtype == np.uint8
    np.testing.assert_allclose(out, 124, atol=1)  # sRGB of 0.2


def test_random_faults_stay_in_bounds() -> None:
    for seed in range(300):
        f = random_faults(np.random.default_rng(seed))
        assert 0.07 <= f.exposure <= 2.1
        assert all(0.5 < b < 2.0 for b in f.balance)
        assert f.read_noise <= 0.02
        assert f.shot_noise <= 0.12
        assert f.blur_px < 18
        assert f.jpeg == 0 or 30 <= f.jpeg <= 98
        assert 0.7 <= f.gamma <= 1.35


@pytest.mark.parametrize("faults", [Faults(defocus_px=4.0), Faults(motion_px=12.0), Faults(halve=True)])
def test_blur_softens_edges_and_keeps_the_light(faults: Faults) -> None:
    sharp, soft = take(_edge(), Faults()).astype(int), take(_edge(), faults).astype(int)
    assert np.abs(np.diff(soft, axis=1)).max() < 0.8 * np.abs(np.diff(sharp, axis=1)).max()
    assert abs(int(soft[32, 0, 0]) - int(sharp[32, 0, 0])) <= 1
    assert abs(int(soft[32, -1, 0]) - int(sharp[32, -1, 0])) <= 1


def test_motion_goes_where_it_is_told() -> None:
    along = take(_edge(), Faults(motion_px=12.0, motion_rad=np.pi / 2)).astype(int)
    np.testing.assert_array_equal(along, take(_edge(), Faults()))


def test_noise_is_as_strong_as_asked_and_repeats() -> None:
    faults = Faults(read_noise=0.02, noise_at=(5, 9))
    one, two = take(GREY, faults), take(GREY, faults)
    assert one.tobytes() == two.tobytes()
    weak = take(GREY, Faults(read_noise=0.005, noise_at=(5, 9)))
    assert 3.0 < one.std() < 15.0
    assert weak.std() < 0.5 * one.std()
    assert take(GREY, Faults(read_noise=0.02, noise_at=(300, 9))).tobytes() != one.tobytes()


def test_balance_exposure_and_jpeg() -> None:
    warm = take(GREY, Faults(balance=(1.4, 0.7)))[0, 0]
    assert warm[0] > warm[1] > warm[2]
    assert take(GREY, Faults(exposure=0.2)).mean() < 0.6 * take(GREY, Faults()).mean()
    assert not np.array_equal(take(_edge(), Faults(jpeg=30)), take(_edge(), Faults()))
