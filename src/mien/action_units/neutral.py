"""The person's own neutral face, learned while watching.

Per part of the face (brows, eyes, mouth and jaw) a running mean of the front view over calm frames. Calm is judged
by what the solver reads without knowing the person: near the calmest that this person was seen, and not far
from how calm people are. So a smile that is held from the first frame on is not learned, unless it is slight and the
face plainly looks calm (`without_excess`), and nothing the neutral gets wrong can reinforce itself. All times are
seconds; frame rates do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from mien.core.arrays import Float32, Float64
from mien.core.schema import load_schema

PARTS: Mapping[str, tuple[int, ...]] = {
    "brows": tuple(range(33, 51)),
    "eyes": (*range(60, 76), 96, 97),
    "mouth": (*range(33), *range(51, 60), *range(76, 96)),
}
_ACTIVITY: Mapping[str, Mapping[str, float]] = {
    "brows": {"browDown": 0.5, "browInnerUp": 1.0, "browOuterUp": 0.5},
    "eyes": {"eyeBlink": 1.0, "eyeWide": 0.5, "eyeSquint": 0.3},
    "mouth": {"jaw": 1.0, "mouthSmile": 1.0, "mouth": 0.5, "cheekPuff": 0.3},
}
_CALM_AT_MOST = {"brows": 0.8, "eyes": 0.25, "mouth": 0.95}
"""Activity above which nobody is taken to be calm; the first guess of a person's calm. The most active of the calm
faces on generated photos (0.69, 0.16, 0.75) and about one spread, as `mien.lab.train.landmark_evidence` reads them;
brows at 0.7 cost eight drawn people of the val split 0.004 of their shapes' r."""
_SPREAD = {"brows": 0.1, "eyes": 0.1, "mouth": 0.2}
"""How much one still face varies: standard deviation over the poses of the built-in portrait at rest (0.00, 0.09,
0.20), at least 0.1."""
_FOLLOWS_DOWN_S, _FOLLOWS_UP_S = 1.0, 60.0
"""Calm follows quickly downwards, but not every dip of a reading that flickers, and creeps upwards. With 0.3 s for down
eight drawn people of the val split, on whom this was chosen, were known later (shapes' r 0.712 instead of 0.718)."""
_LONGEST_STEP_S = 0.25
_SETTLED_S = 3600.0
"""Calm time that a calibrated neutral counts as."""
ASYMMETRY_KEPT = 0.4
"""Share of a neutral's difference between left and right that is believed."""
_POINTS = {name: np.array(points) for name, points in PARTS.items()}
_MIRROR = np.array([-1, 1], dtype=np.float32)


def part_of_shape() -> tuple[str, ...]:
    """For each of the 52 shapes the part whose neutral it hangs on."""
    names = load_schema("arkit52").names
    return tuple("brows" if n.startswith("brow") else "eyes" if n.startswith("eye") else "mouth" for n in names)


@cache
def _shares() -> Float64:
    """(parts, 52): how much a shape counts for the activity of a part."""
    names = load_schema("arkit52").names
    rows = [[next((s for k, s in _ACTIVITY[p].items() if n.startswith(k)), 0.0) for n in names] for p in PARTS]
    return np.array(rows, dtype=np.float64)


def activity(weights: Float32) -> dict[str, float]:
    """How much each part of the face does, from (52,) weights; NaN counts as nothing."""
    amounts = _shares() @ np.nan_to_num(weights)
    return {part: float(a) for part, a in zip(PARTS, amounts, strict=True)}


def without_excess(activities: Mapping[str, float], calmness: float) -> dict[str, float]:
    """Activities of a face that looks calm as a whole: a face's own features may then read as much again as anybody at
    rest does before it counts as doing something.

    Where it plainly looks calm that is forgiven entirely, and a slight smile that passes for calm is learned, too;
    where calm is only likelier than not, hardly anything is.

    Args:
        activities: of `activity`.
        calmness: 0–1 (`mood.calmness`), the share of the excess that is forgiven.
    """
    return {
        part: value - calmness * min(max(value - _CALM_AT_MOST[part], 0.0), _CALM_AT_MOST[part])
        for part, value in activities.items()
    }


