"""What the landmark backend sees of photos and of the built-in portrait, and what is read from it.

The portrait of the built-in clip (public domain) does what it is told, drawn with known weights; the photos are
generated faces that may be trained on. Gains of the solver, thresholds of the lids and limits of calm come from
these two and from rigs, never from clips of people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mien.action_units.features import features, front_view
from mien.action_units.lids import openings
from mien.action_units.neutral import activity
from mien.core.arrays import Float32, Float64, UInt8
from mien.core.measures import Box
from mien.core.schema import load_schema
from mien.sources.portrait_motion import landmarks_at
from mien.sources.portrait_render import Puppet

EVIDENCE_NAME = "evidence.npz"
_SIZE_PX = 640
_SIDES = ("Left", "Right")
_SMILE = {f"{n}{s}": w for n, w in (("mouthSmile", 1.0), ("cheekSquint", 0.7)) for s in _SIDES}
PERFORMED: dict[str, dict[str, float]] = {
    "mouthSmile": _SMILE,
    "jawOpen": {"jawOpen": 1.0},
    "browInnerUp": {"browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0},
    "browOuterUp": {"browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0},
    "browDown": {f"browDown{s}": 1.0 for s in _SIDES},
    "mouthFrown": {f"mouthFrown{s}": 1.0 for s in _SIDES},
    "half a blink": {f"eyeBlink{s}": 0.5 for s in _SIDES},
    "eyeBlink": {f"eyeBlink{s}": 1.0 for s in _SIDES},
}
"""What the portrait does, by the shape that is read. The brows of the portrait rise together, as in the clip."""
_TURNS = tuple((yaw, pitch, 0.0) for yaw in (-16.0, -8.0, 0.0, 8.0, 16.0) for pitch in (-8.0, -4.0, 0.0, 4.0, 8.0))
"""The portrait at rest in these poses shows how much the reading of one still face varies."""
_FRONTAL_DEG = 20.0
_LIPS = (90, 94)
_CLOSED = 0.012
"""Opening of closed lips at most, in units of the front view."""
_REST = len(_TURNS) // 2
TARGET = 0.95
"""What the portrait's full shape shall read."""
HIGHEST_GAIN = 1.4
"""More would amplify the trackers' noise as well."""
LOWERED = 0.27
"""How far open lids that follow a gaze lowered by 20° stay at least, from shut 0 to open 1: 0.38 of the opening where
shut is 0.15 of it, on nineteen of twenty ICT people."""
BROADEST_SMILE = 0.9
"""What the 95th percentile of the smiles on the photos shall read, where the neutral is unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """(N, 98, 2) points and (N, 2) apparent turns of faces, as the backend reports them."""

    xy_px: Float32
    yaw_pitch_rad: Float64

    def front(self, pitch_rad: float, reference: Float32) -> tuple[Float32, Float64]:
        """Front views and turns, the backend's zero of pitch taken off."""
        turns = self.yaw_pitch_rad - [0.0, pitch_rad]
        return front_view(self.xy_px, turns, reference), turns


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the backend saw.

    Attributes:
        photos: faces of the photos.
        portrait: the portrait at rest in the poses of `_TURNS`, then doing `PERFORMED`.
    """

    photos: Found
    portrait: Found

    def save(self, path: Path) -> None:
        """Write an .npz file."""
        np.savez(
            path,
            photos_xy=self.photos.xy_px,
            photos_turn=self.photos.yaw_pitch_rad,
            portrait_xy=self.portrait.xy_px,
            portrait_turn=self.portrait.yaw_pitch_rad,
        )

    @classmethod
    def read(cls, path: Path) -> Evidence:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as z:
            return cls(Found(z["photos_xy"], z["photos_turn"]), Found(z["portrait_xy"], z["portrait_turn"]))


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """What a backend's faces are like compared with the rig's.

    Attributes:
        offset_mm: (98, 2) float32: mean place of the points minus the rig's, front view, x left, y up.
        pitch_rad: what to take off the backend's pitch to have the rig's.
        backend: name of the landmark stage, e.g. "landmarks/hrnet98".
    """

    offset_mm: Float32
    pitch_rad: float
    backend: str

    def save(self, path: Path) -> None:
        """Write an .npz file."""
        np.savez(path, offset_mm=self.offset_mm, pitch_rad=self.pitch_rad, backend=self.backend)

    @classmethod
    def read(cls, path: Path) -> Gap:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as z:
            return cls(z["offset_mm"].astype(np.float32), float(z["pitch_rad"]), str(z["backend"]))


def portrait_faces() -> Iterator[tuple[UInt8, Box]]:
    """Pictures of the portrait with its box: at rest in every pose of `_TURNS`, then every entry of `PERFORMED`."""
    puppet = Puppet(_SIZE_PX)
    still = (0.0, 0.0, 0.0)
    for weights, head in (*(({}, t) for t in _TURNS), *((w, still) for w in PERFORMED.values())):
        xy = landmarks_at(weights, head, _SIZE_PX)
        corners = np.concatenate([xy.min(axis=0), xy.max(axis=0)]).astype(np.float32)
        yield puppet.draw(weights, head), Box(corners, 1.0)


class Reader(Protocol):
    """(B, FEATURES) → (B, 52) unclipped weights before performance gains."""

    def __call__(self, x: Float32, /) -> Float32: ...


def _columns(name: str) -> list[int]:
    return [i for i, n in enumerate(load_schema("arkit52").names) if n.startswith(name)]


def performance_gains(read: Reader, seen: Evidence, pitch_rad: float, reference: Float32) -> dict[str, float]:
    """Start of a shape's name → what to multiply it by so that the portrait's full shape reads `TARGET`.

    browDown takes the gain of the raised brows: the portrait's own frown hardly moves the backend's brows.
    """
    front, turns = seen.portrait.front(pitch_rad, reference)
    done = slice(len(_TURNS), None)
    rest = np.broadcast_to(front[_REST], front[done].shape)
    out = read(features(front[done], rest, turns[done], reference))
    names = list(PERFORMED)
    gains = {}
    for name in ("mouthSmile", "jawOpen", "browInnerUp", "browOuterUp"):
        amount = float(out[names.index(name), _columns(name)].mean())
        gains[name] = float(np.clip(TARGET / max(amount, 0.1), 1.0, HIGHEST_GAIN))
    gains["browDown"] = (gains["browInnerUp"] + gains["browOuterUp"]) / 2
    return gains


def stranger_smile_gain(read: Reader, seen: Evidence, pitch_rad: float, reference: Float32) -> float:
    """What to multiply mouthSmile by where the neutral is unknown: people's mouths differ, few of them smile fully."""
    views, turns = _frontal(seen, pitch_rad, reference)
    smiles = read(features(views, None, turns, reference))[:, _columns("mouthSmile")].mean(axis=1)
    return float(np.clip(BROADEST_SMILE / max(float(np.quantile(smiles, 0.95)), 0.1), 0.5, HIGHEST_GAIN))


