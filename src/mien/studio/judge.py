"""How a live run goes: rate, dropped frames, times, and what is wrong, in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from mien.action_units.reasons import unit_reasons
from mien.action_units.visibility import HIDDEN, TURNED
from mien.core.record import Face, FrameRecord
from mien.core.timebase import NS_PER_S
from mien.micro.spotter import rate_warning
from mien.sinks.take_judgement import BLURRED, BRIGHT, DARK, SMALL_PX, TURNED_DEG

LOW_RATE_HZ = 24.0
"""Below it blinks (100 ms and more) fall between frames."""
_KEEP_NS = 2 * NS_PER_S
_LEAST_FRAMES = 5
"""A rate is told of so many frames, however long they take: where two seconds hold fewer, it matters most."""


class LiveJudge:
    """Sees every record of a run; not for several threads.

    Args:
        spots: whether the run looks for micro-expressions, which ask for more frames a second.

    Attributes:
        frames, dropped: since the beginning; `dropped` by the numbers of the frames.
    """

    def __init__(self, *, spots: bool = False) -> None:
        self.frames = self.dropped = 0
        self._spots = spots
        self._stamps: deque[int] = deque()
        self._costs_ms: deque[float] = deque(maxlen=60)
        self._latencies_ms: deque[float] = deque(maxlen=60)
        self._stages: dict[str, deque[float]] = {}
        self._last: FrameRecord | None = None

    def see(self, record: FrameRecord) -> None:
        """A finished record."""
        stamp = record.stamp
        if self._last is not None:
            self.dropped += max(0, stamp.index - self._last.stamp.index - 1)
        self._last = record.slim()
        self.frames += 1
        self._stamps.append(stamp.t_ns)
        while len(self._stamps) > _LEAST_FRAMES and stamp.t_ns - self._stamps[0] > _KEEP_NS:
            self._stamps.popleft()
        self._costs_ms.append(sum(record.trace.stage_ns.values()) / 1e6)
        for name, cost_ns in record.trace.stage_ns.items():
            self._stages.setdefault(name, deque(maxlen=60)).append(cost_ns / 1e6)

    def ready(self, latency_ms: float) -> None:
        """A frame was packed so long after its capture."""
        self._latencies_ms.append(latency_ms)

    @property
    def fps(self) -> float:
        """Frames per second over the last two seconds or five frames, by the stamps; NaN = too few."""
        span_ns = self._stamps[-1] - self._stamps[0] if len(self._stamps) >= _LEAST_FRAMES else 0
        return (len(self._stamps) - 1) / span_ns * NS_PER_S if span_ns > 0 else float("nan")

    def times_ms(self) -> tuple[float, float, dict[str, float]]:
        """Medians: the pipeline's, from the capture to the packed frame, and of every stage."""
        stages = {n: _median(v) for n, v in self._stages.items()}
        return _median(self._costs_ms), _median(self._latencies_ms), stages

    def warnings(self, followed: int) -> list[str]:
        """What makes the numbers less certain right now."""
        out = []
        if self._spots and (slow := rate_warning(self.fps)) is not None:
            out.append(f"Frame rate: {slow}.")
        elif self.fps < LOW_RATE_HZ:
            out.append(f"Frame rate {self.fps:.0f}: blinks and micro-expressions fall between frames.")
        if self._last is None:
            return out
        face = next((f for f in self._last.faces if f.track_id == followed), None)
        face = face or next(iter(self._last.faces), None)
        if face is None:
            return [*out, "No face is found: come closer, face the camera, add light."]
        return [*out, *_seeing(face)]


def _seeing(face: Face) -> list[str]:
    out = []
    yaw = float("nan") if face.head_pose is None else float(face.head_pose.yaw_pitch_roll_deg[0])
    reasons = unit_reasons(face)
    turned = sorted({n for n, why in reasons.items() if why == TURNED})
    hidden = sorted({n.removesuffix("_L").removesuffix("_R") for n, why in reasons.items() if why == HIDDEN})
    if turned:
        out.append(f"Yaw {abs(yaw):.0f}°: the far side is not measured ({_few(turned)}).")
    elif abs(yaw) > TURNED_DEG:
        out.append(f"Yaw {abs(yaw):.0f}°: the far side of the face is less certain.")
    if hidden:
        out.append(f"Something hides part of the face: {_few(hidden)} not measured.")
    quality = face.quality
    if quality is None:
        return out
    if quality.sharpness < BLURRED:
        out.append("The face is blurred: small movements cannot be seen.")
    if quality.face_px < SMALL_PX:
        out.append(f"The face is small ({quality.face_px:.0f} px): come closer.")
    if quality.brightness < DARK:
        out.append("The face is dark: light it from the front.")
    if quality.brightness > BRIGHT:
        out.append("The face is overexposed: reduce the light.")
    return out


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _median(values: Sequence[float] | deque[float]) -> float:
    return float(np.median(values)) if values else 0.0
