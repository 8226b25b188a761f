"""Seeded choices about a person's looks: skin, brows, beard, make-up, hair, eyes. Colours are linear RGB."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mien.core.arrays import Float64

Rgb = tuple[float, float, float]

_SKIN = np.array(  # sRGB bytes of skin, from light to dark
    [[246, 214, 198], [236, 194, 170], [222, 174, 142], [198, 145, 110], [165, 112, 80], [122, 78, 54], [78, 50, 38]]
)
_HAIR = np.array(  # sRGB bytes: black, dark brown, brown, light brown, blond, red, grey, white
    [
        [22, 18, 17],
        [46, 32, 25],
        [82, 56, 38],
        [120, 86, 58],
        [182, 148, 100],
        [130, 62, 32],
        [125, 122, 118],
        [205, 202, 198],
    ]
)
_IRIS = np.array(
    [[48, 28, 18], [82, 52, 30], [104, 78, 44], [92, 108, 72], [110, 136, 152], [84, 114, 150], [128, 136, 140]]
)
_LIPSTICK = np.array([[176, 36, 48], [196, 88, 98], [138, 32, 60], [206, 110, 96], [110, 30, 40]])


@dataclass(frozen=True, slots=True)
class Makeup:
    """Amounts 0–1 and colours."""

    lipstick: float
    lipstick_rgb: Rgb
    shadow: float
    shadow_rgb: Rgb
    liner: float
    blush: float


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks. Amounts are 0–1 unless said otherwise.

    Attributes:
        skin: albedo; a rig with a texture is only shifted towards it.
        blotches, redness, freckles, tired: how strong; freckles is also how many.
        gloss: multiplies the shine of skin.
        lips: multiplies the skin's albedo on the lips.
        brow, brow_rgb: how dense, and the colour of the hairs.
        beard: 0 = none, 0.3 = stubble, 1 = full; `beard_rgb` its colour.
        makeup: None = none.
        hair: "rig", "cap", "long" or "none".
        hair_rgb: albedo.
        hair_mm: thickness of a cap.
        hairline_mm: how far the hairline is moved up.
        iris: albedo.
        pupil: radius of the pupil as a share of the iris.
        fibres: number that places the fibres of the irises and strands of hair.
    """

    skin: Rgb
    blotches: float
    redness: float
    freckles: float
    tired: float
    gloss: float
    lips: Rgb
    brow: float
    brow_rgb: Rgb
    beard: float
    beard_rgb: Rgb
    makeup: Makeup | None
    hair: str
    hair_rgb: Rgb
    hair_mm: float
    hairline_mm: float
    iris: Rgb
    pupil: float
    fibres: float

    @property
    def lasting(self) -> Look:
        """The same person without what changes from day to day: equal for all pictures of somebody."""
        return replace(
            self, gloss=1.0, beard=0.0, makeup=None, hair="none", hair_mm=0.0, pupil=0.4, iris=(0.0, 0.0, 0.0)
        )


def linear(srgb_bytes: Float64) -> Float64:
    """sRGB bytes → linear, 0–1."""
    x = np.asarray(srgb_bytes, dtype=np.float64) / 255.0
    return np.asarray(np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4), dtype=np.float64)


def rgb(values: Float64) -> Rgb:
    """Three floats, clipped to what albedo can be."""
    r, g, b = np.clip(values, 0.002, 0.95)
    return float(r), float(g), float(b)


def _pick(rng: np.random.Generator, table: Float64) -> Float64:
    """A colour between two neighbours of a table, with its own brightness and hue."""
    colour = linear(table[rng.integers(len(table))])
    return np.asarray(colour * np.exp(rng.normal(0.0, 0.18) + rng.normal(0.0, 0.05, 3)), dtype=np.float64)


def random_look(person: np.random.Generator, today: np.random.Generator, makeup: bool | None = None) -> Look:
    """A person's looks.

    Args:
        person: decides what stays: skin, freckles, eyes, colour of hair.
        today: decides what changes: hair, beard, make-up.
        makeup: True or False = as asked; None = one in five.
    """
    t = person.uniform(0.0, len(_SKIN) - 1.0)
    k = min(int(t), len(_SKIN) - 2)
    skin = linear(_SKIN[k]) * (k + 1 - t) + linear(_SKIN[k + 1]) * (t - k)
    skin = skin * np.exp(person.normal(0.0, 0.06) + person.normal(0.0, 0.03, 3))
    dark = t / (len(_SKIN) - 1.0)
    hair = _pick(person, _HAIR[:3] if person.random() < 0.35 + 0.65 * dark else _HAIR)
    brow = np.minimum(hair, linear(np.array([96.0, 68.0, 48.0]))) * person.uniform(0.5, 1.0)
    grows, thick = person.random() < 0.5, person.uniform(0.35, 1.0)
    made_up = (today.random() < 0.2) if makeup is None else makeup
    bearded = grows and today.random() < 0.6 and not made_up
    return Look(
        skin=rgb(skin),
        blotches=float(person.uniform(0.2, 1.0)),
        redness=float(person.uniform(0.0, 1.0) * (1.0 - 0.6 * dark)),
        freckles=float(max(0.0, person.uniform(-1.0, 1.0)) * (1.0 - 0.7 * dark)),
        tired=float(person.uniform(0.0, 0.8)),
        gloss=float(today.uniform(0.35, 1.6)),
        lips=rgb(np.array([0.80, 0.50, 0.50]) * person.uniform(0.85, 1.1) * (1.0 - 0.1 * dark)),
        brow=float(thick),
        brow_rgb=rgb(brow),
        beard=float(today.choice([today.uniform(0.1, 0.4), today.uniform(0.5, 1.0)])) if bearded else 0.0,
        beard_rgb=rgb(hair * 0.8),
        makeup=_random_makeup(today) if made_up else None,
        hair=str(today.choice(["rig", "cap", "long", "none"], p=[0.34, 0.34, 0.24, 0.08])),
        hair_rgb=rgb(hair),
        hair_mm=float(today.uniform(2.0, 16.0)),
        hairline_mm=float(person.normal(0.0, 6.0)),
        iris=rgb(_pick(person, _IRIS)),
        pupil=float(today.uniform(0.28, 0.6)),
        fibres=float(person.uniform(0.0, 6.28)),
    )


def _random_makeup(rng: np.random.Generator) -> Makeup:
    return Makeup(
        lipstick=float(rng.uniform(0.5, 1.0)),
        lipstick_rgb=rgb(_pick(rng, _LIPSTICK)),
        shadow=float(rng.uniform(0.2, 0.8)),
        shadow_rgb=rgb(rng.uniform(0.02, 0.35, 3)),
        liner=float(rng.uniform(0.3, 1.0)),
        blush=float(rng.uniform(0.1, 0.8)),
    )
