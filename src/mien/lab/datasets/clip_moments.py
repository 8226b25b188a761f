"""A few moments of a labelled clip: pictures spread evenly over it, and the sound around each of them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.arrays import Float32, Float64, UInt8
from mien.errors import SourceError
from mien.lab.datasets.audio import BANDS, PATCH, sound_patches, sound_track
from mien.lab.datasets.pictures import read_picture
from mien.lab.datasets.sample import Clip, FrameFiles
from mien.sources.video import Options, VideoSource

_KEPT = 3
"""So many times the moments are held while a video is read: how long it is shows at its end only."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """T moments.

    Attributes:
        images: T pictures (H, W, 3) uint8 RGB; a clip of fewer frames repeats some.
        sound: (T, 1, 96, 64) float32 log-mel, the middle of each patch at the time of its picture (`sound_patches`); 0
            without sound.
        has_sound: whether the file has any.
    """

    images: tuple[UInt8, ...]
    sound: Float32
    has_sound: bool


def read_moments(clip: Clip, count: int) -> Moments:
    """Read a clip: a video file with or without sound, or a folder of frames, which has none.

    Args:
        clip: of a sample.
        count: moments, 1 or more.

    Raises:
        SourceError: it has neither, or cannot be read, or is damaged or cut off: where, and what to do.
    """
    if clip.video is not None:
        return _of_video(clip.video, count)
    if clip.frames is not None and len(clip.frames):
        return _of_files(clip.frames, count)
    raise SourceError("the copy holds neither a video nor frames for this clip")


def _of_video(path: Path, count: int) -> Moments:
    images, times_s = _spread(path, count)
    track = sound_track(path)
    if track is None or not len(track.samples):
        return Moments(images, np.zeros((count, 1, PATCH, BANDS), np.float32), has_sound=False)
    return Moments(images, sound_patches(track.samples, times_s - track.start_s), has_sound=True)


def _of_files(frames: FrameFiles, count: int) -> Moments:
    numbers = _evenly(len(frames), count)
    images = tuple(read_picture(frames.folder / frames.names[i]) for i in numbers)
    return Moments(images, np.zeros((count, 1, PATCH, BANDS), np.float32), has_sound=False)


def _spread(path: Path, count: int) -> tuple[tuple[UInt8, ...], Float64]:
    """`count` frames, and their stamps (T,) in s.

    Every 2^k-th frame is held; k grows when they become too many.
    """
    held: list[tuple[UInt8, float]] = []
    step = 1
    with closing(VideoSource(path, Options(threads=1))) as source:
        for record in source:
            if record.stamp.index % step or record.image is None:
                continue
            held.append((record.image, record.stamp.t_ns / 1e9))
            if len(held) > _KEPT * count:
                held, step = held[::2], 2 * step
        cut_off = next((w for w in source.warnings if "cut off" in w), None)
    if cut_off is not None:
        raise SourceError(f"{path}: {cut_off}; copy it again, or take it out of the data")
    if not held:
        raise SourceError(f"{path}: holds no frame; copy it again, or take it out of the data")
    chosen = [held[i] for i in _evenly(len(held), count)]
    return tuple(image for image, _ in chosen), np.array([t for _, t in chosen])


def _evenly(length: int, count: int) -> list[int]:
    """The middles of `count` equal parts of `length` things."""
    return [min(length - 1, int((i + 0.5) * length / count)) for i in range(count)]
