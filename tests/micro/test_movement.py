"""Movement of regions from pixels: a brow that is moved by a known amount in a picture that drifts and flickers."""

import cv2
import numpy as np
import pytest

from mien.micro import face_crop
from mien.micro.head_motion import HeadMotion, fit_heads
from mien.micro.movement import FaceMovement, Moved
from mien.micro.regions import load_regions

SIZE = 220
R = load_regions()


def _points() -> np.ndarray:
    """98 points of a plain face: the anchors where the crop expects them, everything else spread in a face."""
    rng = np.random.default_rng(5)
    xy = np.column_stack([rng.uniform(-0.5, 0.5, 98), rng.uniform(-0.4, 1.2, 98)])
    xy[[60, 64, 68, 72, 51, 53, 57]] = face_crop._ANCHOR_XY
    for first, sign in ((33, -1), (42, 1)):
        xy[first : first + 9, 0] = sign * np.linspace(0.55, 0.15, 9)
        xy[first : first + 9, 1] = -0.24
    return xy * 90 + [SIZE / 2, SIZE / 3]


POINTS = _points()
SKIN = cv2.GaussianBlur(np.random.default_rng(1).uniform(0, 255, (SIZE, SIZE)), (0, 0), 2.5)
SKIN = ((SKIN - SKIN.mean()) / SKIN.std() * 35 + 120).clip(0, 255)


