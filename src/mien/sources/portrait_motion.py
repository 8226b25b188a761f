"""How the portrait moves: weights (ARKit names) and head angles in, points of the picture out.

`SCRIPT` is the performance as data. `points_at` places the landmarks (and the other moving skin) of a face
with given weights; `turn` turns points of the head in depth. All in pixels of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.core.arrays import AnyArray, Float32, Float64
from mien.core.geometry import local_rotation
from mien.sources.portrait import LOWER_LIDS, UPPER_LIDS, geometry, to_canvas

PERIOD_S = 9.0
PIVOT: Float64 = np.array([224.0, 150.0])
"""About which the head turns, at depth 0: the top of the neck."""


@dataclass(frozen=True, slots=True)
class Gesture:
    """One movement of the script.

    Attributes:
        peaks: channel (ARKit name, or "yaw", "pitch", "roll" in degrees) → value at the apex.
        onset_s, apex_s, release_s, offset_s: starts to move, is there, starts to return, is back.
    """

    peaks: Mapping[str, float]
    onset_s: float
    apex_s: float
    release_s: float
    offset_s: float

    def at(self, t_s: float) -> float:
        """0–1: how far it is carried out."""
        rise = (t_s - self.onset_s) / (self.apex_s - self.onset_s)
        fall = (self.offset_s - t_s) / (self.offset_s - self.release_s)
        return _ease(min(rise, fall))


def _ease(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * x * (x * (6 * x - 15) + 10)


def _both(**peaks: float) -> dict[str, float]:
    return {name + side: value for name, value in peaks.items() for side in ("Left", "Right")}


def _blink(t_s: float, *, left: float = 1.0, right: float = 1.0) -> Gesture:
    return Gesture({"eyeBlinkLeft": left, "eyeBlinkRight": right}, t_s, t_s + 0.1, t_s + 0.15, t_s + 0.32)


SCRIPT: tuple[Gesture, ...] = (
    _blink(0.12),
    Gesture(_both(mouthSmile=1.0, cheekSquint=0.7, browOuterUp=0.08), 0.45, 0.95, 1.3, 1.8),
    Gesture({"pitch": 2.0, "roll": 2.0}, 0.5, 1.0, 1.3, 1.9),
    Gesture({"browInnerUp": 1.0, **_both(browOuterUp=1.0)}, 1.85, 2.15, 2.5, 2.85),
    _blink(2.8),
    Gesture({**_both(browDown=1.0, mouthFrown=1.0), "pitch": -2.0}, 3.0, 3.4, 3.75, 4.15),
    Gesture({"jawOpen": 1.0}, 4.2, 4.6, 4.9, 5.25),
    Gesture({"yaw": 16.0}, 5.2, 5.65, 5.75, 6.25),
    _blink(6.0),
    Gesture({"yaw": -16.0}, 5.95, 6.5, 6.6, 7.15),
    Gesture({"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.8, "mouthSmileLeft": 0.3}, 7.2, 7.36, 7.46, 7.75),
    Gesture({"pitch": -8.0}, 7.75, 8.05, 8.1, 8.4),
    Gesture({"pitch": 6.0}, 8.2, 8.5, 8.55, 8.9),
)
SWAY = {"yaw": (0.8, 1, 0.0), "pitch": (0.6, 2, 1.0), "roll": (0.7, 1, 2.0)}
"""Nobody holds still: amplitude (degrees), turns per period, phase (radians)."""

CHANNELS = tuple(sorted({c for g in SCRIPT for c in g.peaks} - SWAY.keys()))
"""Blendshapes of the script."""


def weights_at(t_s: float) -> dict[str, float]:
    """ARKit name → 0–1 for every channel of the script, at a time within the period."""
    out = dict.fromkeys(CHANNELS, 0.0)
    for gesture in SCRIPT:
        amount = gesture.at(t_s)
        for name, peak in gesture.peaks.items():
            if name in out:
                out[name] = max(out[name], amount * peak)
    return out


def head_at(t_s: float) -> tuple[float, float, float]:
    """(yaw, pitch, roll) in degrees relative to the photograph, as `core.geometry` defines them."""
    angles = {}
    for axis, (amplitude, turns, phase) in SWAY.items():
        still = np.sin(phase)
        sway = amplitude * (np.sin(2 * np.pi * turns * t_s / PERIOD_S + phase) - still)
        angles[axis] = float(sway) + sum(g.at(t_s) * g.peaks.get(axis, 0.0) for g in SCRIPT)
    return angles["yaw"], angles["pitch"], angles["roll"]


def points_at(weights: Mapping[str, float]) -> Float64:
    """(98 + K, 2): landmarks and extras of the face with these weights, head as photographed."""
    g = geometry()
    rest = np.concatenate([g.points, g.extras])
    left = np.clip((rest[:, :1] - 218.5) / 10, 0, 1)
    smile = left * weights.get("mouthSmileLeft", 0.0) + (1 - left) * weights.get("mouthSmileRight", 0.0)
    moved = rest + (1 - smile) * g.shapes["relax"]
    for channel, shape in _SHAPES.items():
        moved = moved + weights.get(channel, 0.0) * g.shapes[shape]
    for upper, lower, name in zip(UPPER_LIDS, LOWER_LIDS, ("eyeBlinkRight", "eyeBlinkLeft"), strict=True):
        u, low = moved[list(upper)], moved[list(lower)]
        meeting = 0.14 * u + 0.86 * low
        close = 0.95 * weights.get(name, 0.0)  # what stays open is the dark line of the lashes
        moved[list(upper)], moved[list(lower)] = u + close * (meeting - u), low + close * (meeting - low)
    for u_i, l_i in ((89, 95), (90, 94), (91, 93)):
        if moved[u_i, 1] > moved[l_i, 1]:  # lips touch, they do not pass through each other
            moved[u_i] = moved[l_i] = (moved[u_i] + moved[l_i]) / 2
    return np.asarray(moved, dtype=np.float64)


_SHAPES = {
    "browInnerUp": "brow_inner_up",
    "browOuterUpLeft": "brow_outer_up_left",
    "browOuterUpRight": "brow_outer_up_right",
    "browDownLeft": "brow_down_left",
    "browDownRight": "brow_down_right",
    "mouthFrownLeft": "mouth_frown_left",
    "mouthFrownRight": "mouth_frown_right",
    "jawOpen": "jaw_open",
    "eyeBlinkLeft": "blink_left",
    "eyeBlinkRight": "blink_right",
    "cheekSquintLeft": "cheek_raise_left",
    "cheekSquintRight": "cheek_raise_right",
}


def depth(xy: AnyArray) -> Float64:
    """(...,) how far points of the photographed head lie in front of the neck's axis: an egg with a nose."""
    x, y = xy[..., 0] - 224.5 + 0.02 * (xy[..., 1] - 105), xy[..., 1]
    egg = 62 * np.exp(-0.9 * ((x / 52) ** 2 + ((y - 108) / 112) ** 2))
    nose = 22 * np.exp(-((x / 9) ** 2) - ((y - 125) / 10) ** 2) + 11 * np.exp(-((x / 7.5) ** 2) - ((y - 111) / 14) ** 2)
    return np.asarray(egg + nose, dtype=np.float64)


def turn(xy: AnyArray, z: npt.ArrayLike, yaw_pitch_roll_deg: tuple[float, float, float]) -> Float64:
    """(..., 2) points of the head at depth `z` after the head has turned; orthographic."""
    offset = np.stack([xy[..., 0] - PIVOT[0], PIVOT[1] - xy[..., 1], np.broadcast_to(z, xy.shape[:-1])], axis=-1)
    turned = offset @ local_rotation(*yaw_pitch_roll_deg).T
    return np.asarray(np.stack([PIVOT[0] + turned[..., 0], PIVOT[1] - turned[..., 1]], axis=-1), dtype=np.float64)


def landmarks_at(weights: Mapping[str, float], head_deg: tuple[float, float, float], size_px: int) -> Float32:
    """(98, 2) float32, px of a clip of `size_px` × `size_px`: where the landmarks are drawn, exactly."""
    xy = turn(points_at(weights)[:98], depth(geometry().points), head_deg)
    return to_canvas(xy, size_px).astype(np.float32)
