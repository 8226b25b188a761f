"""Random ARKit weights that look like what faces do: gestures, emotions, speech, blinks, gaze.

Pairs that exclude each other never come together, mouthClose never exceeds jawOpen, and both sides mostly agree.
"""

from __future__ import annotations

import numpy as np

from mien.action_units.exclusive import PAIRS
from mien.core.arrays import Float32
from mien.core.schema import load_schema

_SIDED = (
    *("browDown", "browOuterUp", "eyeSquint", "eyeWide", "cheekSquint", "noseSneer", "mouthSmile", "mouthFrown"),
    *("mouthDimple", "mouthStretch", "mouthPress", "mouthLowerDown", "mouthUpperUp"),
)
_SINGLE = (
    *("browInnerUp", "cheekPuff", "jawOpen", "jawForward", "jawLeft", "jawRight", "mouthLeft", "mouthRight"),
    *("mouthFunnel", "mouthPucker", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
)
_EMOTIONS: tuple[dict[str, float], ...] = (
    {"mouthSmile": 0.8, "cheekSquint": 0.7, "eyeSquint": 0.4},
    {
        "mouthSmile": 0.9,
        "cheekSquint": 0.8,
        "eyeSquint": 0.5,
        "jawOpen": 0.3,
        "mouthUpperUp": 0.4,
        "mouthLowerDown": 0.3,
    },
    {"browInnerUp": 0.8, "browDown": 0.3, "mouthFrown": 0.7, "mouthShrugLower": 0.4},
    {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.7, "jawOpen": 0.5},
    {"browInnerUp": 0.7, "browOuterUp": 0.5, "eyeWide": 0.8, "mouthStretch": 0.7, "jawOpen": 0.2},
    {"browDown": 0.9, "eyeSquint": 0.5, "mouthPress": 0.7, "noseSneer": 0.2},
    {"browDown": 0.8, "eyeWide": 0.4, "mouthUpperUp": 0.5, "mouthLowerDown": 0.5, "jawOpen": 0.3, "noseSneer": 0.4},
    {"noseSneer": 0.9, "mouthUpperUp": 0.6, "browDown": 0.5, "eyeSquint": 0.4, "mouthShrugLower": 0.3},
    {"mouthPucker": 0.8, "mouthFunnel": 0.2},
    {"mouthFunnel": 0.8, "jawOpen": 0.3},
    {"mouthRollLower": 0.7, "mouthRollUpper": 0.7},
    {"mouthDimple": 0.6, "mouthPress": 0.4},
    {"cheekPuff": 0.9, "mouthPucker": 0.2},
    {"jawOpen": 0.5, "mouthClose": 0.5},
)
EXCLUSIVE = (
    *PAIRS,
    *(("mouthFunnel", "mouthStretch" + s) for s in ("Left", "Right")),
    *(("mouthPucker", "mouthStretch" + s) for s in ("Left", "Right")),
    *(("mouthPucker", "mouthSmile" + s) for s in ("Left", "Right")),
)
"""Of each pair the weaker one is set to zero."""
_OFTEN = {
    "jawOpen": 4.0,
    "mouthSmile": 1.5,
    "mouthLowerDown": 0.4,
    "mouthUpperUp": 0.5,
    "jawForward": 0.3,
    "cheekPuff": 0.5,
    "mouthFunnel": 0.5,
    "mouthShrugUpper": 0.3,
}
"""How often a gesture occurs compared with the others."""


def random_weights(rng: np.random.Generator, count: int) -> Float32:
    """(count, 52) float32 ARKit weights, 0–1; eyeLook* are left at 0 (see `random_gaze`)."""
    schema = load_schema("arkit52")
    out = np.zeros((count, len(schema)), dtype=np.float32)
    kind = rng.random(count)
    _gestures(rng, out, np.where(kind < 0.1, 0.0, np.where(kind < 0.55, 0.05, 0.13)))
    _emotions(rng, out, (kind > 0.3) & (kind < 0.75))
    _speech(rng, out, kind > 0.75)
    _blinks(rng, out)
    _exclude(out)
    _plain_smiles(rng, out)
    close, jaw = schema.index("mouthClose"), schema.index("jawOpen")
    out[:, close] = np.minimum(out[:, close], out[:, jaw])
    return np.clip(out, 0.0, 1.0)


def random_gaze(rng: np.random.Generator, count: int) -> Float32:
    """(count, 2, 2) float32 degrees: (yaw, pitch) of the left and the right eye, nearly parallel."""
    wide = rng.random((count, 1)) < 0.6
    both = rng.normal(size=(count, 2)) * np.where(wide, [14.0, 9.0], [4.0, 3.0])
    both = np.clip(both, [-30.0, -25.0], [30.0, 25.0])
    return np.asarray(both[:, None] + rng.normal(scale=1.0, size=(count, 2, 2)), dtype=np.float32)


def _sides(rng: np.random.Generator, strength: Float32) -> tuple[Float32, Float32]:
    """Left and right of a strength: mostly alike, sometimes one side only."""
    n = len(strength)
    left = strength * (1 + 0.12 * rng.normal(size=n).astype(np.float32))
    right = strength * (1 + 0.12 * rng.normal(size=n).astype(np.float32))
    choice = rng.random(n)
    fade = rng.random(n).astype(np.float32) * 0.5
    return np.where(choice < 0.1, left * fade, left), np.where(choice > 0.9, right * fade, right)


def _add(rng: np.random.Generator, out: Float32, name: str, strength: Float32) -> None:
    schema = load_schema("arkit52")
    if name in schema:
        out[:, schema.index(name)] += strength
        return
    left, right = _sides(rng, strength)
    out[:, schema.index(name + "Left")] += left
    out[:, schema.index(name + "Right")] += right


def _strength(rng: np.random.Generator, n: int) -> Float32:
    return np.clip(rng.beta(1.4, 1.3, n) * 1.15, 0.0, 1.0).astype(np.float32)


def _gestures(rng: np.random.Generator, out: Float32, chance: Float32) -> None:
    n = len(out)
    for name in (*_SIDED, *_SINGLE):
        often = chance * _OFTEN.get(name, 1.0)
        _add(rng, out, name, np.where(rng.random(n) < often, _strength(rng, n), 0).astype(np.float32))


def _emotions(rng: np.random.Generator, out: Float32, who: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
    n = len(out)
    which = rng.integers(len(_EMOTIONS), size=n)
    level = _strength(rng, n) * 1.2
    for k, emotion in enumerate(_EMOTIONS):
        active = (who & (which == k)).astype(np.float32)
        for name, share in emotion.items():
            vary = np.clip(share * (1 + 0.35 * rng.normal(size=n)), 0, 1) * (rng.random(n) > 0.15)
            _add(rng, out, name, (active * level * vary).astype(np.float32))


def _speech(rng: np.random.Generator, out: Float32, who: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
    n = len(out)
    parts = {"jawOpen": 0.4, "mouthFunnel": 0.2, "mouthPucker": 0.35, "mouthLowerDown": 0.2, "mouthUpperUp": 0.15}
    parts |= {
        "mouthStretch": 0.25,
        "mouthPress": 0.3,
        "mouthRollLower": 0.25,
        "mouthShrugLower": 0.2,
        "mouthClose": 0.1,
    }
    for name, scale in parts.items():
        amount = scale * np.abs(rng.normal(size=n)) * (rng.random(n) < 0.45) * who
        _add(rng, out, name, amount.astype(np.float32))


def _blinks(rng: np.random.Generator, out: Float32) -> None:
    n = len(out)
    choice = rng.random(n)
    closed = np.clip(rng.uniform(0.85, 1.1, n), 0, 1)
    level = np.where(choice < 0.2, closed, np.where(choice < 0.32, rng.random(n), 0.0))
    side = rng.random(n)
    schema = load_schema("arkit52")
    for name, hit in (("eyeBlinkLeft", side > 0.12), ("eyeBlinkRight", side < 0.88)):
        droop = np.abs(rng.normal(scale=0.03, size=n))
        out[:, schema.index(name)] += (np.where(hit, level, 0.0) + droop).astype(np.float32)


def _plain_smiles(rng: np.random.Generator, out: Float32) -> None:
    """Most smiles are just smiles: the thin, wide lips in them are no rolled and stretched lips."""
    schema = load_schema("arkit52")
    smile = out[:, [schema.index("mouthSmileLeft"), schema.index("mouthSmileRight")]].max(axis=1)
    plain = (smile > 0.25) & (rng.random(len(out)) < 0.85)
    for name in ("mouthRollUpper", "mouthRollLower", "mouthStretchLeft", "mouthStretchRight"):
        out[plain, schema.index(name)] = 0.0
    for name in ("mouthPressLeft", "mouthPressRight", "noseSneerLeft", "noseSneerRight"):
        out[plain, schema.index(name)] *= 0.3


def _exclude(out: Float32) -> None:
    schema = load_schema("arkit52")
    for one, other in EXCLUSIVE:
        i, j = schema.index(one), schema.index(other)
        first = out[:, i] >= out[:, j]
        out[:, j] = np.where(first, 0.0, out[:, j])
        out[:, i] = np.where(first, out[:, i], 0.0)
