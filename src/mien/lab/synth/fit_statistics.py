"""Fit everything that sequences draw from: `python -m mien.lab.synth.fit_statistics STATS.json [OUT.toml]`.

STATS.json holds aggregated figures of label tables (counts, percentiles, histograms); it is not part of the project.
What comes out, `sequence_statistics.toml`, holds parameters of distributions only, and is all that synthesis reads.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtr

from mien.animate import statistics_table
from mien.animate.statistics_table import FILE
from mien.lab.synth.fit_timing import fit_macro_timing, fit_micro_timing, fit_rate
from mien.lab.synth.fit_unit_sets import fit_unit_sets, read_counts
from mien.lab.synth.unit_sets import UnitSets

MICRO_SETS = ("CASME II", "CAS(ME)3", "DFME", "SAMM")
"""Whose action units are pooled."""
MICRO_TIMES = ("CASME II", "DFME", "SAMM", "SMIC-HS")
"""Whose durations are pooled: CAS(ME)3 does not keep to the 0.5 s rule and has 30 frames per second."""
MERGED = {"repression": "others"}
_HEADER = """# Fitted parameters of real facial movement; parameters and smoothed shares, no rows of a dataset.
# Made by `python -m mien.lab.synth.fit_statistics`; models: unit_sets.py and timing.py.
# Source: aggregated figures of the label tables of CASME II, CAS(ME)3, DFME, SAMM, SMIC-HS (micro-expressions) and of
# the long videos of CAS(ME)2 and SAMM. Those datasets are for research by agreement.
"""


def fit(stats: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters, laid out as in the file."""
    clips, videos = stats["clips"], list(stats["long_videos"].values())
    emotions: dict[str, float] = {}
    for name in MICRO_SETS:
        for emotion, n in clips[name]["emotion_count"].items():
            emotions[emotion] = emotions.get(emotion, 0) + n
    micro = read_counts([clips[n]["action_units"] for n in MICRO_SETS], emotions, MERGED)
    macro_tables = [v["macro"]["action_units"] for v in videos]
    macro = read_counts(macro_tables, {"any": sum(v["macro"]["events"] for v in videos)}, {})
    letters = [clips[n]["action_units"].get("intensity_letters", {}) for n in MICRO_SETS]
    times = fit_micro_timing([clips[n] for n in MICRO_TIMES], MERGED)
    macro_times = fit_macro_timing([v["macro"]["timing"] for v in videos])
    known = {e: {"a": a, "share": s} for e, (a, s) in times.emotions.items() if e in micro.emotions}
    return {
        "micro": {
            "intensity": fit_intensity(letters),
            "timing": {n: getattr(times, n) for n in ("a", "b", "share", "spread", "tie")} | {"emotions": known},
            "rate": _plain(fit_rate(videos, "micro")),
            "units": _units(fit_unit_sets(micro)),
        },
        "macro": {
            "intensity": fit_intensity([t.get("intensity_letters", {}) for t in macro_tables]),
            "timing": _plain(macro_times),
            "rate": _plain(fit_rate(videos, "macro")),
            "units": _units(fit_unit_sets(macro)),
        },
    }


def fit_intensity(tables: list[Mapping[str, Mapping[str, int]]]) -> dict[str, float]:
    """Mean and standard deviation of the log intensity (A = 1 … E = 5), by likelihood of the letters A to E.

    AU43 (eyes closed) is left out: its letters say how far lids are closed.
    """
    counts = np.zeros(5)
    for table in tables:
        for unit, row in table.items():
            for letter, n in row.items():
                counts["ABCDE".index(letter)] += n * (unit != "AU43")
    edges = np.log([1e-9, 1.5, 2.5, 3.5, 4.5, 1e9])

    def miss(vector: Any) -> float:
        share = np.diff(ndtr((edges - vector[0]) / np.exp(vector[1])))
        return float(-(counts * np.log(share + 1e-12)).sum())

    found = minimize(miss, [0.6, -0.6], method="Nelder-Mead")
    return {"log_mean": float(found.x[0]), "log_sd": float(np.exp(found.x[1]))}


def _plain(row: Any) -> dict[str, float]:
    return {name: float(getattr(row, name)) for name in row.__slots__}


def _units(model: UnitSets) -> dict[str, Any]:
    places = [(i, j) for i in range(len(model.units)) for j in range(i + 1, len(model.units))]
    return {
        "names": list(model.units),
        "number": [float(v) for v in model.number],
        "bias": dict(zip(model.emotions, (float(v) for v in model.bias), strict=True)),
        "one_sided": model.one_sided,
        "left": model.left,
        "pairs": {
            f"{model.units[i]}+{model.units[j]}": float(model.pairs[i, j])
            for i, j in places
            if abs(model.pairs[i, j]) >= 0.05
        },
        "fields": {
            e: dict(zip(model.units, (float(v) for v in row), strict=True))
            for e, row in zip(model.emotions, model.fields, strict=True)
        },
    }


def to_toml(table: Mapping[str, Any], path: str = "") -> str:
    """TOML of nested tables of numbers, texts and lists; numbers with three decimals."""
    values = {k: v for k, v in table.items() if not isinstance(v, Mapping)}
    lines = [f"{_key(k)} = {_value(v)}" for k, v in values.items()]
    text = f"\n[{path}]\n" + "\n".join(lines) + "\n" if lines and path else ""
    for name, inner in table.items():
        if isinstance(inner, Mapping):
            text += to_toml(inner, f"{path}.{_key(name)}" if path else _key(name))
    return text


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f'"{name}"'


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return f'"{value}"' if isinstance(value, str) else f"{round(float(value), 3):.3f}"


def main(arguments: list[str]) -> int:
    """Read, fit, write. Returns the exit code."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m mien.lab.synth.fit_statistics STATS.json [OUT.toml]\n")
        return 2
    out = Path(arguments[1]) if len(arguments) == 2 else Path(statistics_table.__file__).with_name(FILE)
    stats = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    out.write_text(_HEADER + to_toml(fit(stats)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
