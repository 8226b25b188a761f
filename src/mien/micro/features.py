"""What a candidate is judged by: lengths, strength, where in the face, lids, head, light, neighbours; plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, Int64
from mien.micro.candidates import SCALES, STEP_S, Band, Candidate
from mien.micro.grid import Grid
from mien.micro.regions import load_regions

GROUPS: tuple[tuple[str, ...], ...] = (
    ("forehead_R", "forehead_L", "forehead_C"),
    ("glabella",),
    ("brow_inner_R", "brow_inner_L"),
    ("brow_middle_R", "brow_middle_L"),
    ("brow_outer_R", "brow_outer_L"),
    ("lid_upper_R", "lid_upper_L"),
    ("lid_lower_R", "lid_lower_L"),
    ("eye_outer_R", "eye_outer_L", "eye_inner_R", "eye_inner_L"),
    ("pouch_R", "pouch_L", "cheek_R", "cheek_L"),
    ("bridge", "nose_tip"),
    ("nose_wing_R", "nose_wing_L", "fold_R", "fold_L"),
    ("mouth_corner_R", "mouth_corner_L"),
    ("lip_upper_R", "lip_upper_L", "lip_upper_C"),
    ("lip_lower_R", "lip_lower_L", "lip_lower_C"),
    ("chin", "jaw_R", "jaw_L"),
)
SIGNED = ("brow_inner", "brow_outer", "lid_upper", "lid_lower", "pouch", "cheek", "nose_wing", "mouth_corner")
SIGNED_MIDDLE = ("glabella", "lip_upper_C", "lip_lower_C", "chin")
_LIDS = ("lid_upper_R", "lid_upper_L")
_LOWER = tuple(GROUPS[k] for k in (11, 12, 13, 14))
_FULL = 0.02
"""Displacement, in eye distances, at which a signed feature is at 0.76 of its range."""


@cache
def _members() -> tuple[Int64, ...]:
    names = load_regions().names
    return tuple(np.array([names.index(n) for n in group], dtype=np.int64) for group in GROUPS)


@cache
def feature_names() -> tuple[str, ...]:
    """Names of the features, in order."""
    return (
        *("length", "rise", "fall", "energy", "height", "size", "back before", "back after"),
        *(f"z {group[0]}" for group in GROUPS),
        *(f"{axis} {name}" for name in (*SIGNED, *SIGNED_MIDDLE) for axis in ("out", "down")),
        *("uneven", "lids near", "lids in", "lids before", "head speed", "head speed around", "head before"),
        *("misfit", "light step", "light around", "busy before", "busy after", "talk before", "talk after"),
        *("rate", "pixels", "broken", "noise", *(f"scale {k}" for k in range(len(SCALES)))),
    )


def features_of(grid: Grid, bands: Sequence[Band], found: Sequence[Candidate]) -> Float32:
    """(C, F) float32, F = len(feature_names())."""
    if not found:
        return np.zeros((0, len(feature_names())), dtype=np.float32)
    context = _Context(grid, bands)
    return np.array([context.row(c) for c in found], dtype=np.float32)


class _Context:
    """What is the same for all candidates of a grid."""

    def __init__(self, grid: Grid, bands: Sequence[Band]) -> None:
        names = load_regions().names
        self.grid, self.bands = grid, bands
        fine = bands[0]
        rest = fine.smooth - fine.slow
        self.lids = rest[:, [names.index(n) for n in _LIDS], 1].mean(axis=1)
        lower = np.concatenate([_members()[GROUPS.index(g)] for g in _LOWER])
        self.talk = np.linalg.norm(rest[:, lower], axis=2).mean(axis=1) / float(fine.noise[lower].mean())
        self.speed = np.linalg.norm(grid.head * [1, 1, 1, 1, 0.3, 0.3, 0.3, 0.3], axis=1)
        known = np.isfinite(grid.light)
        self.light = np.where(known, grid.light, 0.0)
        self.pixels = bool(known.any())

    def row(self, c: Candidate) -> Float64:
        """One candidate."""
        grid, band = self.grid, self.bands[c.scale]
        length, rise, fall = (c.offset - c.onset) * STEP_S, (c.apex - c.onset) * STEP_S, (c.offset - c.apex) * STEP_S
        size = np.linalg.norm(c.moved, axis=1)
        shape = [np.log(length), np.log(rise), np.log(fall), np.log1p(c.energy), np.log1p(c.height)]
        shape += [np.log(size.max() * 1000 + 0.1), *c.back]
        places = [np.log1p(c.z[m].max()) for m in _members()]
        inside, around = self._rows(c.onset, c.offset), self._rows(c.onset - 60, c.offset + 60)
        before, after = self._rows(c.onset - 100, c.onset), self._rows(c.offset, c.offset + 100)
        near = self._rows(c.apex - 15, c.apex + 15)
        lids = self.lids
        eyes = [_squashed(lids[near].max()), _squashed(lids[inside].max()), _squashed(lids[before].max())]
        head = [np.log1p(100 * _rms(self.speed[rows])) for rows in (inside, around, before)]
        light = self.light
        change = [abs(light[inside].max() - light[inside].min()), float(light[around].std())]
        energy = self.bands[0].energy
        busy = [np.log1p(float(np.median(energy[rows]))) for rows in (before, after)]
        talk = [np.log1p(_rms(self.talk[rows])) for rows in (before, after)]
        facts = [np.log(grid.rate_hz), float(self.pixels), float(grid.broken[inside].any())]
        one_of = [float(c.scale == k) for k in range(len(SCALES))]
        tail = [np.log1p(1000 * float(grid.misfit[inside].mean())), *np.log1p(change), *busy, *talk]
        noise = np.log(1000 * float(np.median(band.noise)))
        return np.array(
            [*shape, *places, *_signed(c.moved), _uneven(size), *eyes, *head, *tail, *facts, noise, *one_of]
        )

    def _rows(self, first: float, last: float) -> slice:
        n = len(self.grid)
        start = int(np.clip(np.floor(first), 0, n - 1))
        return slice(start, int(np.clip(np.ceil(last) + 1, start + 1, n)))


def _rms(values: npt.NDArray[np.float32] | npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _squashed(value: npt.ArrayLike) -> float:
    return float(np.tanh(np.asarray(value) / _FULL))


def _signed(moved: Float64) -> list[float]:
    """Both sides' mean, outwards and downwards."""
    index = load_regions().index
    out = []
    for name in SIGNED:
        right, left = moved[index(f"{name}_R")], moved[index(f"{name}_L")]
        out += [_squashed((left[0] - right[0]) / 2), _squashed((left[1] + right[1]) / 2)]
    for name in SIGNED_MIDDLE:
        x, y = moved[index(name)]
        out += [abs(_squashed(x)), _squashed(y)]
    return out


def _uneven(size: Float64) -> float:
    """How much more one side moves than the other, 0–1."""
    mirror = load_regions().mirror
    return float(np.abs(size - size[mirror]).sum() / max(float((size + size[mirror]).sum()), 1e-9))