def _frame(raise_px: float, drift_px: float = 0.0, light: float = 1.0) -> np.ndarray:
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    brow = np.exp(-(((rows - (SIZE / 3 - 22)) / 11) ** 2))
    moved = cv2.remap(SKIN.astype(np.float32), columns - drift_px, rows + raise_px * brow, cv2.INTER_LINEAR)
    return np.repeat((moved * light).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _brow(regions: np.ndarray) -> float:
    return float(np.mean([regions[R.index(f"brow_middle_{side}"), 1] for side in "RL"]))


def _path(frames: list[np.ndarray], drifts: list[float]) -> list[np.ndarray]:
    face, rng = FaceMovement(), np.random.default_rng(2)
    out = []
    for k, (frame, drift) in enumerate(zip(frames, drifts, strict=True)):
        moved = face.step(frame, POINTS + np.array([drift, 0]) + rng.normal(0, 0.3, POINTS.shape), k * 20_000_000)
        assert moved is not None
        out.append(moved.regions)
    return out


def test_a_faint_brow_movement_is_measured_below_the_jitter_of_the_landmarks() -> None:
    raised = [0.0, 0.0, 0.8, 1.5, 1.5, 0.8, 0.0]
    path = [_brow(r) * 90 for r in _path([_frame(r) for r in raised], [0.0] * 7)]
    assert -1.7 < path[4] < -0.5  # flow shows a part of a movement
    assert path[2] == pytest.approx(path[4] / 2, abs=0.35)
    assert path[-1] == pytest.approx(0.0, abs=0.15)


def test_movement_is_read_where_it_is() -> None:
    """What is left of a border through the middle of one brow moves, what is right of it does not."""
    name = R.index("brow_middle_R")
    border = round(float(R.of(POINTS)[R.region == name, 0].mean()))
    whole = _frame(2.0)
    half = np.concatenate([whole[:, :border], _frame(0.0)[:, border:]], axis=1)
    all_of_it, some = (_path([_frame(0.0), frame], [0.0, 0.0])[-1][name, 1] for frame in (whole, half))
    assert 0.25 < some / all_of_it < 0.75


def test_a_head_that_drifts_and_a_light_that_flickers_move_nothing() -> None:
    drifts = [0.0, 0.7, 1.5, 2.2, 3.0, 3.7, 4.5]
    lights = [1.0, 1.05, 0.97, 1.1, 0.95, 1.0, 1.08]
    still = _path([_frame(0.0, d, light) for d, light in zip(drifts, lights, strict=True)], drifts)
    assert np.abs(still[-1][[R.index("brow_middle_R"), R.index("cheek_R")]]).max() < 0.006
    raised = _path([_frame(1.5 * (k == 6), d) for k, d in enumerate(drifts)], drifts)
    assert -1.8 < (_brow(raised[-1]) - _brow(still[-1])) * 90 < -0.4


def test_what_moved_is_carried_over_a_new_reference() -> None:
    face = FaceMovement()
    told = []
    for k in range(30):  # 3 s at 10 Hz: at least one new reference
        moved = face.step(_frame(1.5 if k > 3 else 0.0), POINTS, k * 100_000_000)
        assert moved is not None
        told.append(_brow(moved.regions) * 90)
    assert not np.any(np.diff(told[5:]) > 0.2)
    assert told[-1] == pytest.approx(told[6], abs=0.25)


class _LongFlow:
    """What `PlaceFlow` stands for, the long way."""

    def __init__(self, places: np.ndarray) -> None:
        self.at = places.astype(np.float32)

    def read(self, flow: np.ndarray) -> np.ndarray:
        mean = cv2.blur(2 * cv2.resize(flow, (face_crop.SIDE, face_crop.SIDE)), (5, 5))
        at = self.at[:, 0], self.at[:, 1]
        return cv2.remap(mean, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(-1, 2).astype(float)


class _LongFit:
    """What `HeadFit` stands for, the long way."""

    def __init__(self, *face: np.ndarray) -> None:
        self.face = face

    def of(self, after: np.ndarray) -> HeadMotion:
        before, depth, steady = self.face
        own, found, misfit = (v[0] for v in fit_heads(before, after[None], depth, steady))
        linear = np.array([[1 + found[2], -found[3]], [found[3], 1 + found[2]]])
        return HeadMotion(own, linear, found[:2], found, float(misfit))


def test_a_film_is_followed_as_the_long_way_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over many frames and four references: the crop is settled, so that last digits do not grow."""
    rng = np.random.default_rng(3)
    drifts, raised = np.cumsum(rng.normal(0, 0.3, 200)), np.abs(np.cumsum(rng.normal(0, 0.2, 200)))
    film = [_frame(r, d) for d, r in zip(drifts, raised, strict=True)]
    points = [POINTS + np.array([d, 0]) + rng.normal(0, 0.3, POINTS.shape) for d in drifts]

    def followed() -> list[Moved]:
        face = FaceMovement()
        return [m for k, (f, p) in enumerate(zip(film, points, strict=True)) if (m := face.step(f, p, k * 25_000_000))]

    short = followed()
    monkeypatch.setattr("mien.micro.movement.PlaceFlow", _LongFlow)
    monkeypatch.setattr("mien.micro.movement.HeadFit", _LongFit)
    for ours, long in zip(short, followed(), strict=True):
        assert (ours.fresh, ours.light) == (long.fresh, long.light)
        assert np.abs(ours.regions - long.regions).max() < 1e-6
        assert np.abs(ours.head - long.head).max() < 1e-6
        assert ours.misfit == pytest.approx(long.misfit, abs=1e-6)
    assert np.abs(short[-1].regions).max() > 0.003


def test_a_gap_begins_a_new_piece() -> None:
    face = FaceMovement()
    fresh = []
    for t in (0, 20, 40, 900, 920):
        moved = face.step(_frame(0.0), POINTS, t * 1_000_000)
        assert moved is not None
        fresh.append(moved.fresh)
    assert fresh == [True, False, False, True, False]


def test_without_pixels_the_landmarks_tell() -> None:
    face, raised = FaceMovement(), POINTS.copy()
    brows = np.r_[33:51]
    raised[brows, 1] -= 1.8
    first, second = (face.step(None, p, t) for p, t in ((POINTS, 0), (raised, 20_000_000)))
    assert first is not None
    assert second is not None
    assert np.isnan(second.light)
    assert _brow(second.regions) * 90 == pytest.approx(-1.8, abs=0.5)


def test_no_face_no_movement() -> None:
    assert FaceMovement().step(_frame(0.0), np.full((98, 2), np.nan), 0) is None
