"""Pixels as Mien's landmark and expression networks take them. Used alike in training and at run time; numpy only."""

from __future__ import annotations

import numpy as np

from mien.core.arrays import Float32, UInt8

MEAN_RGB, STD_RGB = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""ImageNet's, 0–255, as HRNet's code uses them."""


def normalised(crop: UInt8, out: Float32) -> None:
    """(S, S, 3) uint8 RGB into (3, S, S) float32: each channel minus its mean, over its deviation."""
    for i, (mean, std) in enumerate(zip(MEAN_RGB, STD_RGB, strict=True)):
        np.multiply(crop[:, :, i], np.float32(1 / std), out=out[i])
        out[i] -= np.float32(mean / std)
