"""Expressions as events in time: which units, how strong, when; and the pulses of shapes that make them.

A micro-expression's units, emotion, sides and times are drawn from the models fitted to real ones; it is faint. A
macro-expression's are drawn from those of long videos, or it is a prototype (or compound) with its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mien.animate.motion import Pulse
from mien.animate.statistics_table import statistics_table
from mien.animate.timing import macro_timing, micro_timing
from mien.core.schema import load_schema
from mien.lab.render.prototypes import CLASSES, COMPOUNDS, prototype_units, shapes_of, weight_of
from mien.lab.synth.expressions import EXCLUSIVE
from mien.lab.synth.unit_sets import load_unit_sets

FAINT = (0.8, 3.0)
"""Intensities that the strongest unit of a micro-expression can have. Coders gave some of them D; brief and strong
ones are left out here."""
_CLEAR = (1.0, 5.0)
SHOWN = 0.3
"""Intensity (0–5) from which a unit is said to take part in an expression."""
_PROTOTYPES = tuple(c for c in CLASSES if c not in ("neutral", "other"))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens in a sequence.

    Attributes:
        kind: "micro" or "macro"; or a distractor: "blink", "gaze", "turn" (of the head), "speech", "light".
        onset_s, apex_s, offset_s: ascending. Of speech the apex is its middle, of a gaze shift or turn the moment of
            the highest speed.
        units: entry of schema "facs" → intensity 0–5 at its own apex (each is within a tenth of the event's).
        emotion: of a micro-expression as the datasets label them (seven classes or "others"); of a macro-expression
            out of `prototypes.CLASSES`, or None = drawn by units alone.
        compound: out of `prototypes.COMPOUNDS` (then `emotion` is "other"), or None.
    """

    kind: str
    onset_s: float
    apex_s: float
    offset_s: float
    units: Mapping[str, float]
    emotion: str | None = None
    compound: str | None = None


def micro_event(rng: np.random.Generator, onset_s: float, emotion: str | None = None) -> Event:
    """A micro-expression that starts at `onset_s`; `emotion` None = as often as they occur."""
    model = load_unit_sets("micro")
    name, units = model.draw(rng, emotion)
    rise, fall = micro_timing().draw(rng, name)
    top = _intensity(rng, "micro", FAINT)
    levels = _levels(rng, model.with_sides(rng, units), top)
    return Event("micro", onset_s, onset_s + rise, onset_s + rise + fall, MappingProxyType(levels), name)


def macro_event(rng: np.random.Generator, onset_s: float, prototype: bool = False) -> Event:
    """A macro-expression that starts at `onset_s`; `prototype`: it is one of the classes or compounds."""
    rise, fall = macro_timing().draw(rng)
    top = _intensity(rng, "macro", _CLEAR)
    emotion: str | None = None
    compound: str | None = None
    if prototype:
        name = str(rng.choice([*_PROTOTYPES, *COMPOUNDS])) if rng.random() < 0.5 else str(rng.choice(_PROTOTYPES))
        emotion, compound = ("other", name) if name in COMPOUNDS else (name, None)
        levels = _evened(_without_exclusive(prototype_units(name, top, rng)))
    else:
        model = load_unit_sets("macro")
        levels = _levels(rng, model.with_sides(rng, model.draw(rng)[1]), top)
    units = MappingProxyType(levels)
    return Event("macro", onset_s, onset_s + rise, onset_s + rise + fall, units, emotion, compound)


def pulses_of(event: Event, rng: np.random.Generator) -> list[Pulse]:
    """How the shapes move that make an expression.

    The strongest unit keeps the event's times exactly; the others start up to 15 % of the rise later, have their apex
    within 5 % of the shorter part of it, and are gone up to 15 % of the fall earlier. The sides differ by some ms.
    """
    rise, fall = event.apex_s - event.onset_s, event.offset_s - event.apex_s
    strongest = max(event.units, key=lambda u: event.units[u])
    hold_most = 0.15 if event.kind == "micro" else 0.5
    by_unit: dict[str, tuple[float, float, float]] = {}
    out: dict[int, Pulse] = {}
    hold, skew = float(rng.uniform(0.0, hold_most)), (float(rng.uniform(0.85, 1.2)), float(rng.uniform(0.85, 1.2)))
    for entry, intensity in event.units.items():
        late, early = rng.uniform(0.0, 0.15, 2)
        shift = float(np.clip(rng.normal(0.0, 0.02), -0.05, 0.05))
        lag_s = float(rng.uniform(0.0, min(0.010, 0.05 * rise, 0.05 * fall)))
        unit = entry.split("_")[0]
        lags = by_unit.setdefault(unit, (0.0, 0.0, 0.0) if unit == strongest.split("_")[0] else (late, shift, early))
        lag_s = 0.0 if entry == strongest else lag_s
        onset = event.onset_s + lags[0] * rise + lag_s
        apex = event.apex_s + lags[1] * min(rise, fall) + lag_s
        offset = event.offset_s - lags[2] * fall
        for shape in shapes_of(entry):
            weight = weight_of(entry, intensity)
            if shape not in out or out[shape].weight < weight:
                out[shape] = Pulse(shape, weight, onset, apex, offset, hold, skew)
    return list(out.values())


def _intensity(rng: np.random.Generator, kind: str, bounds: tuple[float, float]) -> float:
    table = statistics_table()[kind]["intensity"]
    while True:
        level = float(np.exp(rng.normal(table["log_mean"], table["log_sd"])))
        if bounds[0] <= level <= bounds[1]:
            return level


def _levels(rng: np.random.Generator, entries: tuple[str, ...], top: float) -> dict[str, float]:
    """Each unit's intensity: one has the given one, the others 55 to 100 % of it, with small differences of sides."""
    units = tuple(dict.fromkeys(e.split("_")[0] for e in entries))
    share = dict(zip(units, rng.uniform(0.55, 1.0, len(units)), strict=True))
    share[units[int(rng.integers(len(units)))]] = 1.0
    tilt = np.clip(1.0 - np.abs(rng.normal(0.0, 0.10, len(entries))), 0.6, 1.0)
    raw = np.array([share[e.split("_")[0]] for e in entries]) * tilt
    raw *= top / raw.max()
    return _evened({e: max(0.4, float(v)) for e, v in zip(entries, raw, strict=True)})


def _evened(units: Mapping[str, float]) -> dict[str, float]:
    """Sides that share their shape (AU1) are as strong as the stronger one."""
    return {one: max(v for other, v in units.items() if _same(one, other)) for one in units}


def _same(one: str, other: str) -> bool:
    return one.split("_")[0] == other.split("_")[0] and shapes_of(one) == shapes_of(other)


def _without_exclusive(units: Mapping[str, float]) -> dict[str, float]:
    """Leave out the weaker of two units whose shapes exclude each other."""
    index = load_schema("arkit52").index
    opposites = [(index(a), index(b)) for a, b in EXCLUSIVE]
    out = dict(units)
    for one in sorted(units, key=lambda u: -units[u]):
        for other in list(out):
            clash = any(
                (a in shapes_of(one) and b in shapes_of(other)) or (b in shapes_of(one) and a in shapes_of(other))
                for a, b in opposites
            )
            if clash and one in out and out[other] <= out[one]:
                del out[other]
    return out
