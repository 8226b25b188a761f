"""Bared teeth, on drawn mouths of which the opening and the rows are known, and on one portrait beside the checkout."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.action_units.teeth import CLOSED, JAW_DROPS, LIP_MOVES, LIPS_ALONE, OPEN, open_share, with_bared_teeth
from mien.core.arrays import Float32, UInt8
from mien.core.schema import load_schema

A, W = load_schema("arkit52"), load_schema("wflw98")
JAW, CLOSE = A.index("jawOpen"), A.index("mouthClose")
LIPS = [A.index(f"mouth{what}{side}") for what in ("UpperUp", "LowerDown") for side in ("Left", "Right")]
PORTRAITS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "photos" / "portraits"
SIZE = 240
SKIN, LIP, TOOTH, TONGUE = (205, 160, 135), (165, 100, 95), (225, 215, 195), (160, 85, 85)
DARK_FACE = {"skin": (96, 62, 48), "lip": (84, 48, 46), "tooth": (150, 142, 128)}


def points(height: float, wide: float = 90.0) -> Float32:
    """(98, 2) px: a face whose mouth is open by `height` px; what is not looked at is left out."""
    xy = np.zeros((98, 2), np.float32)
    xy[list(W.groups["right_eye"])], xy[list(W.groups["left_eye"])] = (75, 70), (165, 70)
    middle, top = (SIZE - 1) / 2, 160.0

    def along(count: int, curve: float) -> npt.NDArray[np.float64]:
        s = np.linspace(-1, 1, count)
        return np.stack([middle + wide / 2 * s, top + curve * (1 - s**2)], axis=1)

    xy[88:93] = along(5, -height / 2)
    xy[92:96] = along(5, height / 2)[::-1][:4]
    xy[76:83] = along(7, -height / 2 - 10)
    xy[82:88] = along(7, height / 2 + 12)[::-1][:6]
    return xy


def mouth(
    height: float,
    upper: float = 0.0,
    lower: float = 0.0,
    between: tuple[int, int, int] = (25, 12, 12),
    skin: tuple[int, int, int] = SKIN,
    lip: tuple[int, int, int] = LIP,
    tooth: tuple[int, int, int] = TOOTH,
) -> tuple[UInt8, Float32]:
    """A face whose mouth is open by `height` px, with rows of teeth as high as these shares of the opening."""
    xy = points(height)
    image = np.full((SIZE, SIZE, 3), skin, np.uint8)
    curve = np.linspace(0, 1, 60)

    def smooth(row: list[int]) -> npt.NDArray[np.float64]:
        fit = np.polyfit(np.linspace(0, 1, len(row)), xy[row].astype(np.float64), 2)
        return np.stack([np.polyval(fit[:, i], curve) for i in (0, 1)], axis=1)

    inner_up, inner_low = smooth([88, 89, 90, 91, 92]), smooth([88, 95, 94, 93, 92])

    def fill(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], colour: tuple[int, int, int]) -> None:
        outline = np.round(np.concatenate([one, other[::-1]]) * 16).astype(np.int32)
        cv2.fillPoly(image, [outline], colour, cv2.LINE_AA, shift=4)

    fill(smooth([76, 77, 78, 79, 80, 81, 82]), smooth([76, 87, 86, 85, 84, 83, 82]), lip)
    fill(inner_up, inner_low, between)
    fill(inner_up, inner_up + upper * (inner_low - inner_up), tooth)
    fill(inner_low, inner_low + lower * (inner_up - inner_low), tooth)
    return image, xy


def weights(jaw: float, **others: float) -> Float32:
    """Lips drawn a little to one side, so that they may bare teeth, and what is given."""
    out = np.zeros(52, np.float32)
    out[A.index("mouthStretchLeft")] = 0.2
    out[JAW] = jaw
    for name, value in others.items():
        out[A.index(name)] = value
    return out


@pytest.mark.parametrize("height", [10.0, 16.0, 24.0])
@pytest.mark.parametrize("rows", [(1.0, 0.0), (0.55, 0.45), (0.62, 0.34)])
@pytest.mark.parametrize("face", [{}, DARK_FACE])
def test_teeth_together_are_a_shut_jaw(
    height: float, rows: tuple[float, float], face: dict[str, tuple[int, int, int]]
) -> None:
    share, belief = open_share(*mouth(height, *rows, **face))
    assert belief == 1.0
    assert share < CLOSED


@pytest.mark.parametrize("between", [(25, 12, 12), TONGUE])
@pytest.mark.parametrize("rows", [(0.3, 0.0), (0.25, 0.2), (0.0, 0.3), (0.0, 0.0)])
@pytest.mark.parametrize("face", [{}, DARK_FACE])
def test_a_gap_or_a_tongue_between_the_rows_is_an_open_jaw(
    between: tuple[int, int, int], rows: tuple[float, float], face: dict[str, tuple[int, int, int]]
) -> None:
    if face:
        between = (between[0] // 2, between[1] // 2, between[2] // 2)
    share, belief = open_share(*mouth(30.0, *rows, between, **face))
    assert belief == 1.0
    assert share > OPEN
    before = weights(0.7, mouthClose=0.1)
    np.testing.assert_array_equal(with_bared_teeth(before, share, belief, 0.25), before)


def test_the_wider_the_gap_the_more_open() -> None:
    shares = [open_share(*mouth(30.0, 1.0 - gap, 0.0))[0] for gap in np.linspace(0.1, 0.9, 9)]
    assert np.all(np.diff(shares) > -0.01)
    assert shares[-1] - shares[0] > 0.6


@settings(max_examples=40, deadline=None)
@given(st.floats(8.0, 34.0), st.floats(0.0, 0.7), st.floats(0.0, 0.3), st.floats(-6.0, 6.0), st.integers(0, 2**16))
def test_a_mirrored_picture_says_the_same(height: float, upper: float, lower: float, slant: float, seed: int) -> None:
    image, xy = mouth(height, upper, lower)
    noise = np.random.default_rng(seed).normal(0, 3, image.shape)
    image = np.clip(image + noise + np.linspace(0, 40, SIZE)[None, :, None], 0, 255).astype(np.uint8)
    xy = xy + np.stack([np.zeros(98), slant * (xy[:, 0] - 120) / 100], axis=1).astype(np.float32)
    flipped = (xy * np.float32([-1, 1]) + np.float32([SIZE - 1, 0]))[W.mirror]
    share, belief = open_share(image, xy)
    other, other_belief = open_share(np.ascontiguousarray(image[:, ::-1]), flipped)
    assert belief == pytest.approx(other_belief, abs=1e-3)
    assert share == pytest.approx(other, abs=0.03)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 0.9), st.floats(0.3, 1.1), st.sampled_from([(1, 1, 1), (1, 0.85, 0.65), (0.85, 0.95, 1.0)]))
def test_neither_light_nor_its_colour_counts(gap: float, light: float, colour: tuple[float, float, float]) -> None:
    """Down to a third of the light: in a fifth, whole grey values are too coarse (a share of 0.71 is read as 0.83)."""
    image, xy = mouth(26.0, 1.0 - gap)
    lit = np.clip(np.round(image * light * np.array(colour)), 0, 255).astype(np.uint8)
    assert open_share(lit, xy)[0] == pytest.approx(open_share(image, xy)[0], abs=0.06)


def test_what_cannot_be_judged_is_not() -> None:
    image, xy = mouth(24.0, 1.0)
    assert open_share(*mouth(4.0, 1.0))[1] == 0.0
    assert open_share(image, xy, 40.0)[1] == open_share(image, xy, -40.0)[1] == 0.0
    assert open_share((image * 0.03).astype(np.uint8), xy)[1] == 0.0
    for point in (90, 85):
        lost = xy.copy()
        lost[point] = np.nan
        assert open_share(image, lost)[1] == 0.0
    assert open_share(image, xy + 1000)[0] == 1.0  # outside the picture
    before = weights(0.5)
    assert with_bared_teeth(before, 0.0, 0.0, 0.1) is before


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.floats(0, 1, width=32), st.just(float("nan"))), min_size=52, max_size=52),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 0.6),
)
def test_the_jaw_never_opens_and_the_lips_never_close(
    before: list[float], share: float, belief: float, gap: float
) -> None:
    old = np.array(before, np.float32)
    new = with_bared_teeth(old, share, belief, gap)
    np.testing.assert_array_equal(np.isnan(new), np.isnan(old))
    known = np.isfinite(old)
    assert ((new[known] >= 0) & (new[known] <= 1)).all()
    assert not new[JAW] > old[JAW]
    assert not (new[LIPS] < old[LIPS]).any()
    rest = np.ones(52, bool)
    rest[[JAW, CLOSE, *LIPS]] = False
    np.testing.assert_array_equal(new[rest], old[rest])


def test_what_the_jaw_loses_the_lips_show() -> None:
    gap = 0.12
    new = with_bared_teeth(weights(0.5, mouthSmileLeft=0.9, mouthClose=0.1), 0.02, 1.0, gap)
    assert new[JAW] == 0.0
    assert new[CLOSE] == 0.0
    assert (new[LIPS] > 0.3).all()
    assert LIP_MOVES * new[LIPS].sum() / 2 <= gap + 1e-6
    ajar = with_bared_teeth(weights(0.5), (CLOSED + OPEN) / 2, 1.0, gap)
    assert 0 < ajar[JAW] < 0.5
    wide = with_bared_teeth(weights(0.9), 0.02, 1.0, LIPS_ALONE + 0.3)  # no lips part so far
    assert wide[JAW] == pytest.approx(0.3 / JAW_DROPS)


def test_a_tongue_that_shows_is_no_row_of_teeth() -> None:
    before = weights(0.5, tongueOut=0.5)
    np.testing.assert_array_equal(with_bared_teeth(before, 0.02, 1.0, 0.25), before)
    jaws = [with_bared_teeth(weights(0.5, tongueOut=t), 0.02, 1.0, 0.25)[JAW] for t in (0.0, 0.2, 0.3, 0.5)]
    assert jaws == sorted(jaws)
    assert jaws[0] < 0.3 < jaws[-1] == pytest.approx(0.5)
    unknown = with_bared_teeth(weights(0.5, tongueOut=np.nan), 0.02, 1.0, 0.25)
    assert unknown[JAW] == jaws[0]  # landmarks alone never see a tongue


def test_lips_that_rest_bare_no_teeth() -> None:
    before = weights(0.5, mouthStretchLeft=0.04, mouthFunnel=0.5)
    np.testing.assert_array_equal(with_bared_teeth(before, 0.02, 1.0, 0.25), before)
    jaws = [
        with_bared_teeth(
            weights(0.5, mouthStretchLeft=0.0, noseSneerRight=sneer, noseSneerLeft=np.nan), 0.02, 1.0, 0.2
        )[JAW]
        for sneer in np.linspace(0.0, 0.2, 41)
    ]
    assert jaws == sorted(jaws, reverse=True)
    assert jaws[0] == pytest.approx(0.5)
    assert jaws[-1] == 0.0
    assert np.abs(np.diff(jaws)).max() < 0.05


def test_nothing_jumps() -> None:
    for gap in (0.08, 0.16, 0.3):
        steps = np.stack([with_bared_teeth(weights(0.6), s, 1.0, gap) for s in np.linspace(0, 1, 501)])
        assert np.abs(np.diff(steps, axis=0)).max() < 0.03


@pytest.mark.shared
@pytest.mark.parametrize("name", ["tfjs_portrait.jpg", "obama_official.jpg"])
def test_a_portrait_that_grins_has_a_shut_jaw(name: str) -> None:
    if not (PORTRAITS / name).exists():
        pytest.skip("the shared data folder is not beside the checkout")
    import mien

    face = [r.faces[0] for r in mien.capture(PORTRAITS / name) if r.faces][-1]
    assert face.blendshapes is not None
    assert face.action_units is not None
    assert face.blendshapes["jawOpen"] < 0.1
    assert face.blendshapes["mouthSmileLeft"] > 0.7
    assert face.blendshapes["mouthLowerDownLeft"] > 0.3
    present = face.action_units.presence
    facs = load_schema("facs")
    assert present[facs.index("AU25")]
    assert not present[facs.index("AU26")]
    assert not present[facs.index("AU27")]
