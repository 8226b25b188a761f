"""Pictures taken in the dark, as the networks see them: brighter.

No network has seen much of a room that is lit by a screen. What they are shown of a dark picture is multiplied by one
number for the whole frame; what is recorded stays as it was taken. On marked faces whose light was taken away step by
step this gave back a third to a half of those that were lost (docs/results.md, Robustness). What MediaPipe's networks
and the micro-expression spotter see is left as it is.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import NamedTuple

import cv2
import numpy as np

from mien.core.arrays import UInt8

DARK = 64.0
"""Mean grey value from which on a picture is bright enough."""
BRIGHT = 230.0
"""Where the brightest SMALLEST of a picture may come to lie: a lit face on a dark stage stays as it is."""
SMALLEST = 0.002
"""Share of the picture: a face of 43 × 43 px at 720p."""
MOST = 14.0
"""Beyond, there is nothing but noise."""
_ROWS = 60
"""Of the picture that is looked at."""


class _Known(NamedTuple):
    image: weakref.ref[UInt8]
    sample: UInt8
    lit: UInt8 | None
    """None: it is bright enough."""


_lately: deque[_Known] = deque(maxlen=3)
"""Several stages ask about one frame, and two frames are under way at once."""
_guard = threading.Lock()


def in_light(image: UInt8) -> UInt8:
    """The picture (H, W, 3) or (H, W) uint8 as a network should see it: itself, or a brighter copy.

    A copy is kept for the stages that ask later. An array that is filled anew is noticed by its pixels.
    """
    sample = _sampled(image)
    with _guard:
        for known in _lately:
            if known.image() is image and np.array_equal(known.sample, sample):
                return image if known.lit is None else known.lit
    gain = _gain(sample)
    lit = None if gain <= 1.0 else np.asarray(cv2.convertScaleAbs(image, alpha=gain), np.uint8)
    with _guard:
        _lately.append(_Known(weakref.ref(image), sample, lit))
    return image if lit is None else lit


def light_gain(image: UInt8) -> float:
    """What a picture (H, W, 3) or (H, W) uint8 is multiplied by, 1 … MOST; 1 = it is bright enough.

    Coloured light counts by its strongest colour where the brightest parts are limited.
    """
    return _gain(_sampled(image))


def _sampled(image: UInt8) -> UInt8:
    step = max(1, min(image.shape[:2]) // _ROWS)
    return np.ascontiguousarray(image[::step, ::step])


def _gain(sample: UInt8) -> float:
    if sample.size == 0:
        return 1.0
    coloured = sample.ndim == 3
    mean = float((cv2.cvtColor(sample, cv2.COLOR_RGB2GRAY) if coloured else sample).mean())
    if mean >= DARK:
        return 1.0
    strongest = sample.max(axis=2) if coloured else sample
    counts = np.bincount(strongest.reshape(-1), minlength=256)
    # Between grey values, or noise at the limit would make the picture flicker.
    brightest = float(np.interp((1 - SMALLEST) * strongest.size, np.cumsum(counts), np.arange(256)))
    return float(np.clip(min(DARK / max(mean, 1.0), BRIGHT / max(brightest, 1.0)), 1.0, MOST))
