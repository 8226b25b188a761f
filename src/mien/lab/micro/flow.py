"""Flow pictures of a clip: optical flow, optical strain, and head movement taken out by points that keep still.

Flow: dense inverse search (Kroeger et al. 2016), OpenCV's DIS at the preset "medium" down to half resolution.
The papers used TV-L1, Farnebäck or RLOF: where a figure depends on it, that is said.
"""

from __future__ import annotations

import cv2
import numpy as np

from mien.core.arrays import Float32, UInt8

STEADY = ((0.44, 0.30), (0.50, 0.36), (0.56, 0.30), (0.50, 0.45))
"""Where an upright, cut face hardly moves: the bridge of the nose; x and y as shares of the picture."""
_HALF = 0.04


def flow(before: UInt8, after: UInt8) -> Float32:
    """(H, W, 2) float32 px: x to the right, y down, from (H, W) uint8 grey to grey."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    method.setFinestScale(1 if min(before.shape) >= 32 else 0)
    start = np.zeros((*before.shape, 2), np.float32)
    found = method.calc(np.ascontiguousarray(before), np.ascontiguousarray(after), start)
    return np.asarray(found, dtype=np.float32)


def without_head(field: Float32) -> Float32:
    """The same minus the median movement of the steady places: head-motion compensation."""
    h, w = field.shape[:2]
    parts = []
    for x, y in STEADY:
        rows = slice(max(0, int((y - _HALF) * h)), max(1, int((y + _HALF) * h) + 1))
        columns = slice(max(0, int((x - _HALF) * w)), max(1, int((x + _HALF) * w) + 1))
        parts.append(field[rows, columns].reshape(-1, 2))
    return np.asarray(field - np.median(np.concatenate(parts), axis=0), dtype=np.float32)


def strain(field: Float32) -> Float32:
    """(H, W) float32 optical strain: √(ε_xx² + ε_yy² + 2 ε_xy²), ε_xy = ½(∂u/∂y + ∂v/∂x).

    0 for every rigid shift, and for a small rotation; independent of the head's movement in the plane.
    """
    uy, ux = np.gradient(field[..., 0].astype(np.float64))
    vy, vx = np.gradient(field[..., 1].astype(np.float64))
    return np.asarray(np.sqrt(ux**2 + vy**2 + 0.5 * (uy + vx) ** 2), dtype=np.float32)


def flow_picture(before: UInt8, after: UInt8, side: int) -> Float32:
    """(3, side, side) float32: flow x, flow y, strain between two (H, W) grey pictures; px of the original size.

    The head's movement is taken out. This is the input of the shallow networks (onset → apex).
    """
    field = without_head(flow(before, after))
    channels = np.concatenate([field, strain(field)[..., None]], axis=2)
    small = cv2.resize(channels, (side, side), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(np.moveaxis(small, 2, 0), dtype=np.float32)


def enriched(frames: UInt8) -> Float32:
    """(4, T, H, W) float32 of (T, H, W) grey frames: grey as (x − 128) / 64, and flow x, y and strain from the first
    frame on: the spatial enrichment of ELRCN (Khor et al. 2018)."""
    out = np.zeros((4, *frames.shape), np.float32)
    out[0] = (frames.astype(np.float32) - 128.0) / 64.0
    for t in range(1, len(frames)):
        field = without_head(flow(frames[0], frames[t]))
        out[1:3, t] = np.moveaxis(field, 2, 0)
        out[3, t] = strain(field)
    return out
