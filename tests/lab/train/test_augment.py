"""Training crops: the points stay on what they mark, chance comes from the generator alone."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mien.core.schema import load_schema
from mien.lab.train.augment import (
    MARGIN,
    PLAIN,
    Augmentation,
    cover,
    dimmed,
    make_crop,
    photographed,
    tight_square,
    tinted,
)
from mien.lab.train.faces import Face, make_face


def _spread_points() -> np.ndarray:
    """98 places in a 300×260 picture, at least 14 px apart."""
    grid = np.array([(x, y) for y in range(60, 220, 16) for x in range(70, 240, 17)], np.float32)
    return grid[:98]


def _dots(points: np.ndarray) -> np.ndarray:
    """A picture with a soft white dot at each point."""
    y, x = np.mgrid[0:260, 0:300]
    out = np.zeros((260, 300))
    for px, py in points:
        out = np.maximum(out, np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 2.0**2)))
    return np.repeat((255 * out).astype(np.uint8)[..., None], 3, axis=2)


def _centre_of_dot(image: np.ndarray, xy: np.ndarray) -> np.ndarray:
    left, top = (int(v) for v in np.round(xy) - 4)
    patch = image[top : top + 9, left : left + 9, 0].astype(float)
    y, x = np.mgrid[top : top + 9, left : left + 9]
    return np.array([(x * patch).sum(), (y * patch).sum()]) / patch.sum()


@pytest.mark.parametrize("mirror", [0.0, 1.0])
def test_points_stay_on_what_they_mark(mirror: float) -> None:
    points = _spread_points()
    face = make_face(_dots(points), points)
    how = replace(PLAIN, scale=0.2, rotation_deg=30, rotation_chance=1, shift=0.03, mirror=mirror)
    for seed in range(4):
        crop = make_crop(face, 256, how, np.random.default_rng(seed))
        inside = ((crop.points_xy > 6) & (crop.points_xy < 249)).all(axis=1)
        assert inside.sum() > 60
        errors = [np.linalg.norm(_centre_of_dot(crop.image, p) - p) for p in crop.points_xy[inside]]
        assert max(errors) < 0.5  # the 9 px window cuts the dots' tails
        assert np.median(errors) < 0.25


def test_mirror_image_swaps_left_and_right_points() -> None:
    points = _spread_points()
    visible = np.linspace(0, 1, 98, dtype=np.float32)
    face = make_face(_dots(points), points, visible)
    plain = make_crop(face, 128, PLAIN, np.random.default_rng(0))
    turned = make_crop(face, 128, replace(PLAIN, mirror=1.0), np.random.default_rng(0))
    order = load_schema("wflw98").mirror
    assert np.allclose(turned.points_xy[order][:, 0], 127 - plain.points_xy[:, 0], atol=1e-3)
    assert np.allclose(turned.points_xy[order][:, 1], plain.points_xy[:, 1], atol=1e-3)
    assert np.array_equal(turned.visible[order], plain.visible)


def test_the_plain_crop_is_the_square_around_the_points() -> None:
    points = _spread_points()
    crop = make_crop(make_face(_dots(points), points), 128, PLAIN, np.random.default_rng(0))
    low, high = crop.points_xy.min(axis=0), crop.points_xy.max(axis=0)
    assert (high - low).max() * MARGIN == pytest.approx(128, abs=0.01)
    assert (low + high) / 2 == pytest.approx([63.5, 63.5], abs=0.6)


def test_unknown_points_stay_unknown_and_do_not_count_for_the_box() -> None:
    points = _spread_points()
    points[5] = np.nan
    face = make_face(_dots(points[6:]), points)
    assert face.weight[5] == 0
    centre, side = tight_square(points)
    assert np.isfinite(centre).all()
    assert np.isfinite(side)
    crop = make_crop(face, 64, Augmentation(mirror=0), np.random.default_rng(1))
    assert np.isnan(crop.points_xy[5]).all()
    assert crop.weight[5] == 0


def test_chance_comes_from_the_generator_alone() -> None:
    points = _spread_points()
    face = make_face(_dots(points), points)
    every = Augmentation(colour=1, blur=1, coarse=1, noise=1, jpeg=1, cover=1)
    a, b, c = (make_crop(face, 96, every, np.random.default_rng(s)) for s in (3, 3, 4))
    assert np.array_equal(a.image, b.image)
    assert np.array_equal(a.points_xy, b.points_xy)
    assert not np.array_equal(a.image, c.image)
    assert np.array_equal(face.points_xy, points)
    assert np.isnan(face.visible).all()


def test_covered_points_are_not_visible() -> None:
    points = np.stack(np.meshgrid(np.arange(0, 64, 4), np.arange(0, 64, 4)), -1).reshape(-1, 2).astype(np.float32)
    image = np.full((64, 64, 3), 7, np.uint8)
    image[::2] = 9
    before = image.copy()
    covered = cover(image, points, np.random.default_rng(2))
    changed = (image != before).any(axis=2)[points[:, 1].astype(int), points[:, 0].astype(int)]
    assert covered.any()
    assert not (changed & ~covered).any()


def test_points_outside_the_crop_are_not_visible() -> None:
    points = _spread_points()
    face = Face(_dots(points), points, np.ones(98, np.float32), np.ones(98, np.float32))
    crop = make_crop(face, 64, replace(PLAIN, scale=0.25, shift=0.3), np.random.default_rng(8))
    outside = ((crop.points_xy < -0.5) | (crop.points_xy > 63.5)).any(axis=1)
    assert outside.any()
    assert np.array_equal(crop.visible == 0, outside)


@pytest.mark.parametrize("fault", ["colour", "blur", "coarse", "noise", "jpeg"])
def test_every_fault_changes_pixels_and_keeps_the_form(fault: str) -> None:
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8), (64, 64))
    for seed in range(6):
        out = photographed(image, replace(PLAIN, **{fault: 1.0}), np.random.default_rng(seed))
        assert out.shape == image.shape
        assert out.dtype == np.uint8
        assert not np.array_equal(out, image)
        assert np.abs(out.astype(int) - image).mean() < 100


def test_tints_keep_the_order_of_light_and_dark() -> None:
    """A printed or coloured face is still a face: what was lighter is not darker afterwards."""
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], 3, axis=2)
    rng = np.random.default_rng(0)
    colours = set()
    for _ in range(50):
        out = tinted(ramp, rng).astype(int)
        assert (np.diff(out, axis=1) >= 0).all()
        assert (out[0, -1] - out[0, 0]).max() > 20
        colours.add(tuple(out[0, -1]))
    assert len(colours) > 40


def test_dim_light_takes_away_and_adds_nothing() -> None:
    grey = np.full((64, 64, 3), 200, np.uint8)
    least, parted, shadows_above = [], 0, 0
    for seed in range(200):
        out = dimmed(grey, np.random.default_rng(seed)).astype(int)
        assert (out <= 200).all()
        least.append(out.min())
        if out.max() - out.min() > 40:
            parted += 1
            shadows_above += out[:8].mean() < out[-8:].mean()
    assert min(least) < 20
    assert max(least) < 120  # there is always a part that is dim
    assert 80 < parted < 160
    assert shadows_above > 0.6 * parted
