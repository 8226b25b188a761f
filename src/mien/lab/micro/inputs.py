"""What a method sees of a clip, and how much work it may do."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.lab.micro.clips import MicroClip
from mien.lab.micro.tim import interpolate


@dataclass(frozen=True, slots=True)
class Effort:
    """How much work networks may do.

    Attributes:
        steps: of training, fixed beforehand.
        batch: clips per step.
        frames: clips are brought to this length (TIM).
        side: of the pictures for networks on clips, px.
        full: published sizes; else a few channels.
        seed: of weights and batches.
    """

    steps: int = 60
    batch: int = 8
    frames: int = 8
    side: int = 32
    full: bool = False
    seed: int = 1


def span_frames(clip: MicroClip, count: int, side: int | None = None) -> Float32:
    """(count, S, S) float32 grey from onset to offset, by TIM."""
    frames = clip.frames[clip.onset : max(clip.offset, clip.onset + 1) + 1]
    if side is not None:
        frames = resized(frames, side)
    return interpolate(frames, count).astype(np.float32)


def resized(frames: UInt8, side: int) -> UInt8:
    """(T, side, side) of (T, H, W) pictures."""
    return np.stack([cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA) for f in frames])


def as_bytes(frames: Float32) -> UInt8:
    """Grey levels, rounded."""
    return np.asarray(np.clip(np.round(frames), 0, 255), dtype=np.uint8)


def whole_clip(clip: MicroClip, effort: Effort) -> UInt8:
    """The whole clip, margins too, brought to length: what onset and offset are told from."""
    return as_bytes(interpolate(resized(clip.frames, effort.side), effort.frames).astype(np.float32))
