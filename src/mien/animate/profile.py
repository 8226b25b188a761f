"""Profiles: how ARKit weights, or action units, become the controls of another kind of rig. They are data (TOML).

    inputs = "arkit52"                 # or "facs": intensities 0-5, which become strengths 0-1 first
    combine = "sum"                    # or "max": of the parts of one control the strongest counts
    [outputs]
    aa = { jawOpen = 1.4 }             # short: input = gain, the control lies within 0-1
    [outputs.blink]                    # long
    parts = { eyeBlinkLeft = 0.5, eyeBlinkRight = 0.5 }
    offset = 0.0                       # added to the sum
    curve = [[0.0, 0.0], [1.0, 0.9]]   # what comes out instead, straight lines between, constant outside
    limits = [0.0, 1.0]
    [[corrective]]                     # where two controls come together, a third is added to: gain * a * b
    output = "mouthClose"
    of = ["jawOpen", "mouthPressLeft"]
    gain = 0.5
    [[inhibit]]                        # the more of one, the less of others: what *= 1 - strength * by
    what = ["eyeWideLeft"]
    by = "eyeBlinkLeft"
    strength = 1.0
    [[exclusive]]                      # what two opposites have in common is taken from both
    pair = ["mouthSmileLeft", "mouthFrownLeft"]
    [[at_most]]                        # a control is never above another one
    output = "mouthClose"
    of = "jawOpen"

The order of work: gains, offset, curve, corrective, inhibit, exclusive, limits, at_most. The linear case without rules
is eq. 13 of the MTHR-Face paper, E = E_0 + sum e_i (E_i - E_0): e_i are the controls, the rig adds up the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from mien.animate.profile_file import ProfileFile, parse_profile, read_profile_file
from mien.animate.strength import strengths
from mien.core.arrays import Float32, Float64
from mien.core.schema import load_schema
from mien.errors import ConfigError


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One kind of rig.

    Attributes:
        name: of the file.
        names: the N controls.
        gains: (I, N) float32; rows in the order of the schema of `inputs`.
        inputs: schema of what comes in: "arkit52" (I = 52, weights 0–1) or "facs" (I = 42, intensities 0–5).
        limits: (2, N) float64: least and most of each control.
        rules: everything else the file says.
    """

    name: str
    names: tuple[str, ...]
    gains: Float32
    inputs: str
    limits: Float64
    rules: ProfileFile

    def __call__(self, weights: Float32) -> Float32:
        """(..., I) inputs → (..., N) controls within their limits; a NaN input makes the controls that use it NaN."""
        # A product with 0 would spread NaN over all controls.
        known = np.nan_to_num(np.asarray(weights, np.float32))
        if self.inputs == "facs":
            known = strengths(known)
        if self.rules.combine == "max":
            out = (known[..., None] * self.gains).max(axis=-2).astype(np.float64)
        else:
            out = np.asarray(known @ self.gains, np.float64)
        out = self._ruled(out)
        unknown = np.isnan(weights).astype(np.float32) @ (self.gains != 0).astype(np.float32) > 0
        controls: Float32 = np.where(unknown, np.float32(np.nan), out).astype(np.float32)
        return controls

    def _ruled(self, out: Float64) -> Float64:
        column = {name: i for i, name in enumerate(self.names)}
        for name, row in self.rules.outputs.items():
            i = column[name]
            if row.offset:
                out[..., i] += row.offset
            if row.curve is not None:
                x, y = np.array(row.curve).T
                out[..., i] = np.interp(out[..., i], x, y)
        for fix in self.rules.corrective:
            a, b = (out[..., column[n]] for n in fix.of)
            out[..., column[fix.output]] += fix.gain * a * b
        for rule in self.rules.inhibit:
            share = 1.0 - rule.strength * np.clip(out[..., column[rule.by]], 0.0, 1.0)
            for name in rule.what:
                out[..., column[name]] *= share
        for both in self.rules.exclusive:
            i, j = (column[n] for n in both.pair)
            common = np.maximum(np.minimum(out[..., i], out[..., j]), 0.0)
            out[..., i] -= common
            out[..., j] -= common
        out = np.clip(out, *self.limits)
        for most in self.rules.at_most:
            i = column[most.output]
            out[..., i] = np.minimum(out[..., i], out[..., column[most.of]])
        return out


@cache
def load_profile(name: str) -> Profile:
    """A profile that ships with Mien: "vrm" (18 expressions of VRM 1.0), "metahuman" (raw controls) or "facs" (action
    units to ARKit's 52 shapes).

    Raises:
        KeyError: there is no such profile, or it names an input that does not exist.
    """
    file = files("mien.animate") / "profiles" / f"{name}.toml"
    if not name.isidentifier() or not file.is_file():
        raise KeyError(f"there is no profile {name!r}")
    return _profile(name, parse_profile(file.read_text(encoding="utf-8")))


def read_profile(path: str | Path) -> Profile:
    """A user's own profile, e.g. one that the rig doctor proposed.

    Raises:
        ConfigError: it cannot be read, has an unknown key, or names an input or control that does not exist.
    """
    path = Path(path)
    try:
        return _profile(path.stem, read_profile_file(path))
    except KeyError as error:
        raise ConfigError(f"profile {path}: {error.args[0]}") from None


def profile_of(text: str, name: str) -> Profile:
    """A profile from a file's text.

    Raises:
        ConfigError: it is no profile.
    """
    try:
        return _profile(name, parse_profile(text))
    except (KeyError, ValueError) as error:
        raise ConfigError(f"profile {name}: {error}") from None


def _profile(name: str, rules: ProfileFile) -> Profile:
    schema = load_schema(rules.inputs)
    gains = np.zeros((len(schema), len(rules.outputs)), np.float32)
    for column, row in enumerate(rules.outputs.values()):
        for part, gain in row.parts.items():
            for entry in _entries(part, rules.inputs):
                gains[schema.index(entry), column] = gain
    gains.flags.writeable = False
    limits = np.array([row.limits for row in rules.outputs.values()], np.float64).reshape(-1, 2).T
    return Profile(name, tuple(rules.outputs), gains, rules.inputs, limits, rules)


def _entries(part: str, inputs: str) -> tuple[str, ...]:
    """Entries of the schema that a part means: "AU12" is both sides."""
    schema = load_schema(inputs)
    if inputs == "facs" and part not in schema:
        sides = tuple(part + end for end in ("_L", "_R"))
        return sides if sides[0] in schema else (part,)
    return (part,)
