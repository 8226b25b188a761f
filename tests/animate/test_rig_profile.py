"""Profiles: gains, curves, rules, and files that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.animate.profile import load_profile, profile_of, read_profile
from mien.animate.strength import strengths
from mien.core.schema import load_schema
from mien.errors import ConfigError

ARKIT, FACS = load_schema("arkit52"), load_schema("facs")


def weights(**named: float) -> np.ndarray:
    out = np.zeros(52, np.float32)
    for name, value in named.items():
        out[ARKIT.index(name)] = value
    return out


def test_the_linear_case_is_equation_13() -> None:
    """E = E_0 + Σ e_i (E_i − E_0) with 18 units: the controls are the e_i, and shapes add up."""
    rng = np.random.default_rng(0)
    units = [n for n in FACS.names if not n.endswith("_R")][:18]
    rows = "\n".join(f"E{i} = {{ {ARKIT.names[i]} = 1.0 }}" for i in range(18))
    profile = profile_of(f"[outputs]\n{rows}\n", "linear")
    base, shapes = rng.normal(size=(7, 3)), rng.normal(size=(len(units), 7, 3))
    e = np.zeros(52, np.float32)
    e[:18] = rng.random(18)
    by_hand = base + sum(e[i] * (shapes[i] - base) for i in range(18))
    np.testing.assert_allclose(base + np.tensordot(profile(e), shapes - base, 1), by_hand, atol=1e-6)


def test_curve_offset_limits_and_rules() -> None:
    text = """
        [outputs]
        a = { jawOpen = 0.5, mouthPucker = 0.25 }
        wide = { eyeWideLeft = 1.0 }
        shut = { eyeBlinkLeft = 1.0 }
        up = { mouthSmileLeft = 1.0 }
        down = { mouthFrownLeft = 1.0 }
        both = {}
        close = { mouthClose = 1.0 }
        [outputs.bent]
        parts = { jawOpen = 1.0 }
        offset = 0.1
        curve = [[0.0, 0.0], [0.5, 0.2], [1.0, 2.0]]
        limits = [0.0, 0.8]
        [[corrective]]
        output = "both"
        of = ["a", "up"]
        gain = 0.5
        [[inhibit]]
        what = ["wide"]
        by = "shut"
        strength = 0.5
        [[exclusive]]
        pair = ["up", "down"]
        [[at_most]]
        output = "close"
        of = "a"
    """
    profile = profile_of(text, "rules")
    given = weights(jawOpen=0.4, mouthPucker=0.4, eyeWideLeft=0.8, eyeBlinkLeft=0.5, mouthSmileLeft=0.6)
    given[ARKIT.index("mouthFrownLeft")] = 0.2
    given[ARKIT.index("mouthClose")] = 0.9
    out = dict(zip(profile.names, profile(given).tolist(), strict=True))
    expected = {"a": 0.3, "wide": 0.6, "shut": 0.5, "up": 0.4, "down": 0.0, "both": 0.09, "close": 0.3, "bent": 0.2}
    assert out == pytest.approx(expected, abs=1e-6)
    assert profile(weights(jawOpen=1.0))[profile.names.index("bent")] == pytest.approx(0.8)
    unknown = weights(eyeWideLeft=0.5)
    unknown[ARKIT.index("jawOpen")] = np.nan
    assert np.isnan(profile(unknown)[[0, -1]]).all()
    assert profile(unknown)[1] == pytest.approx(0.5)


def test_action_units_become_shapes_that_are_read_as_the_same_units() -> None:
    from mien.action_units.facs import action_units
    from mien.core.measures import Blendshapes

    profile = load_profile("facs")
    assert profile.names == ARKIT.names
    for unit in ("AU1_L", "AU2_R", "AU4_L", "AU6_R", "AU9_L", "AU12_L", "AU15_R", "AU17", "AU20_L", "AU45_L"):
        for level in (1.0, 2.5, 4.0):
            units = np.zeros(42, np.float32)
            units[FACS.index(unit)] = level
            read = action_units(Blendshapes.of(profile(units), np.ones(52)), {})
            assert read.values[FACS.index(unit)] == pytest.approx(level, abs=0.12), unit


def test_strength_is_monotone_and_starts_at_zero() -> None:
    levels = np.linspace(0, 5, 101, dtype=np.float32)
    table = strengths(np.repeat(levels[:, None], 42, axis=1))
    assert (np.diff(table, axis=0) >= -1e-6).all()
    assert table[0].max() == 0.0
    assert np.abs(np.diff(table, axis=0)).max() < 0.05, "nothing jumps when a unit starts"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[outputs]\na = { jawOpne = 1.0 }", "jawOpne"),
        ("[outputs]\na = { jawOpen = nan }", "outputs"),
        ("[outputs.a]\nparts = { jawOpen = 1 }\ncurves = 3", "curves"),
        ("[outputs]\na = { jawOpen = 1 }\n[[inhibit]]\nwhat = ['b']\nby = 'a'", "b"),
        ("nonsense = 1\n[outputs]", "nonsense"),
        ("[outputs.a]\nparts = {}\ncurve = [[1, 0], [0, 1]]", "ascend"),
        ("[outputs.a]\nparts = {}\nlimits = [1, 0]", "limits"),
        ("= broken", "cannot be read"),
        ("a = " + "[" * 5000, "cannot be read"),
    ],
)
def test_a_wrong_profile_is_one_clear_error(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        read_profile(path)
    assert "mine.toml" in str(caught.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_profile(tmp_path / "missing.toml")