def _frontal(seen: Evidence, pitch_rad: float, reference: Float32) -> tuple[Float32, Float64]:
    views, turns = seen.photos.front(pitch_rad, reference)
    frontal = np.abs(np.degrees(turns)).max(axis=1) < _FRONTAL_DEG
    return views[frontal], turns[frontal]


def calm_faces(views: Float32) -> npt.NDArray[np.bool_]:
    """(N,) which of nearly frontal (N, 98, 2) front views have a closed mouth that is not wide and not turned up."""
    closed = views[:, _LIPS[0], 1] - views[:, _LIPS[1], 1] < _CLOSED
    if not closed.any():
        return np.asarray(closed)
    width = views[:, 82, 0] - views[:, 76, 0]
    corners = views[:, [76, 82], 1].mean(axis=1) - views[:, list(_LIPS), 1].mean(axis=1)
    calm = (corners <= np.quantile(corners[closed], 0.6)) & (width <= np.quantile(width[closed], 0.7))
    return np.asarray(closed & calm)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the stage's constants are read from.

    Attributes:
        shut: openings of the portrait's lids in a full and in half a blink, relative to rest.
        lowered: 1st, 5th and 50th percentile of the photos' openings (calm or not) relative to the mean face.
        smile: 50th and 95th percentile of mouthSmile on the photos, neutral unknown.
        calm: part → highest activity on the calm photos, neutral unknown.
        spread: part → standard deviation of its activity on the portrait at rest in several poses.
    """

    shut: tuple[float, float]
    lowered: tuple[float, float, float]
    smile: tuple[float, float]
    calm: dict[str, float]
    spread: dict[str, float]

    @property
    def lids(self) -> Float32:
        """(2,) openings of a shut and an open eye for `action_units.lids`: a little above the portrait's shut eye, and
        `LOWERED` of the way from it to the open one, below which lids do not follow a lowered gaze."""
        shut = self.shut[0]
        return np.array([shut + 0.01, shut + LOWERED * (1 - shut)], dtype=np.float32)


def limits(read: Reader, seen: Evidence, pitch_rad: float, reference: Float32) -> Limits:
    """See `Limits`; `read` with everything that ships."""
    front, turns = seen.portrait.front(pitch_rad, reference)
    names = list(PERFORMED)
    usual = openings(front[_REST])
    shut = [float((openings(front[len(_TURNS) + names.index(n)]) / usual).mean()) for n in ("eyeBlink", "half a blink")]
    rest = read(features(front[: len(_TURNS)], None, turns[: len(_TURNS)], reference))
    still = [activity(row) for row in np.clip(rest, 0.0, 1.0)]
    views, photo_turns = _frontal(seen, pitch_rad, reference)
    opened = np.concatenate([openings(v) for v in views]) / float(openings(reference[:, :2]).mean())
    weights = np.clip(read(features(views, None, photo_turns, reference)), 0.0, 1.0)
    smiles = weights[:, _columns("mouthSmile")].mean(axis=1)
    seen_active = [activity(row) for row in weights[calm_faces(views)]]
    low, lower, middle = np.quantile(opened, [0.01, 0.05, 0.5])
    return Limits(
        (shut[0], shut[1]),
        (float(low), float(lower), float(middle)),
        (float(np.quantile(smiles, 0.5)), float(np.quantile(smiles, 0.95))),
        {p: max(a[p] for a in seen_active) for p in seen_active[0]},
        {p: float(np.std([a[p] for a in still])) for p in still[0]},
    )
