"""Random people for the MakeHuman base: shares of the macro targets and settings of the sliders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_ETHNICITIES = ("african", "asian", "caucasian")
_SEXES = ("female", "male")
_OPPOSITES = (("-incr", "-decr"), ("-up", "-down"), ("-in", "-out"), ("-forward", "-backward"), ("-convex", "-concave"))
_SLIDER_SPREAD = {"asym": 0.08, "head": 0.14, "forehead": 0.14, "nose": 0.24, "mouth": 0.22, "ears": 0.2, "neck": 0.0}
"""Standard deviation of the sliders of a folder; 0.18 for all others. The neck is out of the picture."""
_SLIDER_CHANCE = 0.5
_SLIDER_LIMIT = 0.5


def macro_weights(rng: np.random.Generator) -> tuple[dict[str, float], dict[str, str]]:
    """Macro target → weight of one person, and labels in words.

    Ages run from child to old; the coarse oldest end is left out.
    """
    ethnic = rng.dirichlet([0.45] * 3)
    male = float(np.clip(rng.beta(0.5, 0.5), 0.03, 0.97))
    kind = rng.random()
    if kind < 0.1:
        ages = {"child": float(rng.uniform(0.3, 0.9))}
        ages["young"] = 1.0 - ages["child"]
    else:
        ages = {"old": float(rng.uniform(0.0, 0.7) ** 1.2)}
        ages["young"] = 1.0 - ages["old"]
    sexes = {"female": 1.0 - male, "male": male}
    weights = {
        f"{e}-{s}-{a}": float(we) * ws * wa
        for e, we in zip(_ETHNICITIES, ethnic, strict=True)
        for s, ws in sexes.items()
        for a, wa in ages.items()
    }
    muscle, fat = _shares(rng, "muscle"), _shares(rng, "weight")
    for s, ws in sexes.items():
        for a, wa in ages.items():
            for m, wm in muscle.items():
                for f, wf in fat.items():
                    weights[f"universal-{s}-{a}-{m}-{f}"] = ws * wa * wm * wf
    labels = {
        "sex": _SEXES[int(male > 0.5)],
        "ethnicity": _ETHNICITIES[int(np.argmax(ethnic))],
        "age": max(ages, key=lambda a: ages[a]),
    }
    return weights, labels


def _shares(rng: np.random.Generator, what: str) -> dict[str, float]:
    """Between the average and one end of a scale."""
    level = float(np.clip(rng.normal(scale=0.45), -1.0, 1.0))
    end = ("max" if level > 0 else "min") + what
    return {end: abs(level), "average" + what: 1.0 - abs(level)}


def slider_weights(rng: np.random.Generator, names: Sequence[str]) -> dict[str, float]:
    """Identity target → weight: each slider is pushed to one of its ends or left alone.

    Left and right of a pair of targets get the same setting; asymmetry has sliders of its own.
    """
    settings: dict[str, float] = {}
    for name in names:
        slider = _slider(name)[0]
        if slider not in settings:
            spread = _SLIDER_SPREAD.get(name.split("/")[0], 0.18)
            used = rng.random() < _SLIDER_CHANCE
            settings[slider] = float(np.clip(rng.normal() * spread * used, -_SLIDER_LIMIT, _SLIDER_LIMIT))
    return {name: max(0.0, settings[_slider(name)[0]] * _slider(name)[1]) for name in names}


def _slider(name: str) -> tuple[str, float]:
    """The slider that a target is one end of, and which end."""
    plain = name.replace("/r-", "/").replace("/l-", "/")
    for high, low in _OPPOSITES:
        if plain.endswith(high):
            return plain.removesuffix(high), 1.0
        if plain.endswith(low):
            return plain.removesuffix(low), -1.0
    return plain, 1.0
