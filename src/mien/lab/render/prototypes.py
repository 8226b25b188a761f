"""Expression classes as action units, after the EMFACS prototypes, with variation; and what else faces do.

The units of each class are those of the published table (and of Du, Tao & Martinez 2014 for what is optional);
a unit's intensity becomes shape weights by the inverse of `action_units.facs`' curves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.action_units.facs import unit_rules
from mien.core.arrays import Float32
from mien.core.schema import load_schema
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
_CEILING = {"AU5": 3.5, "AU26": 3.5, "AU2": 4.0}


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """What a face does.

    Attributes:
        expression: out of `CLASSES`.
        intensity: 0–5, the strongest unit of the prototype aims at it; NaN for "other".
        shapes: (52,) float32 schema "arkit52".
    """

    expression: str
    intensity: float
    shapes: Float32


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
        if strong:
            weights = np.clip(weights * 1.4, 0.0, 1.0)
        return Face(name, float("nan"), _tidy(weights))
    shapes = np.zeros(len(load_schema("arkit52")), np.float32)
    intensity = 0.0
    if name != "neutral":
        low, high = (3.8, 5.0) if strong else ((0.6, 1.8) if strong is False else (0.8, 5.0))
        intensity = float(rng.uniform(low, high))
        _prototype(shapes, name, intensity, rng)
    _blink(shapes, rng)
    shapes += np.abs(rng.normal(0.0, 0.015, len(shapes))).astype(np.float32) * (rng.random(len(shapes)) < 0.3)
    return Face(name, intensity, _tidy(shapes))


def weight_of(unit: str, intensity: float) -> float:
    """The shape weight that reads as this intensity (0–5) of an entry of schema "facs"."""
    rule = unit_rules()[load_schema("facs").index(unit)]
    return float(np.interp(intensity, rule.curve[:, 1], rule.curve[:, 0]))


def _prototype(shapes: Float32, name: str, intensity: float, rng: np.random.Generator) -> None:
    variants = _CLASSES[name]
    odds = np.array([odd for _, odd in variants])
    units = variants[int(rng.choice(len(variants), p=odds / odds.sum()))][0]
    # Contempt is one-sided by definition; the others are nearly, but never exactly, symmetric.
    one_sided = name == "contempt"
    side = str(rng.choice(["L", "R"]))
    tilt = float(rng.normal(0.0, 0.08))
    facs = load_schema("facs")
    for unit in units:
        level = min(_CEILING.get(unit, 5.0), max(0.5, intensity * float(rng.normal(0.92, 0.14))))
        if unit in facs:
            _set(shapes, unit, level)
            continue
        for end, sign in (("L", 1.0), ("R", -1.0)):
            if not one_sided or end == side:
                _set(shapes, f"{unit}_{end}", level * (1.0 + sign * tilt))


def _set(shapes: Float32, unit: str, intensity: float) -> None:
    rule = unit_rules()[load_schema("facs").index(unit)]
    for shape in rule.shapes:
        shapes[shape] = max(shapes[shape], weight_of(unit, min(intensity, 5.0)))


def _blink(shapes: Float32, rng: np.random.Generator) -> None:
    schema = load_schema("arkit52")
    droop = float(rng.choice([0.0, rng.uniform(0.0, 0.3), rng.uniform(0.3, 1.0)], p=[0.6, 0.32, 0.08]))
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        shapes[schema.index(name)] = max(shapes[schema.index(name)], droop)


def _tidy(shapes: Float32) -> Float32:
    """Of shapes that exclude each other the weaker is 0, mouthClose never exceeds jawOpen."""
    schema = load_schema("arkit52")
    out = np.clip(shapes, 0.0, 1.0).astype(np.float32)
    for one, other in EXCLUSIVE:
        i, j = schema.index(one), schema.index(other)
        out[j if out[i] >= out[j] else i] = 0.0
    out[schema.index("mouthClose")] = min(out[schema.index("mouthClose")], out[schema.index("jawOpen")])
    return out
