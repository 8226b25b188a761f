"""From frames of one person to a profile: the face at rest, offset and gain of every shape and side, and what gestures
are misread as.

How ranges are found: `ranges`. Where the guide was followed, the reach of what it asked for is known, and what else is
read meanwhile is wrong, but for what moves along on real faces (`guide.Step.along`): how much of it there is per
gesture is the profile's `leaks`. In any other clip nobody says how far a face went or what it did; only what was
plainly done is stretched, by little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mien.action_units.guide import Step, step_at
from mien.action_units.landmark_solver import LandmarkSolver
from mien.action_units.leaks import leaks_of
from mien.action_units.neutral import PARTS, activity
from mien.action_units.profile import Profile
from mien.action_units.ranges import (
    BLINKS,
    CALM_SHARE,
    CLIP_QUANTILE,
    LEAST_FRAMES,
    blink_peaks,
    looks_of,
    quantile,
    ranges_of,
)
from mien.core.arrays import Float32, Int64
from mien.core.record import Face
from mien.core.schema import load_schema
from mien.errors import RequestError

SETTLES_S = 2.5
"""After so much calm nine tenths of the face at rest are known (`Neutral.known`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What a calibration found.

    Attributes:
        profile: to be written.
        t_ns: (T,) int64 frames that were used.
        before, after: (T, 52) float32 weights of the clip as it was read, and the same by the profile's arithmetic (not
            read anew with the profile's face at rest from the first frame on); NaN = not measured.
        step: (T,) number of the guide's step, -1 = none.
    """

    profile: Profile
    t_ns: Int64
    before: Float32
    after: Float32
    step: Int64

    def numbers(self) -> dict[str, dict[str, float]]:
        """Shape → rest and reach, before and after: median over the frames at rest, 99th percentile over all."""
        rest = self._rest()
        out = {}
        for i, name in enumerate(load_schema("arkit52").names):
            row = {}
            for word, values in (("before", self.before[:, i]), ("after", self.after[:, i])):
                if np.isfinite(values).any():
                    row[f"rest_{word}"] = quantile(values[rest], 0.5)
                    row[f"reach_{word}"] = quantile(values, CLIP_QUANTILE)
            if row:
                out[name] = row
        return out

    def blinks(self) -> dict[str, float]:
        """Number of blinks and the median of their peaks before and after, over both eyes; NaN without a blink."""
        found = {}
        for word, values in (("before", self.before), ("after", self.after)):
            peaks = np.concatenate([blink_peaks(self.t_ns, values[:, i]) for i in BLINKS])
            found[f"peak_{word}"] = float(np.median(peaks)) if len(peaks) else float("nan")
            found[f"count_{word}"] = len(peaks) / 2
        return found

    def _rest(self) -> npt.NDArray[np.bool_]:
        if (self.step == 0).any():
            return np.asarray(self.step == 0)
        level = np.nan_to_num(self.after).sum(axis=1)
        return np.asarray(level <= np.quantile(level, CALM_SHARE))


def fit(
    frames: Sequence[tuple[int, Face]],
    solver: LandmarkSolver,
    facts: Mapping[str, str | float | bool],
    guide: Sequence[Step] | None = None,
    own: Float32 | None = None,
    *,
    pictures: bool = True,
) -> Calibration:
    """Fit a profile.

    Args:
        frames: ns and face of one person, ascending, with the blendshapes that a preset without a profile read.
        solver: the preset's.
        facts: stored in the profile.
        guide: the steps that were followed from the first frame on; None = any clip.
        pictures: whether frames came with pictures.
        own: (52,) of `LandmarkSolver.at_rest` after the last frame; None or NaN = the pixel reader met no face at rest.

    Raises:
        RequestError: too few frames with a face, or the face was never seen whole.
    """
    used = [(t, f) for t, f in frames if f.landmarks is not None and f.head_pose is not None]
    if len(used) < LEAST_FRAMES:
        raise RequestError(
            f"a face with landmarks and head pose in {len(used)} frames; a calibration needs {LEAST_FRAMES} at least"
        )
    t_ns = np.array([t for t, _ in used], dtype=np.int64)
    steps = [-1 if guide is None else step_at(guide, int(t - t_ns[0])) for t in t_ns.tolist()]
    step = np.array([-1 if s is None else s for s in steps], dtype=np.int64)
    before = np.array([np.full(52, np.nan) if f.blendshapes is None else f.blendshapes.values for _, f in used])
    before = before.astype(np.float32)
    neutral = _neutral(solver, used, before, step)
    familiar = np.where(_settled(t_ns, step)[:, None], before, np.float32(np.nan))
    offset, gain, seen = ranges_of(t_ns, familiar, step, guide, solver.reliability)
    rested = own if own is not None and np.isfinite(own).all() else None
    looks = looks_of(familiar[step == 0]) if rested is not None else np.zeros((2, 2), np.float32)
    ranged = Profile(solver.calibrates(pictures=pictures), neutral, offset, gain, facts, seen, (), rested, looks)
    leaks = () if guide is None else leaks_of(ranged.applied(familiar), step, guide)
    profile = replace(ranged, leaks=leaks)
    return Calibration(profile, t_ns, before, profile.applied(before), step)


def _settled(t_ns: Int64, step: Int64) -> npt.NDArray[np.bool_]:
    """(T,) frames before which the preset had time to learn the face at rest: before, it read a stranger's face, which
    looks more expressive than its owner's. Of a short rest the second half."""
    since = (t_ns - t_ns[0]) / 1e9
    rest = since[step == 0]
    return np.asarray(since >= min(SETTLES_S, (rest[-1] if len(rest) else since[-1]) / 2))


def _neutral(solver: LandmarkSolver, used: Sequence[tuple[int, Face]], read: Float32, step: Int64) -> Float32:
    """(98, 2) median front view at rest, part by part.

    Raises:
        RequestError: a point was never seen at rest.
    """
    fronts = [solver.front(face) for _, face in used]
    views = np.stack([np.full((98, 2), np.nan, np.float32) if f is None else f for f in fronts])
    active = [activity(row) for row in np.nan_to_num(read)]
    out: Float32 = np.empty((98, 2), np.float32)
    for part, points in PARTS.items():
        level = np.array([a[part] for a in active])
        rest = step == 0 if (step == 0).any() else level <= np.quantile(level, CALM_SHARE)
        if part == "eyes":  # blinks during the rest are no rest
            rest = rest & (level <= np.quantile(level[rest], 0.7))
        at = list(points)
        known = np.isfinite(views[rest][:, at]).all(axis=2).sum(axis=0)
        if (known < 3).any():
            raise RequestError(f"the {part} were not seen well enough at rest: turn the face to the camera, into light")
        out[at] = np.nanmedian(views[rest][:, at], axis=0)
    return out
