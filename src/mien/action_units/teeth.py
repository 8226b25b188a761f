"""Bared teeth: is the jaw open, or are only the lips?

98 points show how far the lips are apart, not what is between them: a grin with the teeth together read as a jaw half
open. The pixels between the inner lips tell. Down every column, teeth are brighter and less red than the lips, and no
redder than the cheeks; a gap between the rows is dark, the tongue in it is red. All of it is relative to the face's own
lips and cheeks. Where little but teeth is seen, the jaw closes and the lips part instead. Without visible teeth nothing
changes.
"""

from __future__ import annotations

import cv2
import numpy as np

from mien.core.arrays import Float32, Float64, UInt8
from mien.core.geometry import CropTransform
from mien.core.schema import load_schema
from mien.runtime.warp import warp_crop

SMALL_PX, LARGE_PX = 5.0, 7.0
"""Height of the opening up to which nothing is judged, and from which the judgement counts entirely."""
CLOSED, OPEN = 0.14, 0.38
"""Share of the opening that is not teeth: up to the first the rows are together, from the second on the jaw is open."""
LIPS_ALONE = 0.2
"""Opening, in distances of the outer eye corners, that lips can make without the jaw. Broad grins reach 0.18."""
JAW_DROPS, LIP_MOVES, FUNNEL_PARTS = 0.39, 0.078, 0.13
"""What jawOpen, mouthUpperUp or mouthLowerDown of both sides, and mouthFunnel add to the opening at weight 1: means of
four rigs."""
_LIPS_ASIDE = 0.02
"""Opening that no shape needs to explain: the points lie a little outside of it."""

_LIPS = np.array([(88, 89, 90, 91, 92), (88, 95, 94, 93, 92), (76, 77, 79, 81, 82), (76, 87, 85, 83, 82)])
"""Inner upper, inner lower, outer upper, outer lower line."""
_CHEEKS = np.array([(66, 76), (74, 82)])
"""Lower lid and corner of the mouth: the cheek is half way."""
_COLUMNS, _ROWS = 24, 32
_MARGIN = 0.3
"""Looked at above and below the opening, in heights of it: points are not exact."""
_PX_HIGH = 20.0
"""Height of the opening as it is looked at; larger ones are made smaller."""
_TURNED_DEG = (15.0, 30.0)
"""Yaw up to which the judgement counts entirely, and from which nothing is judged."""
_LEAST_LIGHT = 8.0
"""Grey value of the lips below which nothing is judged."""
_WHITER = 0.48
"""Teeth are whiter than the lips by so much."""
_LIP_ROWS = np.array([0.5, 0.25, 0.25], dtype=np.float32)
"""How much the upper lip and two lines along the lower one count."""
_REDDER = (1.06, 0.67)
"""Teeth are at most so much redder than the cheeks, or lie so near to them on the way to the lips; tongue and gums are
redder."""
_INDEX = load_schema("arkit52").index
_JAW, _CLOSE = _INDEX("jawOpen"), _INDEX("mouthClose")
_PARTING = [_INDEX(f"mouth{what}{side}") for what in ("UpperUp", "LowerDown") for side in ("Left", "Right")]
_SMILES = [_INDEX("mouthSmileLeft"), _INDEX("mouthSmileRight")]
_FUNNEL, _TONGUE = _INDEX("mouthFunnel"), _INDEX("tongueOut")
_TONGUE_SHOWS = (0.15, 0.4)
"""tongueOut from which teeth are doubted, and from which they are not asked for: a pale tongue looks like teeth."""
_BARING = [
    _INDEX(f"{what}{side}")
    for what in ("mouthSmile", "mouthStretch", "mouthUpperUp", "mouthLowerDown", "noseSneer")
    for side in ("Left", "Right")
]
_BARED = (0.05, 0.15)
"""How far one of these must go before teeth may show, and from which on they are believed: lips that rest bare none."""
_SMILING = 0.4
"""Mean of both corners from which on it is a smile."""


def _between(count: int) -> Float64:
    """(count, 5) where the columns lie between the five points of a lip, straight from one to the next."""
    places = np.linspace(0.9, 3.1, count)
    return np.maximum(1 - np.abs(places[:, None] - np.arange(5)), 0.0)


