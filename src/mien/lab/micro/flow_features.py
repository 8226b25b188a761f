"""Spotting by hand-made flow features: MDMD, OF-FD and SP-FD; each also as a description of a clip.

MDMD: main direction of maximal difference (He, Wang, Peng et al., MEGC 2020 baseline). OF-FD: flow in regions relative
to the nose (He, MM 2021, "optical flow features"). SP-FD: the specific pattern that an expression leaves in a region's
flow along its principal direction (Zhang et al., FG 2020, "spatio-temporal fusion"). Seed 002 cites other works for the
last two; the names are those of the spotting literature. Flow is `flow.flow` (DIS; the papers: RLOF, Farnebäck).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.signal import find_peaks

from mien.core.arrays import Float32, Float64, UInt8
from mien.lab.metrics.intervals import Interval
from mien.lab.micro.flow import flow, without_head

BLOCKS = 6
DIRECTIONS = 4
Pair = Callable[[int, int], Float32]
REGIONS = ((0.27, 0.20), (0.42, 0.18), (0.58, 0.18), (0.73, 0.20), (0.34, 0.46), (0.66, 0.46))
MOUTH = ((0.35, 0.72), (0.50, 0.66), (0.65, 0.72), (0.50, 0.80))
"""Centres of the regions of OF-FD and SP-FD in an upright, cut face: brows, cheeks; corners and lips."""
_HALF = 0.07


def pair_flow(frames: UInt8) -> Pair:
    """Flow from one frame of a clip to another, (H, W, 2), without the head's movement."""
    return lambda a, b: without_head(flow(frames[a], frames[b]))


def main_direction_difference(one: Float32, two: Float32) -> float:
    """MDMD of a frame from its flows F(i−k → i) and F(i−k → i+k) (formats: `main direction` per block of 6×6).

    In each block: four directions; the most frequent one of `one`; the mean of the largest third of ρ₁ − ρ₂ over the
    pixels that move that way; then the mean of the largest third of the blocks. Large where a movement comes back;
    negative where it goes on.
    """
    h, w = one.shape[:2]
    scores = []
    for r in np.array_split(np.arange(h), BLOCKS):
        for c in np.array_split(np.arange(w), BLOCKS):
            a, b = (f[r[:, None], c[None, :]].reshape(-1, 2).astype(np.float64) for f in (one, two))
            turn = np.floor((np.arctan2(a[:, 1], a[:, 0]) + np.pi / 4) / (np.pi / 2)).astype(int) % DIRECTIONS
            main = int(np.bincount(turn, minlength=DIRECTIONS).argmax())
            difference = np.linalg.norm(a, axis=1) - np.linalg.norm(b, axis=1)
            scores.append(_top_third(difference[turn == main]))
    return _top_third(np.array(scores))