def less_crooked(front: Float32) -> Float32:
    """(..., 98, 2): faces are nearly symmetric; what was covered or turned away while learning is no crooked mouth."""
    mirrored = front[..., load_schema("wflw98").mirror, :] * _MIRROR
    return np.asarray(front + (1 - ASYMMETRY_KEPT) / 2 * (mirrored - front), dtype=np.float32)


@dataclass(slots=True)
class _Part:
    calm: float
    seconds: float = 0.0


@dataclass(slots=True)
class Neutral:
    """One person's neutral.

    Attributes:
        horizon_s: how long the mean remembers calm time.
        trust_s: calm time after which the neutral counts for half.
    """

    horizon_s: float = 20.0
    trust_s: float = 0.4
    front: Float64 = field(default_factory=lambda: np.zeros((98, 2)))
    _parts: dict[str, _Part] = field(default_factory=lambda: {n: _Part(calm=c) for n, c in _CALM_AT_MOST.items()})
    _last_ns: int | None = None

    @classmethod
    def settled(cls, front: Float32) -> Neutral:
        """One that is known from a calibration: (98, 2) front view, every point known."""
        out = cls(front=np.asarray(front, dtype=np.float64))
        for part in out._parts.values():
            part.seconds = _SETTLED_S
        return out

    def saw(self, t_ns: int) -> bool:
        """True if a frame of this time or later was learned from."""
        return self._last_ns is not None and t_ns <= self._last_ns

    def known(self, part: str) -> float:
        """0 = nothing known of this part's neutral, towards 1 = settled."""
        s = self._parts[part].seconds
        return s * s / (s * s + self.trust_s * self.trust_s)

    def shape(self, mean_face: Float32) -> Float32:
        """(98, 2) front view of the neutral; the mean face where nothing is known."""
        out = np.asarray(mean_face[:, :2], dtype=np.float32).copy()
        for name, points in _POINTS.items():
            if self._parts[name].seconds > 0:
                out[points] = self.front[points]
        return less_crooked(out)

    def learn(self, t_ns: int, front: Float32, activities: Mapping[str, float], trust: float) -> Mapping[str, float]:
        """See one frame. The first teaches nothing but when time starts.

        Args:
            t_ns: its stamp; must grow.
            front: (98, 2) front view; NaN points teach nothing.
            activities: of `activity`.
            trust: 0–1, how much this view can be relied on (pose, landmark confidence).

        Returns:
            Of each part, how much of the new mean is this frame: 1 = all of it, 0 = it taught nothing.
        """
        shares = dict.fromkeys(PARTS, 0.0)
        # A frame counts for the time since the one before; of the first nobody knows how long it lasted.
        before, self._last_ns = self._last_ns, t_ns
        if before is None or t_ns <= before:
            return shares
        dt = min((t_ns - before) / 1e9, _LONGEST_STEP_S)
        seen = np.isfinite(front).all(axis=1)
        for name, points in _POINTS.items():
            part = self._parts[name]
            gap = activities[name] - part.calm
            weight = trust * float(np.exp(-((max(gap, 0.0) / _SPREAD[name]) ** 2)))
            rate = 1 - float(np.exp(-dt / (_FOLLOWS_DOWN_S if gap < 0 else _FOLLOWS_UP_S)))
            part.calm = min(part.calm + rate * gap * trust, _CALM_AT_MOST[name])
            at = points[seen[points]]
            if weight < 0.02 or not len(at):
                continue
            fresh = part.seconds == 0.0
            part.seconds += weight * dt
            share = 1.0 if fresh else weight * dt / min(part.seconds, self.horizon_s)
            self.front[at] += share * (front[at] - self.front[at])
            shares[name] = share
        return shares
