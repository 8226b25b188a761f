"""Expression classes as action units, after the EMFACS prototypes, with variation; and what else faces do.

The units of each class are those of the published table (and of Du, Tao & Martinez 2014 for what is optional);
a unit's intensity becomes shape weights by the inverse of `action_units.facs`' curves.

Compound expressions (happily surprised, ...) are the 15 of Du, Tao & Martinez, PNAS 111 (2014) E1454, table 1. Their
class is "other" and `Face.compound` names them, so that who trains with one label per face can leave them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mien.action_units.facs import unit_rules
from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.lab.rigs.units import load_units
from mien.lab.synth.expressions import EXCLUSIVE, random_weights

_CLASSES: dict[str, tuple[tuple[tuple[str, ...], float], ...]] = {
    # class → (units, how often this variant occurs)
    "happiness": ((("AU6", "AU12"), 1.0), (("AU6", "AU12", "AU26"), 0.8), (("AU12",), 0.5)),
    "sadness": ((("AU1", "AU4", "AU15"), 1.0), (("AU1", "AU4", "AU15", "AU17"), 0.7), (("AU6", "AU15"), 0.2)),
    "surprise": (
        (("AU1", "AU2", "AU5", "AU26"), 1.0),
        (("AU1", "AU2", "AU5", "AU27"), 0.5),
        (("AU1", "AU2", "AU26"), 0.3),
    ),
    "fear": ((("AU1", "AU2", "AU4", "AU5", "AU20", "AU26"), 1.0), (("AU1", "AU2", "AU4", "AU5", "AU7", "AU20"), 0.5)),
    "anger": (
        (("AU4", "AU5", "AU7", "AU23"), 1.0),
        (("AU4", "AU7", "AU17", "AU24"), 0.7),
        (("AU4", "AU7", "AU10", "AU26"), 0.4),
    ),
    "disgust": (
        (("AU9", "AU17"), 1.0),
        (("AU9", "AU10", "AU17"), 0.6),
        (("AU9", "AU15", "AU16"), 0.4),
        (("AU4", "AU10", "AU17"), 0.4),
    ),
    "contempt": ((("AU12", "AU14"), 1.0),),
}
CLASSES = ("neutral", *_CLASSES, "other")
""""other" = a face that is none of the prototypes: speech, gestures, mixtures."""


@dataclass(frozen=True, slots=True)
class Compound:
    """An expression made of two.

    Attributes:
        parts: the two classes.
        units: seen in more than 70 % of the people who posed it.
        sometimes: seen in 20 to 70 % of them. (AU11 is left out: no shape does it.)
    """

    parts: tuple[str, str]
    units: tuple[str, ...]
    sometimes: tuple[str, ...]


def _compound(first: str, second: str, units: str, sometimes: str) -> Compound:
    return Compound((first, second), tuple(f"AU{n}" for n in units.split()), tuple(f"AU{n}" for n in sometimes.split()))


COMPOUNDS: Mapping[str, Compound] = {
    "happily surprised": _compound("happiness", "surprise", "1 2 12 25", "5 26"),
    "happily disgusted": _compound("happiness", "disgust", "10 12 25", "4 6 9"),
    "sadly fearful": _compound("sadness", "fear", "1 4 20 25", "2 5 6 15"),
    "sadly angry": _compound("sadness", "anger", "4 15", "6 7 17"),
    "sadly surprised": _compound("sadness", "surprise", "1 4 25 26", "2 6"),
    "sadly disgusted": _compound("sadness", "disgust", "4 10", "1 6 9 15 17 25"),
    "fearfully angry": _compound("fear", "anger", "4 20 25", "5 7 10"),
    "fearfully surprised": _compound("fear", "surprise", "1 2 5 20 25", "4 10 26"),
    "fearfully disgusted": _compound("fear", "disgust", "1 4 10 20 25", "2 5 6 9 15"),
    "angrily surprised": _compound("anger", "surprise", "4 25 26", "5 7 10"),
    "angrily disgusted": _compound("anger", "disgust", "4 10 17", "7 9 24"),
    "disgustedly surprised": _compound("disgust", "surprise", "1 2 5 10", "4 9 17 24"),
    "appalled": _compound("anger", "disgust", "4 10", "6 9 17 24"),
    "hatred": _compound("anger", "disgust", "4 10", "7 9 17 24"),
    "awed": _compound("fear", "surprise", "1 2 5 25", "4 20 26"),
}
"""By name. "Appalled" and "hatred" share their parts with "angrily disgusted", "awed" its with "fearfully surprised";
each has its own balance of the two."""
_COMPOUND_SHARE = 1 / 3
"""Of the faces that are none of the prototypes."""
_SOMETIMES = 0.45
"""How often an optional unit of a compound is added: the middle of the published 20 to 70 %."""
_CEILING = {"AU5": 3.5, "AU26": 3.5, "AU2": 4.0, "AU25": 4.0}


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """What a face does.

    Attributes:
        expression: out of `CLASSES`.
        intensity: 0–5, the strongest unit of the prototype aims at it; NaN for "other" that is no compound.
        shapes: (52,) float32 schema "arkit52".
        compound: out of `COMPOUNDS`, then `expression` is "other"; None = no compound.
    """

    expression: str
    intensity: float
    shapes: Float32
    compound: str | None = None


def random_face(rng: np.random.Generator, strong: bool | None = None) -> Face:
    """An expression.

    Args:
        rng: decides everything.
        strong: True = exaggerated, False = faint or neutral, None = anything.
    """
    if strong is False:
        name = "neutral" if rng.random() < 0.5 else str(rng.choice(list(_CLASSES)))
    else:
        shares = np.array([0.14, *[0.085] * 7, 0.265]) if strong is None else np.array([0.0, *[0.15] * 6, 0.1, 0.0])
        name = str(rng.choice(CLASSES, p=shares / shares.sum()))
    if name == "other":
        weights = random_weights(rng, 1)[0]
        if rng.random() < _COMPOUND_SHARE:
            return _random_compound(rng)
        return Face(name, float("nan"), tidy(weights))
    shapes = np.zeros(len(load_schema("arkit52")), np.float32)
    intensity = 0.0
    if name != "neutral":
        low, high = (3.8, 5.0) if strong else ((0.6, 1.8) if strong is False else (0.8, 5.0))
        intensity = float(rng.uniform(low, high))
        set_units(shapes, prototype_units(name, intensity, rng))
    _blink(shapes, rng)
    shapes += np.abs(rng.normal(0.0, 0.015, len(shapes))).astype(np.float32) * (rng.random(len(shapes)) < 0.3)
    return Face(name, intensity, tidy(shapes))


def weight_of(unit: str, intensity: float) -> float:
    """The shape weight that reads as this intensity (0–5) of an entry of schema "facs".

    AU25 is read from the lips, not from a shape: of it this is how far the jaw opens in the tables of the rigs.
    """
    place = load_schema("facs").index(unit)
    rule = unit_rules()[place]
    if rule.measure is not None:
        curve = load_units("builtin").curves[place]
        return float(np.interp(intensity, curve[:, 0], curve[:, 1]))
    return float(np.interp(intensity, rule.curve[:, 1], rule.curve[:, 0]))


def shapes_of(unit: str) -> tuple[int, ...]:
    """Which shapes (schema "arkit52") an entry of schema "facs" moves; empty = none does it."""
    rule = unit_rules()[load_schema("facs").index(unit)]
    return rule.shapes if rule.measure is None else (load_schema("arkit52").index("jawOpen"),)


def prototype_units(name: str, intensity: float, rng: np.random.Generator) -> dict[str, float]:
    """Units of an expression as somebody makes it.

    Args:
        name: out of `CLASSES` (not "neutral" or "other") or `COMPOUNDS`.
        intensity: 0–5, what the strongest unit aims at.
        rng: chooses variant, sides and levels.

    Returns:
        Entry of schema "facs" → intensity 0–5, before shapes that exclude each other are sorted out.
    """
    if name in COMPOUNDS:
        kind = COMPOUNDS[name]
        units = (*kind.units, *(u for u in kind.sometimes if rng.random() < _SOMETIMES))
    else:
        variants = _CLASSES[name]
        odds = np.array([odd for _, odd in variants])
        units = variants[int(rng.choice(len(variants), p=odds / odds.sum()))][0]
    # Contempt is one-sided by definition; the others are nearly, but never exactly, symmetric.
    one_sided = name == "contempt"
    side = str(rng.choice(["L", "R"]))
    tilt = float(rng.normal(0.0, 0.08))
    facs = load_schema("facs")
    out: dict[str, float] = {}
    for unit in units:
        level = min(_CEILING.get(unit, 5.0), max(0.5, intensity * float(rng.normal(0.92, 0.14))))
        if unit in facs:
            out[unit] = min(level, 5.0)
            continue
        for end, sign in (("L", 1.0), ("R", -1.0)):
            if not one_sided or end == side:
                out[f"{unit}_{end}"] = min(level * (1.0 + sign * tilt), 5.0)
    return out


def set_units(shapes: Float32, units: Mapping[str, float]) -> None:
    """Raise (52,) `shapes` in place to what units (entry of schema "facs" → intensity 0–5) need."""
    for unit, intensity in units.items():
        for shape in shapes_of(unit):
            shapes[shape] = max(shapes[shape], weight_of(unit, intensity))


def _random_compound(rng: np.random.Generator) -> Face:
    name = str(rng.choice(list(COMPOUNDS)))
    intensity = float(rng.uniform(1.5, 5.0))
    shapes = np.zeros(len(load_schema("arkit52")), np.float32)
    set_units(shapes, prototype_units(name, intensity, rng))
    _blink(shapes, rng)
    return Face("other", intensity, tidy(shapes), name)


def _blink(shapes: Float32, rng: np.random.Generator) -> None:
    schema = load_schema("arkit52")
    droop = float(rng.choice([0.0, rng.uniform(0.0, 0.3), rng.uniform(0.3, 1.0)], p=[0.6, 0.32, 0.08]))
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        shapes[schema.index(name)] = max(shapes[schema.index(name)], droop)


def tidy(shapes: Float32) -> Float32:
    """(52,) 0–1: of shapes that exclude each other the weaker is 0, mouthClose never exceeds jawOpen."""
    schema = load_schema("arkit52")
    out = np.clip(shapes, 0.0, 1.0).astype(np.float32)
    for one, other in EXCLUSIVE:
        i, j = schema.index(one), schema.index(other)
        out[j if out[i] >= out[j] else i] = 0.0
    out[schema.index("mouthClose")] = min(out[schema.index("mouthClose")], out[schema.index("jawOpen")])
    return out