def _top_third(values: Float64) -> float:
    count = max(1, len(values) // 3)
    return float(np.sort(values)[-count:].mean())


def mdmd_curve(frames: UInt8, k: int) -> Float64:
    """(T,) MDMD of every frame minus its moving average over 2k + 1; 0 where k frames are missing on a side."""
    pair, n = pair_flow(frames), len(frames)
    raw = np.zeros(n)
    for i in range(k, n - k):
        raw[i] = main_direction_difference(pair(i - k, i), pair(i - k, i + k))
    return np.asarray(raw - uniform_filter1d(raw, 2 * k + 1, mode="nearest"))


def region_flow(field: Float32) -> Float64:
    """(10, 2) px: mean flow of the regions."""
    h, w = field.shape[:2]
    out = []
    for x, y in (*REGIONS, *MOUTH):
        rows = slice(int((y - _HALF) * h), int((y + _HALF) * h) + 1)
        columns = slice(int((x - _HALF) * w), int((x + _HALF) * w) + 1)
        out.append(field[rows, columns].reshape(-1, 2).mean(axis=0))
    return np.asarray(out, dtype=np.float64)


def region_path(frames: UInt8) -> Float64:
    """(T, 10, 2) px: the regions' displacement relative to the nose, from the first frame on (OF-FD)."""
    pair = pair_flow(frames)
    return np.array([np.zeros((10, 2)) if t == 0 else region_flow(pair(0, t)) for t in range(len(frames))])


def of_fd_curve(path: Float64) -> Float64:
    """(T,) OF-FD: the largest displacement over the regions after a low-pass, minus its running level."""
    smooth = gaussian_filter1d(path, 1.5, axis=0, mode="nearest")
    size = np.linalg.norm(smooth, axis=2).max(axis=1)
    return np.asarray(size - gaussian_filter1d(size, max(4.0, len(size) / 6), mode="nearest"))


def principal_course(path: Float64) -> Float64:
    """(T, 10) each region's displacement along its principal direction; its largest part is positive."""
    out = np.empty(path.shape[:2])
    for r in range(path.shape[1]):
        centred = path[:, r] - path[:, r].mean(axis=0)
        axis = np.linalg.svd(centred, full_matrices=False)[2][0]
        course = path[:, r] @ axis
        out[:, r] = course if abs(course.max()) >= abs(course.min()) else -course
    return out


def s_pattern(course: Float64, points: int = 9) -> Float64:
    """(points,) SP-FD: a region's course resampled and brought to a largest value of 1; zeros if nothing moves."""
    at = np.linspace(0, len(course) - 1, points)
    seen = np.interp(at, np.arange(len(course)), course)
    top = np.abs(seen).max()
    return np.asarray(seen / top if top > 1e-3 else np.zeros(points))


def is_pattern(pattern: Float64) -> bool:
    """Whether a course is an expression's: it rises to a peak inside and comes back by half at least."""
    peak = int(np.argmax(pattern))
    inside = 0 < peak < len(pattern) - 1
    return bool(inside and pattern[peak] - max(pattern[0], pattern[-1]) >= 0.5)


def sp_fd_curve(path: Float64, half: int) -> Float64:
    """(T,) SP-FD: how many regions show the specific pattern in a window of ± half, weighed by their displacement."""
    course = principal_course(path)
    out = np.zeros(len(course))
    for t in range(half, len(course) - half):
        for r in range(course.shape[1]):
            window = course[t - half : t + half + 1, r]
            window = window - min(window[0], window[-1])
            if is_pattern(s_pattern(window)):
                out[t] += max(0.0, window[half])
    return out


def intervals_of(curve: Float64, half: int, p: float = 0.55) -> list[Interval]:
    """Peaks above mean + p (max − mean) as intervals of ± half frames; neighbours merged (MEGC's decision rule)."""
    if not len(curve) or curve.max() <= 0:
        return []
    level = float(curve.mean() + p * (curve.max() - curve.mean()))
    peaks, _ = find_peaks(np.pad(curve, 1), height=level, distance=max(1, half))
    found: list[Interval] = []
    for peak in (peaks - 1).tolist():
        first, last = max(0, peak - half), min(len(curve) - 1, peak + half)
        if found and first <= found[-1].offset - half // 2:
            found[-1] = Interval(found[-1].onset, last, "micro", score=max(found[-1].score, float(curve[peak])))
        else:
            found.append(Interval(first, last, "micro", score=float(curve[peak])))
    return found


def describe(frames: UInt8, which: str) -> Float32:
    """A clip's description for a classifier, by "mdmd", "of-fd" or "sp-fd".

    mdmd: per block the histogram of main directions onset → apex weighed by length; of-fd: the regions' displacement at
    the apex; sp-fd: the regions' patterns.
    """
    path = region_path(frames)
    apex = int(np.linalg.norm(path, axis=2).mean(axis=1).argmax())
    if which == "of-fd":
        return np.asarray(path[apex].ravel(), dtype=np.float32)
    if which == "sp-fd":
        return np.asarray(np.concatenate([s_pattern(c) for c in principal_course(path).T]), dtype=np.float32)
    return block_histograms(without_head(flow(frames[0], frames[max(apex, 1)])))


def block_histograms(field: Float32) -> Float32:
    """(6·6·4,) length of the flow by direction in each block, over the picture's total."""
    h, w = field.shape[:2]
    parts: list[Float64] = []
    for r in np.array_split(np.arange(h), BLOCKS):
        for c in np.array_split(np.arange(w), BLOCKS):
            a = field[r[:, None], c[None, :]].reshape(-1, 2).astype(np.float64)
            turn = np.floor((np.arctan2(a[:, 1], a[:, 0]) + np.pi / 4) / (np.pi / 2)).astype(int) % DIRECTIONS
            parts.append(np.bincount(turn, np.linalg.norm(a, axis=1), minlength=DIRECTIONS).astype(np.float64))
    out = np.concatenate(parts)
    return np.asarray(out / max(float(out.sum()), 1e-9), dtype=np.float32)


def half_length(lengths: Sequence[int]) -> int:
    """k' = ⌊(N + 1) / 2⌋ with N the mean of the training events' lengths (never the test subject's)."""
    return max(1, int((float(np.mean(lengths)) + 1) / 2)) if lengths else 1
