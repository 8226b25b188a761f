"""Pictures taken in the dark, as the networks see them: brighter.

No network has seen much of a room that is lit by a screen. What they are shown of a dark picture is multiplied by one
number for the whole frame; what is recorded stays as it was taken. On marked faces whose light was taken away step by
step this gave back half and more of those that were lost (docs/results.md, Robustness).
"""

from __future__ import annotations

import threading
import weakref
from collections import deque

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

_lately: deque[tuple[weakref.ref[UInt8], float]] = deque(maxlen=4)
"""Frames whose number is known: several stages ask about one frame, and two frames are under way at once."""
_guard = threading.Lock()


def light_gain(image: UInt8) -> float:
    """What a picture (H, W, 3) or (H, W) uint8 is to be multiplied by, 1 … MOST; 1 = it is bright enough.

    A picture's number is remembered for as long as the array lives: pixels of a frame do not change.
    """
    with _guard:
        for known, gain in _lately:
            if known() is image:
                return gain
    gain = _measured(image)
    with _guard:
        _lately.append((weakref.ref(image), gain))
    return gain


def lit(pixels: UInt8, gain: float) -> UInt8:
    """The pixels, brighter; as they are for a gain of 1."""
    return pixels if gain <= 1.0 else np.asarray(cv2.convertScaleAbs(pixels, alpha=gain), np.uint8)


def _measured(image: UInt8) -> float:
    if image.size == 0:
        return 1.0
    step = max(1, min(image.shape[:2]) // _ROWS)
    small = np.ascontiguousarray(image[::step, ::step])
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) if small.ndim == 3 else small
    counts = np.bincount(grey.reshape(-1), minlength=256)
    mean = float(counts @ np.arange(256)) / grey.size
    brightest = int(np.searchsorted(np.cumsum(counts), (1 - SMALLEST) * grey.size))
    return float(np.clip(min(DARK / max(mean, 1.0), BRIGHT / max(brightest, 1)), 1.0, MOST))
