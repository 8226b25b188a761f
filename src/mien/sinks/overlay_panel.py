"""The panel beside the picture: the character doing what the main face does, and bars for its action units.

The character is drawn from the measured values as they are, without smoothing: what flickers here flickers
in the take. While the main face is lost, character and bars keep their last pose.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import FRONTAL, local_rotation, quaternion_from_rotation
from mien.core.measures import ActionUnits
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema
from mien.sinks.overlay_drawing import INK, draw_text, person_colour, text_width

_GROUND = (24, 28, 37)
_TRACK = (52, 58, 72)
_FAINT = (150, 158, 174)
_MEMORY_NS = 1_500_000_000
_MARGIN = 0.35


class MainFace:
    """Whom the panel shows: the track seen in the most frames so far."""

    def __init__(self) -> None:
        self._seen: Counter[int | None] = Counter()

    def of(self, record: FrameRecord) -> Face | None:
        """The main face of this frame, None if it is not there."""
        self._seen.update(face.track_id for face in record.faces)
        if not self._seen:
            return None
        best = max(self._seen.values())
        leaders = {track for track, count in self._seen.items() if count == best}
        there = [f for f in record.faces if f.track_id in leaders]
        return max(there, key=lambda f: f.box.size_wh[0] * f.box.size_wh[1], default=None)


class CharacterView:
    """Draws the built-in character with the values of one face.

    Args:
        size_wh: size of the picture, px.
    """

    def __init__(self, size_wh: tuple[int, int]) -> None:
        from mien.avatar.builtin import builtin
        from mien.avatar.preview import Preview

        self._preview = Preview(builtin(), size_wh, 2 if size_wh[0] * size_wh[1] <= 90_000 else 1)
        self._weights = np.zeros(len(load_schema("arkit52")), np.float32)
        still = np.array([0, 0, 0, 1], np.float32)
        self._head, self._left, self._right = still, still, still

    def draw(self, face: Face | None) -> UInt8:
        """(H, W, 3) uint8 RGB; what `face` does not tell stays as it was."""
        if face is not None:
            if face.blendshapes is not None:
                values = face.blendshapes.values
                self._weights = np.where(np.isfinite(values), np.clip(values, 0, 1), self._weights)
            if face.head_pose is not None and np.isfinite(face.head_pose.rotation).all():
                self._head = quaternion_from_rotation(FRONTAL @ face.head_pose.rotation)
            if face.gaze is not None:
                self._left = _eye(face.gaze.left_yaw_pitch_deg, self._left)
                self._right = _eye(face.gaze.right_yaw_pitch_deg, self._right)
        picture: UInt8 = self._preview.render(self._weights, self._head, self._left, self._right)
        return picture


def _eye(yaw_pitch_deg: Float32, before: Float32) -> Float32:
    if not np.isfinite(yaw_pitch_deg).all():
        return before
    return quaternion_from_rotation(local_rotation(float(yaw_pitch_deg[0]), float(yaw_pitch_deg[1])))


class Bars:
    """Bars for the strongest action units; which ones are shown changes slowly, so that they can be read."""

    def __init__(self) -> None:
        self._units = list(dict.fromkeys(n.split("_")[0] for n in load_schema("facs").names))
        self._titles = load_schema("facs").attributes["titles"]
        self._recent = np.zeros(len(self._units))
        self._last_ns: int | None = None
        self._shown: list[int] = []
        self._values: dict[str, float] = {}

    def see(self, units: ActionUnits | None, t_ns: int) -> None:
        """Take the units of the main face in this frame (None: keep what was)."""
        passed = 0 if self._last_ns is None else max(0, t_ns - self._last_ns)
        self._last_ns = t_ns
        self._recent *= np.exp(-passed / _MEMORY_NS)
        if units is None:
            return
        self._values = dict(zip(units.names, units.values.tolist(), strict=True))
        self._recent = np.fmax(self._recent, [units[n] for n in self._units])

    def _choose(self, count: int) -> list[int]:
        order = np.argsort(-self._recent, kind="stable")
        if len(self._shown) != count:
            self._shown = order[:count].tolist()
        for candidate in order[:count].tolist():
            weakest = min(self._shown, key=lambda k: self._recent[k])
            if candidate not in self._shown and self._recent[candidate] > self._recent[weakest] + _MARGIN:
                self._shown[self._shown.index(weakest)] = candidate
        return sorted(self._shown)

    def draw(self, panel: UInt8, colour: tuple[int, int, int]) -> None:
        """Fill the panel. The subject's right side points left, as in the picture."""
        panel[:] = _GROUND
        h, w = panel.shape[:2]
        text = float(np.clip(w / 22, 10.0, 26.0))
        row = text * 2.55
        count = int((h - text) // row)
        if count < 1 or not self._values:
            return
        top = (h - count * row) / 2
        for place, unit in enumerate(self._choose(count)):
            self._draw_row(panel, self._units[unit], top + place * row, text, colour)

    def _draw_row(self, panel: UInt8, unit: str, y: float, text: float, colour: tuple[int, int, int]) -> None:
        w = panel.shape[1]
        pad, middle = w * 0.05, w / 2
        title = self._titles.get(unit, "")
        name_w = draw_text(panel, (pad, y), unit + " ", text, INK)
        if name_w + pad + text_width(title, text * 0.92) < w - pad:
            draw_text(panel, (pad + name_w, y + text * 0.06), title, text * 0.92, _FAINT)
        bar_y, bar_h = round(y + text * 1.45), max(3, round(text * 0.42))
        reach = middle - pad
        gap = max(1, round(w / 240))
        panel[bar_y : bar_y + bar_h, round(pad) : round(w - pad)] = _TRACK
        right = self._values.get(f"{unit}_R", self._values.get(unit, float("nan")))
        left = self._values.get(f"{unit}_L", self._values.get(unit, float("nan")))
        if np.isfinite(right):
            panel[bar_y : bar_y + bar_h, round(middle - reach * min(max(right / 5, 0), 1)) : round(middle)] = colour
        if np.isfinite(left):
            panel[bar_y : bar_y + bar_h, round(middle) : round(middle + reach * min(max(left / 5, 0), 1))] = colour
        panel[bar_y - gap : bar_y + bar_h + gap, round(middle) - gap : round(middle) + gap] = _GROUND


class Panel:
    """Character above, bars below.

    Args:
        size_wh: size of the panel, px.
        character, bars: what to show.
    """

    def __init__(self, size_wh: tuple[int, int], *, character: bool, bars: bool) -> None:
        w, h = size_wh
        self._size_wh = size_wh
        tall = min(h, w) if bars else h
        self._split = round(min(tall, h * 0.62)) if bars and character else h if character else 0
        self._view = CharacterView((w, self._split)) if character else None
        self._bars = Bars() if bars else None
        self._main = MainFace()
        self._colour = INK

    def draw(self, record: FrameRecord) -> UInt8:
        """(H, W, 3) uint8 RGB."""
        w, h = self._size_wh
        out = np.empty((h, w, 3), np.uint8)
        face = self._main.of(record)
        if face is not None:
            self._colour = person_colour(face.track_id)
        if self._view is not None:
            out[: self._split] = self._view.draw(face)
        if self._bars is not None:
            self._bars.see(None if face is None else face.action_units, record.stamp.t_ns)
            self._bars.draw(out[self._split :], self._colour)
        return out
