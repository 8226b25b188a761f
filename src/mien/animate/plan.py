"""From a script to acts: which units, how strong, from when to when. What was not said is drawn by the seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from mien.animate.emotion import Emotion, emotions, load_limits
from mien.animate.expression_graph import Ask, ExpressionGraph, with_sides
from mien.animate.script import Event, Script, entries
from mien.animate.statistics_table import statistics_table
from mien.animate.timing import MICRO_S, macro_timing, micro_timing
from mien.errors import ConfigError

FIRST_S = 0.3
"""Onset of a first event that does not say when."""
_PEAK_SPEED = 1.875
"""Highest speed of a minimum-jerk rise, in heights per length."""
_FULL = 5.0
_PLAIN = Emotion(description="units by themselves")
_OWN_HOLD_S = 0.5
"""How long a macro-expression stays at its largest if nothing ends it, before the emotion's factor."""


@dataclass(frozen=True, slots=True)
class Act:
    """An expression in time.

    Attributes:
        kind: "macro" or "micro".
        expression: or None = units by themselves.
        intensity: i_v, 0–1.
        emotion: its profile.
        units: entry of schema "facs" → intensity 0–5 at its apex: strength · m_e · i_v, within the limits.
        onset_s, apex_s, release_s, offset_s: ascending.
        seed: of what is drawn for the curves.
    """

    kind: str
    expression: str | None
    intensity: float
    emotion: Emotion
    units: Mapping[str, float]
    onset_s: float
    apex_s: float
    release_s: float
    offset_s: float
    seed: tuple[int, int]


def plan(script: Script, graph: ExpressionGraph) -> list[Act]:
    """The acts of a script, by onset.

    Raises:
        ConfigError: `script.emotions` changes what a profile does not have.
    """
    profiles = _profiles(script)
    acts: list[Act] = []
    ends: list[bool] = []  # whether the act's end was said
    cursor = FIRST_S
    for number, event in enumerate(script.events):
        start = cursor if event.at_s is None else event.at_s
        if event.kind == "macro":
            _let_go(acts, ends, start)
        if event.expression == "neutral":
            cursor = max(start, max((a.offset_s for a in acts if a.kind == "macro"), default=start))
            continue
        act = _act(event, start, (script.seed, number), profiles, graph)
        acts.append(act)
        ends.append(event.for_s is not None or event.kind == "micro")
        cursor = act.offset_s if ends[-1] else act.release_s
    return sorted(acts, key=lambda a: a.onset_s)


def _let_go(acts: list[Act], ends: list[bool], at_s: float) -> None:
    """What lasts until it is told to end starts to fall at `at_s`."""
    for i, act in enumerate(acts):
        if not ends[i] and act.onset_s < at_s:
            release = max(at_s, act.apex_s)
            acts[i] = replace(act, release_s=release, offset_s=release + act.offset_s - act.release_s)
            ends[i] = True


def _act(
    event: Event, start: float, seed: tuple[int, int], profiles: Mapping[str, Emotion], graph: ExpressionGraph
) -> Act:
    rng = np.random.default_rng(seed)
    emotion = profiles.get(event.expression or "", _PLAIN)
    intensity = _intensity(event.kind, rng) if event.intensity is None else event.intensity
    if event.units is not None:
        intensity = max(event.units.values(), default=0.0) / _FULL
        shares = {e: v for unit, v in event.units.items() for e in entries(unit)}
    else:
        ask = Ask(str(event.expression), event.kind, intensity)
        drawn = with_sides(graph.levels(ask, rng), ask, rng, emotion.asymmetry)
        shares = {e: _FULL * v * emotion.modulator * intensity for e, v in drawn.items()}
    most = load_limits().micro.most if event.kind == "micro" else _FULL
    units = {e: min(v, most, _most(e, emotion)) for e, v in shares.items()}
    rise, hold, fall = _times(event, emotion, max(units.values(), default=0.0), rng)
    apex = start + rise
    return Act(
        event.kind, event.expression, intensity, emotion, units, start, apex, apex + hold, apex + hold + fall, seed
    )


def _intensity(kind: str, rng: np.random.Generator) -> float:
    """As intensities are distributed in real expressions."""
    table = statistics_table()[kind]["intensity"]
    return float(np.clip(np.exp(rng.normal(table["log_mean"], table["log_sd"])) / _FULL, 0.15, 1.0))


def _most(entry: str, emotion: Emotion) -> float:
    unit = entry.split("_")[0]
    return min(load_limits().units.get(unit, _FULL), emotion.limits.get(unit, _FULL))


def _times(event: Event, emotion: Emotion, peak: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """Seconds of rise, hold and fall; the rise is never faster than a face."""
    least = _PEAK_SPEED * peak / load_limits().speed.units_per_s
    if event.kind == "micro":
        rise, fall = micro_timing().draw(rng, event.expression)
        whole = event.for_s or min(max(rise + fall, 2 * least), MICRO_S)
        rise = float(np.clip(rise / (rise + fall) * whole, min(least, whole / 2), max(whole - least, whole / 2)))
        hold = float(rng.uniform(0.0, 0.15)) * (whole - rise)
        return rise, hold, whole - rise - hold
    # The middle four fifths of real ones: who writes "surprise" does not mean the slowest that was ever seen.
    rise, fall = macro_timing().at(np.clip(rng.standard_normal((1, 2)), -1.28, 1.28))[0].tolist()
    rise = max(rise * emotion.timing.rise, least)
    fall = max(fall * emotion.timing.fall, least)
    hold = _OWN_HOLD_S * emotion.timing.hold * float(rng.uniform(0.7, 1.3))
    if event.for_s is None:
        return rise, hold, fall
    # The length was said: the hold gives, then all of it is made to fit.
    hold = max(event.for_s - rise - fall, 0.0)
    scale = event.for_s / (rise + hold + fall)
    return rise * scale, hold * scale, fall * scale


def _profiles(script: Script) -> dict[str, Emotion]:
    out = dict(emotions())
    for name, changes in script.emotions.items():
        if name not in out:
            raise ConfigError(f"script: emotions.{name}: there is no such expression; there are {', '.join(out)}")
        try:
            out[name] = Emotion.model_validate(_merged(out[name].model_dump(), changes))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, ("emotions", name, *first["loc"])))
            raise ConfigError(f"script: {where}: {first['msg']}") from None
    return out


def _merged(table: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(table)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), dict)
        out[key] = _merged(out[key], value) if both else value
    return out
