"""The panel beside the picture: the character doing what the main face does, bars for its action units, meters for its
expression.

The character is drawn from the measured values as they are, without smoothing: what flickers here flickers
in the take. While the main face is lost, character and bars keep their last pose.
"""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import apparent_rotation, local_rotation, quaternion_from_rotation
from mien.core.measures import ActionUnits
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema
from mien.sinks.overlay_drawing import INK, draw_text, person_colour, text_width
from mien.sinks.overlay_expression import Meters

_GROUND = (24, 28, 37)
_TRACK = (52, 58, 72)
_FAINT = (150, 158, 174)
_MEMORY_NS = 1_500_000_000
_MARGIN = 0.35
_LEAST_TEXTS = 4.8
"""Heights of text that a heading and one bar take."""
_OVERSAMPLE = 1.5
_RENDERED_PX = 220_000
"""Pixels drawn of the character at most: drawing costs about 60 ns each, a larger panel is scaled up."""


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
        from mien.avatar.builtin import builtin_character
        from mien.avatar.preview import Preview

        w, h = size_wh
        self._size_wh = size_wh
        scale = min(_OVERSAMPLE, np.sqrt(_RENDERED_PX / (w * h)))
        self._preview = Preview(builtin_character(), (max(8, round(w * scale)), max(8, round(h * scale))), 1)
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
                pose = face.head_pose
                self._head = quaternion_from_rotation(apparent_rotation(pose.rotation, pose.translation_mm))
            if face.gaze is not None:
                self._left = _eye(face.gaze.left_yaw_pitch_deg, self._left)
                self._right = _eye(face.gaze.right_yaw_pitch_deg, self._right)
        drawn = self._preview.render(self._weights, self._head, self._left, self._right)
        smaller = drawn.shape[1] > self._size_wh[0]
        mode = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(drawn, self._size_wh, interpolation=mode), np.uint8)


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
        self._labels = np.zeros((0, 0, 3), np.uint8)
        self._drawn: tuple[list[int], tuple[int, ...]] = ([], ())

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
            return sorted(order[:count].tolist())
        shown = list(self._shown)
        for candidate in order[:count].tolist():
            weakest = min(shown, key=lambda k: self._recent[k])
            if candidate not in shown and self._recent[candidate] > self._recent[weakest] + _MARGIN:
                shown[shown.index(weakest)] = candidate
        return sorted(shown)

    def draw(self, panel: UInt8, colour: tuple[int, int, int]) -> None:
        """Fill the panel. The subject's right side points left, as in the picture."""
        panel[:] = _GROUND
        h, w = panel.shape[:2]
        text = _text_px(w)
        row, head = text * 2.5, text * 1.9
        count = min(len(self._units), int((h - head - text * 0.4) // row))
        if count < 1 or not self._values:
            return
        self._shown = self._choose(count)
        if self._drawn != (self._shown, panel.shape):
            self._labels = panel.copy()
            self._drawn = (list(self._shown), panel.shape)
            self._draw_labels(self._labels, head, row, text)
        panel[:] = self._labels
        for place, unit in enumerate(self._shown):
            self._draw_bars(panel, self._units[unit], round(head + place * row + text * 1.45), colour)

    def _draw_labels(self, panel: UInt8, head: float, row: float, text: float) -> None:
        w = panel.shape[1]
        pad, small = w * 0.05, text * 0.92
        draw_text(panel, (pad, text * 0.5), "right", small, _FAINT)
        draw_text(panel, (w - pad - text_width("left", small), text * 0.5), "left", small, _FAINT)
        for place, unit in enumerate(self._shown):
            y = head + place * row
            name = self._units[unit]
            title = self._titles.get(name, "")
            reach = pad + draw_text(panel, (pad, y), name + " ", text, INK)
            if reach + text_width(title, small) < w - pad:
                draw_text(panel, (reach, y + text * 0.06), title, small, _FAINT)
            bar = round(y + text * 1.45)
            panel[bar : bar + self._bar_px(w), round(pad) : round(w - pad)] = _TRACK

    @staticmethod
    def _bar_px(panel_w: int) -> int:
        return max(4, round(panel_w / 52))

    def _draw_bars(self, panel: UInt8, unit: str, y: int, colour: tuple[int, int, int]) -> None:
        w = panel.shape[1]
        pad, middle, gap = w * 0.05, w / 2, max(1, round(w / 240))
        strip = panel[y : y + self._bar_px(w)]
        right, left = (self._values.get(f"{unit}_{side}", self._values.get(unit, float("nan"))) for side in "RL")
        if np.isfinite(right):
            strip[:, round(middle - (middle - pad) * min(max(right / 5, 0), 1)) : round(middle)] = colour
        if np.isfinite(left):
            strip[:, round(middle) : round(middle + (middle - pad) * min(max(left / 5, 0), 1))] = colour
        strip[:, round(middle) - gap : round(middle) + gap] = _GROUND


def _text_px(width: int) -> float:
    return float(np.clip(width / 22, 10.0, 26.0))


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
        if character and h - self._split < _LEAST_TEXTS * _text_px(w):
            self._split = h  # not even one bar would fit
        self._view = CharacterView((w, self._split)) if character else None
        self._bars = Bars() if bars else None
        self._meters = Meters()
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
            self._meters.see(None if face is None else face.expression)
            rest = h - self._meters.height_px((w, h - self._split))
            self._bars.draw(out[self._split : rest], self._colour)
            self._meters.draw(out[rest:], self._colour)
        return out