_COLUMN = _between(_COLUMNS)
_DOWN = (np.arange(_ROWS) + 0.5) / _ROWS * (1 + 2 * _MARGIN) - _MARGIN
"""Places of the rows: 0 = upper, 1 = lower inner lip."""
_INSIDE = (_DOWN > 0.05) & (_DOWN < 0.95)
_UPPER_HALF = (_DOWN > -0.2) & (_DOWN < 0.5)
_WHITEST = int(0.9 * _INSIDE.sum())
_AROUND = (np.abs(np.subtract.outer(np.arange(_COLUMNS), np.arange(_COLUMNS))) <= 4).astype(np.float32)
_AROUND /= _AROUND.sum(axis=0)
"""Means of nine columns: one side may be in the shade."""
_MIDDLE = slice(_COLUMNS // 4, -_COLUMNS // 4)
_RED_COUNTS = ((_DOWN > 0.2) & (_DOWN < 0.8)).astype(np.float32)
"""What is red nearer to a lip is the lip; above the upper teeth it is the gum."""
_DARK_COUNTS = ((_DOWN > -0.1) & (_DOWN < 1.2)).astype(np.float32)
_TEETH_COUNT = ((_DOWN > -0.2) & (_DOWN < 1.25)).astype(np.float32)


def open_share(image: UInt8, xy: Float32, yaw_deg: float = 0.0) -> tuple[float, float]:
    """How much of the opening between the lips is not teeth, 0–1, and how far to believe it, 0–1.

    Args:
        image: (H, W, 3) uint8 RGB.
        xy: (98, 2) px, NaN = not seen.
        yaw_deg: from the side the row of teeth hides the gap in front of it.

    Returns:
        1 where no teeth are seen; belief 0 where the opening is too small, too dark, turned away, or not seen whole.
    """
    upper, lower, upper_edge, lower_edge = _COLUMN @ xy[_LIPS].astype(np.float64)
    dx, dy = (lower - upper).T
    height = float(np.hypot(dx, dy).sum()) / _COLUMNS
    belief = _ramp(height, SMALL_PX, LARGE_PX) * (1 - _ramp(abs(yaw_deg), *_TURNED_DEG))
    around = np.concatenate([upper_edge, lower_edge])
    if not belief > 0 or not ((around >= 0) & (around < image.shape[1::-1])).all():
        return 1.0, 0.0
    lips = np.stack([(upper + upper_edge) / 2, 0.65 * lower + 0.35 * lower_edge, 0.4 * lower + 0.6 * lower_edge])
    rows = upper + _DOWN[:, None, None] * (lower - upper)
    red, bright = _looked_at(image, np.concatenate([rows, lips]), height / _PX_HIGH)
    if float(bright[_ROWS:].mean()) < _LEAST_LIGHT:
        return 1.0, 0.0
    tooth, dark = _told_apart(red, bright, _cheek_redness(image, xy))
    below = np.maximum(np.maximum.accumulate(tooth), 1 - tooth[_UPPER_HALF].max(axis=0))
    gap = _DARK_COUNTS @ (dark * below) + _RED_COUNTS @ ((1 - tooth) * (1 - dark) * below)
    share = np.sort(gap / np.maximum(gap + _TEETH_COUNT @ tooth, 1e-3))
    return float(share[_MIDDLE].sum()) / len(share[_MIDDLE]), belief  # gaps between single teeth do not count


def _told_apart(red: Float32, bright: Float32, cheek: float) -> tuple[Float32, Float32]:
    """(_ROWS, _COLUMNS) 0–1 each: tooth, dark. Of what `_looked_at` says; the last rows are the lips."""
    white = bright * np.square(np.minimum(bright / np.maximum(red, 1.0), 1.0))
    lip, lip_white, lip_red = (_LIP_ROWS @ of[_ROWS:] @ _AROUND for of in (bright, white, red))
    red, bright, white = red[:_ROWS], bright[:_ROWS], white[:_ROWS]
    whiter = np.partition(white[_INSIDE], _WHITEST, axis=0)[_WHITEST] @ _AROUND - lip_white
    tooth = _above(white, lip_white + 0.3 * whiter, 0.2 * whiter)
    tooth *= _above(whiter, _WHITER * lip_white, 0.25 * lip_white)
    reddest = np.maximum(_REDDER[0] * cheek, _REDDER[1] * cheek + (1 - _REDDER[1]) * lip_red / np.maximum(lip, 1.0))
    tooth *= 1 - _above(red, reddest * bright, 0.1 * bright)
    return tooth, 1 - _above(bright, 0.62 * lip, 0.2 * lip)


def with_bared_teeth(weights: Float32, share: float, belief: float, gap: float) -> Float32:
    """(52,) weights, schema "arkit52", with the jaw as far open as the teeth allow; the lips part by what it loses.

    Args:
        weights: NaN stays NaN.
        share, belief: of `open_share`.
        gap: height of the opening in distances of the outer eye corners, seen from the front.
    """
    jaw = float(weights[_JAW])
    belief *= 1 - _ramp(_known(weights[_TONGUE]), *_TONGUE_SHOWS)
    belief *= _ramp(max(map(_known, weights[_BARING].tolist())), *_BARED)
    kept = 1 - belief * (1 - _ramp(share, CLOSED, OPEN))
    if kept >= 1 or not np.isfinite(jaw) or not np.isfinite(gap):
        return weights
    left = min(max(jaw * kept, (gap - LIPS_ALONE) / JAW_DROPS), jaw)
    out = weights.copy()
    out[_JAW] = left
    out[_CLOSE] *= left / max(jaw, 1e-6)
    missing = gap - _LIPS_ASIDE - JAW_DROPS * left - FUNNEL_PARTS * _known(weights[_FUNNEL])
    out[_PARTING] = _parted(weights, missing, JAW_DROPS * (jaw - left))
    return out


def _parted(weights: Float32, wanted: float, most: float) -> Float32:
    """(4,) mouthUpperUp and mouthLowerDown that part the lips as far as wanted, by `most` more than they do.

    In a smile the lower lip gives more, and the upper one not all: raised further it bares the gums. Else the lips
    share as they are read.
    """
    lips = weights[_PARTING]
    upper, lower = (_known(lips[two].mean()) for two in (slice(0, 2), slice(2, 4)))
    more = min(max(wanted - LIP_MOVES * (upper + lower), 0.0), most) / LIP_MOVES
    smile = _ramp(_known(weights[_SMILES].mean()), 0.0, _SMILING)
    of_upper = smile * 0.3 + (1 - smile) / (1 + ((lower + 0.05) / (upper + 0.05)) ** 2)
    share = np.array([of_upper, of_upper, 1 - of_upper, 1 - of_upper], dtype=np.float32)
    limit = np.array([1 - 0.5 * smile] * 2 + [0.9] * 2, dtype=np.float32)
    return np.asarray(np.maximum(lips, np.minimum(lips + np.float32(more) * share, limit)), np.float32)


def _known(value: float) -> float:
    return float(value) if np.isfinite(value) else 0.0


def _looked_at(image: UInt8, places: Float64, step: float) -> tuple[Float32, Float32]:
    """Red, and the mean of green and blue, at places (H, W, 2) px; `step`: px from one to the next."""
    if step >= 2:
        start = places.min(axis=(0, 1)) - 2 * step
        width, tall = np.ceil((places.max(axis=(0, 1)) - start) / step + 2).astype(int).tolist()
        matrix = np.array([[step, 0, start[0]], [0, step, start[1]]], dtype=np.float32)
        image = warp_crop(image, CropTransform(matrix, (width, tall)), smooth=True)
        places = (places - start) / step
    x, y = np.ascontiguousarray(places.transpose(2, 0, 1), dtype=np.float32)
    seen = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    red, green, blue = cv2.split(cv2.blur(seen, (3, 1)).astype(np.float32))
    return np.asarray(red, np.float32), np.asarray((green + blue) / 2, np.float32)


def _cheek_redness(image: UInt8, xy: Float32) -> float:
    """Red by the mean of green and blue, of both cheeks."""
    total = np.zeros(3)
    for middle in (xy[_CHEEKS[:, 0]] + xy[_CHEEKS[:, 1]]) / 2:
        if np.isfinite(middle).all():
            x, y = middle.round().astype(int).tolist()
            total += cv2.sumElems(image[max(y - 2, 0) : max(y + 3, 0), max(x - 2, 0) : max(x + 3, 0)])[:3]
    red, green, blue = total.tolist()
    return 2 * red / (green + blue) if green + blue > 0 else np.inf


def _ramp(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _above(values: Float32, edge: Float32 | float, width: Float32 | float) -> Float32:
    """0–1: below to above an edge of some width."""
    steps = (values - edge) / np.maximum(width, np.float32(1e-6)) + np.float32(0.5)
    return np.asarray(np.minimum(np.maximum(steps, 0.0), 1.0), np.float32)
