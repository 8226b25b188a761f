"""From a decoded libav frame to upright RGB pixels. Shared by video files and streams.

What the container says about showing the picture (rotation, mirroring, transparency) is applied here and
nowhere else; interlaced pictures and non-square pixels are left as they are.
"""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from mien.core.arrays import AnyArray, UInt8

_ONE = 65536
_UPRIGHT = (_ONE, 0, 0, _ONE)
_OF_ROTATION = (_UPRIGHT, (0, -_ONE, _ONE, 0), (-_ONE, 0, 0, -_ONE), (0, _ONE, -_ONE, 0))  # counter-clockwise turns


def display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """(a, b, c, d) of the container's display matrix, 16.16 fixed point: x' = a·x + c·y, y' = b·x + d·y."""
    try:
        known = frame.side_data
    except ValueError:  # PyAV cannot list the side data of a frame that carries a kind it has no name for
        return _OF_ROTATION[round(frame.rotation / 90) % 4]
    if "DISPLAYMATRIX" not in known:
        return _UPRIGHT
    a, b, _, c, d = struct.unpack("<5i", bytes(known["DISPLAYMATRIX"])[:20])
    return a, b, c, d


def upright(image: UInt8, matrix: tuple[int, int, int, int]) -> UInt8:
    """Turn and mirror `image` as the display matrix says, to the nearest quarter turn.

    Args:
        image: (H, W, 3) uint8.
        matrix: see `display_matrix`.

    Returns:
        (H, W, 3) or (W, H, 3) uint8, contiguous.
    """
    a, b, c, d = matrix
    turned = abs(b) > abs(a)
    across, down = (c, b) if turned else (a, d)
    out: AnyArray = image
    if turned:
        out = cv2.transpose(out)
    if across < 0 or down < 0:
        out = cv2.flip(out, -1 if across < 0 and down < 0 else 1 if across < 0 else 0)
    return np.ascontiguousarray(out, dtype=np.uint8)


def on_black(rgba: UInt8) -> UInt8:
    """(H, W, 3) RGB of (H, W, 4) RGBA with straight alpha, shown on black."""
    alpha = rgba[..., 3:]
    if alpha.min() == 255:
        return np.ascontiguousarray(rgba[..., :3])
    mixed = (rgba[..., :3].astype(np.uint16) * alpha + 127) // 255
    return mixed.astype(np.uint8)


class RgbConverter:
    """Converts frames to RGB and keeps the scaler between frames. Not thread-safe; one per source."""

    def __init__(self) -> None:
        self._scaler: Any = VideoReformatter()

    def convert(self, frame: Any) -> UInt8:
        """(H, W, 3) uint8 RGB, upright, contiguous.

        Raises:
            av.FFmpegError, ValueError: libav cannot convert this pixel format.
        """
        if any(component.is_alpha for component in frame.format.components):
            image = on_black(self._scaler.reformat(frame, format="rgba").to_ndarray())
        else:
            image = self._scaler.reformat(frame, format="rgb24").to_ndarray()
        return upright(image, display_matrix(frame))
