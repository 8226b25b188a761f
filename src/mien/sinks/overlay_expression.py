"""Meters for the main face's expression: one bar per class, below the action units."""

from __future__ import annotations

import numpy as np

from mien.core.arrays import UInt8
from mien.core.measures import Expression
from mien.sinks.overlay_drawing import INK, draw_text, text_width

_GROUND = (24, 28, 37)
_TRACK = (52, 58, 72)
_FAINT = (150, 158, 174)
_LEFT_FREE = 6.0
"""Heights of text that the bars above need for a heading and a line; where they would not fit, there are no meters."""


class Meters:
    """Draws the probabilities of a face; while it is lost the last ones stay."""

    def __init__(self) -> None:
        self._last: Expression | None = None

    def see(self, expression: Expression | None) -> None:
        """Take the reading of this frame; None and unknown ones keep what was."""
        if expression is not None and np.isfinite(expression.values).any():
            self._last = expression

    def height_px(self, panel_wh: tuple[int, int]) -> int:
        """Room that they ask for at the bottom of a panel; 0 before the first reading."""
        w, h = panel_wh
        if self._last is None:
            return 0
        known = int(np.isfinite(self._last.values).sum())
        needed = round((known + 1) // 2 * _row_px(w) + 0.6 * _text_px(w))
        return needed if needed + _LEFT_FREE * _text_px(w) <= h else 0

    def draw(self, panel: UInt8, colour: tuple[int, int, int]) -> None:
        """Fill the panel (h, w, 3): two columns, the likeliest in full colour."""
        panel[:] = _GROUND
        expression = self._last
        h, w = panel.shape[:2]
        if expression is None or h == 0:
            return
        known = [k for k, v in enumerate(expression.values) if np.isfinite(v)]
        best = max(known, key=lambda k: expression.values[k])
        half = (len(known) + 1) // 2
        row = min(_row_px(w), h / half)
        text = min(_text_px(w), 0.55 * row)
        widest = max(text_width(expression.names[k], text) for k in known)
        text = max(1.0, text * min(1.0, 0.42 * w / widest))
        for place, k in enumerate(known):
            column, line = divmod(place, half)
            left, right = (round(w * (0.05 + 0.48 * column)), round(w * (0.47 + 0.48 * column)))
            y = line * row
            draw_text(panel, (left, y), expression.names[k], text, INK if k == best else _FAINT)
            bar = slice(round(y + 1.25 * text), round(y + 1.25 * text) + max(3, round(w / 70)))
            panel[bar, left:right] = _TRACK
            share = float(np.clip(expression.values[k], 0, 1))
            shade = np.asarray(colour, np.float32) * (1.0 if k == best else 0.6)
            panel[bar, left : left + round((right - left) * share)] = shade.astype(np.uint8)


def _text_px(width: int) -> float:
    return float(np.clip(width / 26, 9.0, 22.0))


def _row_px(width: int) -> float:
    return 2.0 * _text_px(width)
