"""What is made worse is made worse by as much as it says; curves hold what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_runs import drawn, face, write_marked

from mien.core.arrays import Float32, UInt8
from mien.lab.datasets.dataset import open_dataset
from mien.lab.evaluate.degrade import DEGRADATIONS
from mien.lab.evaluate.landmark_finders import nothing, tight_box
from mien.lab.evaluate.landmark_robustness import Curve, curve_table, pixel_curve, turned, write_curves, yaw_curve
from mien.lab.render.random_scene import Wishes
from mien.lab.rigs.catalogue import load_rig

RNG = np.random.default_rng(0)
FLAT = np.full((400, 400, 3), 120, np.uint8)


class Shifted:
    """Finds the true points with 5 px error; nothing in dark pictures."""

    name = "shifted"

    def in_picture(self, image: UInt8, truth_xy: Float32) -> Float32:
        return nothing() if image.mean() < 20 else truth_xy + np.float32([3, 4])

    in_true_crop = in_picture

    def close(self) -> None:
        return None


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_the_first_level_changes_nothing_and_the_last_one_does(kind: str) -> None:
    sample = drawn(1)
    points = sample.landmarks.xy
    how = DEGRADATIONS[kind]
    same, same_points = how.apply(sample.image, points, how.levels[0], RNG)
    np.testing.assert_array_equal(same, sample.image)
    np.testing.assert_array_equal(same_points, points)
    worse, _ = how.apply(sample.image, points, how.levels[-1], RNG)
    assert worse.dtype == np.uint8
    assert worse.shape != sample.image.shape or np.abs(worse.astype(float) - sample.image).mean() > 1


def test_levels_mean_what_they_say() -> None:
    noisy, _ = DEGRADATIONS["noise"].apply(FLAT, face(), 16, RNG)
    assert noisy.std() == pytest.approx(16, rel=0.02)
    dark, _ = DEGRADATIONS["darkness"].apply(FLAT, face(), 0.25, RNG)
    assert dark.mean() == pytest.approx(30, abs=0.5)
    spot = np.zeros((400, 400, 3), np.uint8)
    spot[200, 200] = 255
    wide, _ = DEGRADATIONS["blur"].apply(spot, face(), 2, RNG)  # eyes 100 px apart: sigma 2 px
    assert wide[200, 200, 0] == pytest.approx(255 / (2 * np.pi * 4), rel=0.1)
    covered, _ = DEGRADATIONS["occlusion"].apply(FLAT, face(), 30, RNG)
    left, top, right, bottom = tight_box(face())
    share = (covered != FLAT).any(axis=2).sum() / ((right - left) * (bottom - top))
    assert share == pytest.approx(0.3, abs=0.02)


def test_with_fewer_pixels_the_points_move_along() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    points = face()
    x, y = (round(float(v)) for v in points[96])
    image[y - 4 : y + 5, x - 4 : x + 5] = 255
    small, moved = DEGRADATIONS["resolution"].apply(image, points, 48, RNG)
    assert max(tight_box(moved)[2:] - tight_box(moved)[:2]) == pytest.approx(48, abs=0.5)
    bright = small[..., 0].astype(float)
    rows, columns = np.indices(bright.shape)
    centre = [(bright * columns).sum() / bright.sum(), (bright * rows).sum() / bright.sum()]
    np.testing.assert_allclose(moved[96], centre, atol=0.2)


def test_a_curve_counts_misses_as_failures(tmp_path: Path) -> None:
    dataset = open_dataset(f"wflw:{write_marked(tmp_path / 'marked', [1, 2])}")
    samples = [dataset.sample(i) for i in range(2)]
    curve = pixel_curve(Shifted(), samples, "darkness", "end to end")
    assert curve.faces == 2
    eyes = [np.linalg.norm(s.landmarks_xy[60] - s.landmarks_xy[72]) for s in samples]  # type: ignore[index]
    assert curve.nme[0] == pytest.approx(100 * np.mean([5 / e for e in eyes]), rel=1e-3)
    assert curve.failures[-1] == 100
    assert np.isnan(curve.nme[-1])
    assert json.loads(json.dumps(curve.as_json()))["nme"][-1] is None
    assert "– / 100 |" in curve_table([curve])


def test_heads_turn_as_far_as_asked_and_points_follow() -> None:
    rig = load_rig("builtin")
    wishes = Wishes(size_px=96, attributes={"occlusion": False, "blur": False})
    _, front = turned(rig, 3, 0.0, wishes)
    _, side = turned(rig, 3, 60.0, wishes)
    spread = [np.ptp(p[60:76, 0]) / np.ptp(p[:, 1]) for p in (front, side)]
    assert spread[1] < 0.8 * spread[0]
    curve = yaw_curve(Shifted(), rig, 1, "true crop", wishes)
    assert curve.kind == "yaw"
    assert all(np.isfinite(curve.nme))


def test_curves_are_drawn(tmp_path: Path) -> None:
    made = [Curve("yaw", "degrees", m, "end to end", 3, (0.0, 9.0), (2.0, float("nan")), (0.0, 100.0)) for m in "ab"]
    write_curves(made, tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 2000
