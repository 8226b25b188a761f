"""Sound of a clip as log-mel patches, read by PyAV, prepared as VGGish takes it (Hershey et al. 2017).

16 kHz mono; windows of 25 ms every 10 ms (Hann, periodic); 64 mel bands from 125 to 7,500 Hz on the magnitude spectrum;
log(x + 0.01); patches of 96 windows (0.96 s).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from mien.core.arrays import AnyArray, Float32, Float64
from mien.errors import SourceError

RATE_HZ = 16000
WINDOW, HOP, FFT = 400, 160, 512
BANDS, PATCH = 64, 96
_LOW_HZ, _HIGH_HZ = 125.0, 7500.0
_LONGEST_S = 3600
"""Longer sound is refused: it would not fit into memory as patches."""


_GAP_S = 0.02
"""Stamps that are further from where the sound before them ends begin a new piece; nearer ones are rounding."""


class SoundTrack(NamedTuple):
    """Sound of a file.

    samples: (N,) float32 mono at 16 kHz, −1…1, every part where its stamp says, 0 in gaps; start_s: stamp of the first
    one on the container's own clock, s.
    """

    samples: Float32
    start_s: float


def read_sound(path: Path) -> Float32:
    """(N,) float32 mono samples at 16 kHz, −1…1, from the first sound stream of a file.

    Raises:
        SourceError: it cannot be read, has no sound, or is longer than an hour.
    """
    track = sound_track(path)
    if track is None:
        raise SourceError(f"{path}: has no sound")
    return track.samples


def sound_track(path: Path) -> SoundTrack | None:
    """The first sound stream of a file, or None if it has none.

    Raises:
        SourceError: the file or its sound cannot be read, or it is longer than an hour.
    """
    try:
        with av.open(str(path)) as container:
            return _decoded(container, path) if container.streams.audio else None
    except (OSError, av.error.FFmpegError, ValueError) as error:
        raise SourceError(f"{path}: its sound cannot be read: {error}") from error


def _decoded(container: Any, path: Path) -> SoundTrack:
    """Pieces that follow each other without a gap are resampled as one, and put where their stamps say."""
    pieces: list[tuple[float, Float32]] = []
    parts: list[AnyArray] = []
    start_s, length_s = 0.0, 0.0
    resampler = _resampler()

    def finish() -> None:
        if length_s:
            rest = [done.to_ndarray().reshape(-1) for done in resampler.resample(None)]
            pieces.append((start_s, np.asarray(np.nan_to_num(np.concatenate([*parts, *rest])), np.float32)))

    for frame in container.decode(container.streams.audio[0]):
        at_s = start_s + length_s if frame.time is None else float(frame.time)
        if not length_s or abs(at_s - start_s - length_s) > _GAP_S:
            finish()
            parts, start_s, length_s, resampler = [], at_s, 0.0, _resampler()
        first_s = pieces[0][0] if pieces else start_s
        parts += [done.to_ndarray().reshape(-1) for done in resampler.resample(frame)]
        length_s += frame.samples / frame.sample_rate
        if start_s + length_s - first_s > _LONGEST_S:
            raise SourceError(f"{path}: its sound is longer than an hour; cut it first")
    finish()
    return _placed(pieces)


def _resampler() -> Any:
    return av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)


def _placed(pieces: Sequence[tuple[float, Float32]]) -> SoundTrack:
    """One track of pieces and the stamps of their first samples, s; silence between, of two at once the later one."""
    if not pieces:
        return SoundTrack(np.zeros(0, np.float32), 0.0)
    start_s = min(s for s, _ in pieces)
    firsts = [round((s - start_s) * RATE_HZ) for s, _ in pieces]
    samples: Float32 = np.zeros(max(f + len(p) for f, (_, p) in zip(firsts, pieces, strict=True)), np.float32)
    for first, (_, piece) in zip(firsts, pieces, strict=True):
        samples[first : first + len(piece)] = piece
    return SoundTrack(samples, start_s)


def log_mel(samples: Float32) -> Float32:
    """(N,) at 16 kHz → (W, 64) float32, one row per 10 ms; fewer than 400 samples give no row."""
    count = max(0, 1 + (len(samples) - WINDOW) // HOP)
    if count == 0:
        return np.zeros((0, BANDS), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), WINDOW)[::HOP][:count]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    spectrum = np.abs(np.fft.rfft(windows * hann, FFT, axis=1))
    return np.asarray(np.log(spectrum @ mel_bands() + 0.01), np.float32)


def mel_bands() -> Float64:
    """(257, 64) weights of the triangular bands, evenly spaced in mel = 1127 ln(1 + f / 700); no weight at 0 Hz."""

    def mel(hz: Float64) -> Float64:
        return np.asarray(1127 * np.log1p(hz / 700))

    bins = mel(np.linspace(0, RATE_HZ / 2, FFT // 2 + 1))
    low, high = mel(np.array([_LOW_HZ, _HIGH_HZ])).tolist()
    edges = np.linspace(low, high, BANDS + 2)
    rising = (bins[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins[:, None]) / np.diff(edges)[1:]
    weights = np.maximum(0, np.minimum(rising, falling))
    weights[0] = 0
    return np.asarray(weights, np.float64)


def sound_patches(samples: Float32, times_s: Float64) -> Float32:
    """(T, 1, 96, 64) patches whose middles lie at the given times, as `AudioVisual` takes them; silence outside.

    Args:
        samples: (N,) at 16 kHz, time 0 = the first one.
        times_s: (T,) s; may lie before or behind the sound.
    """
    half = (PATCH * HOP + WINDOW) // 2
    padded = np.concatenate([np.zeros(2 * half, np.float32), samples, np.zeros(3 * half, np.float32)])
    out: Float32 = np.zeros((len(times_s), 1, PATCH, BANDS), np.float32)
    for i, t in enumerate(times_s):
        start = half + int(np.clip(round(float(t) * RATE_HZ), -half, len(samples) + half))
        out[i, 0] = log_mel(padded[start : start + PATCH * HOP + WINDOW - HOP])[:PATCH]
    return out
