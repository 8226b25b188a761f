"""A performance without a camera: acts, blinks, eyes and head as arrays at the frames' times.

Everything is a function of time in seconds; the frame rate only says how often it is looked at. Two scripts that differ
in one event differ in that event alone: each has random numbers of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.animate import idle
from mien.animate.emotion import Lean, load_limits
from mien.animate.expression_graph import ExpressionGraph
from mien.animate.motion import Pulse, weights
from mien.animate.plan import Act, plan
from mien.animate.profile import load_profile
from mien.animate.script import Script
from mien.animate.spline import Times, activation, sampled
from mien.core.arrays import Float32, Float64, Int64
from mien.core.record import Event
from mien.core.schema import load_schema
from mien.core.timebase import NS_PER_S

TAIL_S = 0.6
"""Of a script that does not say its length, behind the last event."""
EMPTY_S = 3.0
_TURNS_PER_MINUTE = 1.5
_FULL = 5.0
_STREAMS = ("blinks", "head", "gaze", "thinning", "lean")
_HEAD_SHARE = 0.6
"""A person who performs for a camera keeps the head calmer than one who looks around."""


@dataclass(frozen=True, slots=True, eq=False)
class Generated:
    """What a face does, frame by frame; T frames.

    Attributes:
        t_ns: (T,) int64 from 0, the nearest nanosecond to k / fps.
        units: (T, 42) float32 schema "facs", 0–5, without blinks.
        weights: (T, 52) float32 schema "arkit52", 0–1, with blinks; eyeLook* left at 0.
        head_deg: (T, 3) float32 yaw, pitch, roll.
        head_mm: (T, 3) float32 how far the head has moved, camera frame.
        gaze_deg: (T, 2, 2) float32 (yaw, pitch) of the left and the right eye, head frame.
        events: by offset, stamps in ns.
        acts: what was planned.
    """

    t_ns: Int64
    units: Float32
    weights: Float32
    head_deg: Float32
    head_mm: Float32
    gaze_deg: Float32
    events: tuple[Event, ...]
    acts: tuple[Act, ...]

    def __len__(self) -> int:
        return len(self.t_ns)


def generate(script: Script, graph: ExpressionGraph | None = None, t_ns: Int64 | None = None) -> Generated:
    """Perform a script.

    Args:
        script: what happens.
        graph: the network that draws units; None = the shipped one.
        t_ns: (T,) ascending times to perform at, from the script's zero; None = the script's own frames.

    Raises:
        ModelError: the shipped network is damaged. ConfigError: see `plan`.
    """
    own = ExpressionGraph() if graph is None else graph
    try:
        acts = plan(script, own)
    finally:
        if graph is None:
            own.close()
    last = max((a.offset_s for a in acts), default=EMPTY_S - TAIL_S)
    seconds = script.seconds or last + TAIL_S
    if t_ns is None:
        frames = int(np.ceil(seconds * script.fps - 1e-9))
        t_ns = np.round(np.arange(frames) * (NS_PER_S / script.fps)).astype(np.int64)
    t_s = t_ns / NS_PER_S
    dice = {name: np.random.default_rng([script.seed, 7, i]) for i, name in enumerate(_STREAMS)}
    units = unit_curves(acts, t_s)
    shapes = load_profile("facs")(units)
    blinks = _blinks(dice, script, acts, seconds)
    shapes = _with_blinks(shapes, [p for b in blinks for p in b.pulses], t_s)
    head_deg, head_mm, gaze_deg = _posture(dice, script, acts, seconds, t_s)
    events = [_event_of(a) for a in acts]
    events += [Event("blink", 1, _ns(b.onset_s), _ns(b.apex_s), _ns(b.offset_s), 1.0, ("AU45",)) for b in blinks]
    kept = sorted((e for e in events if e.onset_ns >= 0 and e.onset_ns < _ns(seconds)), key=lambda e: e.offset_ns)
    return Generated(t_ns, units, shapes, head_deg, head_mm, gaze_deg, tuple(kept), tuple(acts))


def unit_curves(acts: Sequence[Act], t_s: Float64) -> Float32:
    """(T, 42) intensities 0–5: B-splines times m_e · i_v; what overlaps adds up without passing 5."""
    facs = load_schema("facs")
    left = np.ones((len(t_s), len(facs)))
    for act in acts:
        for entry, times in _entry_times(act).items():
            peak = act.units[entry] / _FULL
            left[:, facs.index(entry)] *= 1.0 - peak * sampled(activation(times), t_s)
    out = _FULL * (1.0 - left)
    limits = load_limits()
    for pair in limits.together:
        one, other = ([facs.index(n) for n in _sided(u)] for u in pair.units)
        total = out[:, one].max(axis=1) + out[:, other].max(axis=1)
        share = np.minimum(1.0, pair.most / np.maximum(total, 1e-9))[:, None]
        out[:, one] *= share
        out[:, other] *= share
    for unit, most in limits.units.items():
        for name in _sided(unit):
            column = out[:, facs.index(name)]
            np.minimum(column, most, out=column)
    curves: Float32 = out.astype(np.float32)
    return curves


def _entry_times(act: Act) -> dict[str, Times]:
    """The strongest unit keeps the act's times; the others start up to 15 % of the rise later, have their apex within
    5 % of it, and are gone up to 15 % of the fall earlier. The sides differ by some ms."""
    rng = np.random.default_rng((*act.seed, 1))
    strongest = max(act.units, key=lambda e: act.units[e], default="")
    rise, fall = act.apex_s - act.onset_s, act.offset_s - act.release_s
    skew = (float(rng.uniform(0.9, 1.15)), float(rng.uniform(0.9, 1.15)))
    by_unit: dict[str, tuple[float, float, float]] = {strongest.split("_")[0]: (0.0, 0.0, 0.0)}
    out: dict[str, Times] = {}
    for entry in act.units:
        drawn = (float(rng.uniform(0, 0.15)), float(rng.uniform(-0.05, 0.05)), float(rng.uniform(0, 0.15)))
        lag_s = 0.0 if entry == strongest else float(rng.uniform(0.0, min(0.010, 0.05 * rise, 0.05 * fall)))
        late, shift, early = by_unit.setdefault(entry.split("_")[0], drawn)
        apex = act.apex_s + shift * min(rise, fall) + lag_s
        release = max(apex, act.release_s + lag_s)
        out[entry] = Times(act.onset_s + late * rise + lag_s, apex, release, act.offset_s - early * fall, skew)
    return out


def _sided(unit: str) -> tuple[str, ...]:
    facs = load_schema("facs")
    return (unit,) if unit in facs else (f"{unit}_L", f"{unit}_R")


def _blinks(
    dice: dict[str, np.random.Generator], script: Script, acts: Sequence[Act], seconds: float
) -> list[idle.Blink]:
    """As often as the emotion of the moment blinks; none while a micro-expression lasts."""
    if script.idle.blinks == 0:
        return []
    often = [1.0, *(a.emotion.blinks.often for a in acts if a.kind == "macro")]
    drawn = idle.random_blinks(dice["blinks"], seconds, script.idle.blinks * max(often))
    kept = []
    for blink in drawn:
        chance = dice["thinning"].random() * max(often)
        now = [a.emotion.blinks.often for a in acts if a.kind == "macro" and a.onset_s <= blink.apex_s <= a.offset_s]
        hides = any(a.onset_s - 0.05 < blink.offset_s and blink.onset_s < a.offset_s for a in acts if a.kind == "micro")
        if chance < (now[-1] if now else 1.0) and not hides:
            kept.append(blink)
    return kept


def _with_blinks(shapes: Float32, pulses: list[Pulse], t_s: Float64) -> Float32:
    closed = weights(pulses, t_s, shapes.shape[1])
    arkit = load_schema("arkit52")
    out = 1.0 - (1.0 - shapes) * (1.0 - closed)
    for side in ("Left", "Right"):
        lid = 1.0 - closed[:, arkit.index(f"eyeBlink{side}")]
        for name in ("eyeWide", "eyeSquint"):
            out[:, arkit.index(name + side)] *= lid
    both: Float32 = out.astype(np.float32)
    return both


def _posture(
    dice: dict[str, np.random.Generator], script: Script, acts: Sequence[Act], seconds: float, t_s: Float64
) -> tuple[Float32, Float32, Float32]:
    """Head in degrees and mm, gaze in degrees."""
    head = idle.random_head(dice["head"], seconds, _TURNS_PER_MINUTE)
    degrees, mm = head.at(t_s)
    degrees, mm = (v * _HEAD_SHARE * script.idle.head for v in (degrees, mm))
    for act in acts:
        if act.kind == "macro":
            size = act.intensity * sampled(activation(_slower(act, 0.25)), t_s)[:, None]
            degrees = degrees + script.idle.head * size * _towards(act.emotion.head, dice["lean"])
    limits = load_limits()
    degrees = np.clip(degrees, *_box(limits.head_deg))
    gaze = idle.random_gaze(dice["gaze"], seconds, head.turns).at(t_s, degrees) * script.idle.gaze
    for act in acts:
        if act.kind == "macro":
            size = act.intensity * sampled(activation(_slower(act, 0.1)), t_s)
            gaze[:, :, 1] += script.idle.gaze * size[:, None] * act.emotion.eyes.pitch
    low, high = _box(limits.eyes_deg)
    gaze = np.clip(gaze, low[:2], high[:2])
    return degrees.astype(np.float32), mm.astype(np.float32), gaze.astype(np.float32)


def _slower(act: Act, late_s: float) -> Times:
    """The times of what follows an expression: head and eyes."""
    apex = act.apex_s + late_s
    return Times(act.onset_s, apex, max(act.release_s, apex), act.offset_s + 2 * late_s)


def _towards(lean: Lean, rng: np.random.Generator) -> Float64:
    side = float(rng.choice([-1.0, 1.0]))
    return np.array([lean.yaw * side, lean.pitch, lean.roll * side])


def _box(most: Lean) -> tuple[Float64, Float64]:
    high = np.array([most.yaw, most.pitch, most.roll])
    return -high, high


def _event_of(act: Act) -> Event:
    onset, apex, offset = _ns(act.onset_s), _ns(act.apex_s), _ns(act.offset_s)
    return Event(act.kind, 1, onset, apex, offset, 1.0, tuple(act.units), act.expression)


def _ns(t_s: float) -> int:
    return round(t_s * NS_PER_S)
