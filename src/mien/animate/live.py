"""From finished records to one steady signal: who is followed, what is held when it is lost, and calm.

Recognition stays raw; this is for characters only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from mien.animate.performance import FADE_NS
from mien.animate.signal import STILL, FaceSignal, signal_of
from mien.animate.smooth import ROTATIONS, SHAPE_FILTERS, OneEuro, sealed
from mien.core.arrays import Float64
from mien.core.record import Face, FrameRecord
from mien.core.timebase import NS_PER_S

SWITCH_NS = NS_PER_S
"""So long is somebody who is lost waited for before another face is followed."""


class Calm:
    """The 1€ filter (see `smooth.OneEuro`) for one sample at a time.

    Args:
        filters: filter and number of values, in order of the vector.
    """

    def __init__(self, *filters: tuple[OneEuro, int]) -> None:
        def spread(name: str) -> Float64:
            return np.concatenate([np.full(n, getattr(f, name), np.float64) for f, n in filters])

        self._minimum, self._beta, self._speed_cutoff = map(spread, ("min_cutoff_hz", "beta_s", "speed_cutoff_hz"))
        self._t_ns: int | None = None
        self._out: Float64 = np.zeros(len(self._minimum))
        self._speed: Float64 = np.zeros(len(self._minimum))

    def __call__(self, t_ns: int, values: Float64) -> Float64:
        """The calmed (N,) vector at a stamp later than the one before; the first comes back as it is."""
        if self._t_ns is None or t_ns <= self._t_ns:
            self._t_ns, self._out = t_ns, values
            return values
        step_s = (t_ns - self._t_ns) / NS_PER_S
        self._speed = self._speed + _alpha(step_s, self._speed_cutoff) * ((values - self._out) / step_s - self._speed)
        alpha = _alpha(step_s, self._minimum + self._beta * np.abs(self._speed))
        self._out = self._out + alpha * (values - self._out)
        self._t_ns = t_ns
        return self._out


class LiveFace:
    """One person's face, frame after frame.

    The biggest face is followed until it has been lost for a second. What a frame could not measure is what was last
    known. Not for several sources.

    Args:
        calm: smooth weights and turns.
        lost: "hold" keeps the last values of a lost face, "fade" makes them neutral within half a second, "nan" says
            that nothing is known (receivers that cannot be told so get zeros).
    """

    def __init__(self, *, calm: bool = True, lost: Literal["hold", "fade", "nan"] = "hold") -> None:
        self._calm = calm
        self._way = lost
        self._filter = _calm()
        self._followed: int | None = None
        self._seen_ns = 0
        self._last: FaceSignal | None = None

    def signal(self, record: FrameRecord) -> FaceSignal:
        """The signal of a finished record; `found` False and neutral before the first face."""
        t_ns = record.stamp.t_ns
        face = self._choose(record)
        if face is None:
            return self._lost(t_ns)
        if face.track_id != self._followed:
            self._filter = _calm()
            self._last = None
        self._followed, self._seen_ns = face.track_id, t_ns
        held = self._held(signal_of(record, face))
        out = self._calmed(held) if self._calm else held
        self._last = held
        return out

    def _choose(self, record: FrameRecord) -> Face | None:
        for face in record.faces:
            if self._last is not None and face.track_id == self._followed:
                return face
        if self._last is not None and record.stamp.t_ns - self._seen_ns < SWITCH_NS:
            return None
        return max(record.faces, key=lambda f: f.box.size_wh[0] * f.box.size_wh[1], default=None)

    def _held(self, now: FaceSignal) -> FaceSignal:
        before = self._last or FaceSignal(0, weights=np.zeros(52, np.float32))
        weights = np.where(np.isnan(now.weights), before.weights, now.weights)
        turns = []
        for name in ("head_xyzw", "left_eye_xyzw", "right_eye_xyzw"):
            new, old = getattr(now, name), getattr(before, name)
            turns.append(new if np.isfinite(new).all() else old if np.isfinite(old).all() else STILL)
        place = now.head_mm if np.isfinite(now.head_mm).all() else before.head_mm
        head, left, right = turns
        return replace(now, weights=weights, head_xyzw=head, left_eye_xyzw=left, right_eye_xyzw=right, head_mm=place)

    def _calmed(self, now: FaceSignal) -> FaceSignal:
        values = np.concatenate([now.weights, now.head_xyzw, now.left_eye_xyzw, now.right_eye_xyzw]).astype(np.float64)
        out = self._filter(now.t_ns, values)
        turns = out[52:].reshape(3, 4)
        head, left, right = (turns / np.linalg.norm(turns, axis=1, keepdims=True)).astype(np.float32)
        weights = sealed(now.weights, np.clip(out[:52], 0, 1).astype(np.float32))
        return replace(now, weights=weights, head_xyzw=head, left_eye_xyzw=left, right_eye_xyzw=right)

    def _lost(self, t_ns: int) -> FaceSignal:
        last = self._last
        if self._way == "nan":
            return FaceSignal(t_ns, 0 if last is None else last.track_id, False)
        if last is None:
            neutral = np.zeros(52, np.float32)
            return FaceSignal(t_ns, 0, False, neutral, STILL, STILL, STILL)
        if self._way == "hold":
            return replace(last, t_ns=t_ns, found=False)
        strength = np.float32(max(0.0, 1.0 - (t_ns - self._seen_ns) / FADE_NS))
        turns = [last.head_xyzw, last.left_eye_xyzw, last.right_eye_xyzw]
        head, left, right = (q * strength + STILL * (1 - strength) for q in turns)
        head, left, right = (q / np.linalg.norm(q) for q in (head, left, right))
        return replace(
            last,
            t_ns=t_ns,
            found=False,
            weights=last.weights * strength,
            head_xyzw=head,
            left_eye_xyzw=left,
            right_eye_xyzw=right,
        )


def _calm() -> Calm:
    return Calm(*((f, 1) for f in SHAPE_FILTERS), (ROTATIONS, 12))


def _alpha(step_s: float, cutoff_hz: Float64) -> Float64:
    rate: Float64 = 2.0 * np.pi * cutoff_hz * step_s
    return rate / (rate + 1.0)
