"""Jitter against lag of the filters for characters, group by group.

    python benchmarks/smoothing.py [--json]

A face at rest with measured-like noise (0.012), and a movement: how much of the tremor is left (share), and how much
later than the raw curve the filtered one reaches half of the height (ms). The cutoff at rest is varied around the
chosen one; "offline" is the filter without delay. How to read it: docs/animate.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from typing import Any

import numpy as np

from mien.animate.motion import ease
from mien.animate.smooth import GROUPS, OneEuro

RATE_HZ, NOISE = 60.0, 0.012
MOVES = {"lids": (0.09, 1.0), "mouth": (0.25, 0.6), "brows": (0.35, 0.6), "cheeks": (0.35, 0.6)}
"""Group → seconds and height of a movement as fast as the group makes them."""
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


def jitter_and_lag(one: OneEuro, seconds: float, height: float, centred: bool) -> tuple[float, float, float]:
    """Share of the tremor that is left, lag in ms, share of the height that a pulse of twice the seconds keeps."""
    t_ns = np.round(np.arange(600) / RATE_HZ * 1e9).astype(np.int64)
    t_s = t_ns / 1e9
    run = one.centred if centred else one
    noise = np.random.default_rng(0).normal(0.3, NOISE, (600, 4)).astype(np.float32)
    left = float(np.abs(np.diff(run(t_ns, noise)[60:], axis=0)).mean() / np.abs(np.diff(noise[60:], axis=0)).mean())
    rise = (height * ease((t_s - 3.0) / seconds))[:, None].astype(np.float32)
    at = [float(np.interp(height / 2, x[:, 0], t_s)) for x in (rise, np.maximum.accumulate(run(t_ns, rise)))]
    pulse = rise * (1 - ease((t_s - 3.0 - seconds) / seconds))[:, None].astype(np.float32)
    return left, 1000 * (at[1] - at[0]), float(run(t_ns, pulse).max() / pulse.max())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    table: dict[str, Any] = {}
    for name, chosen in GROUPS.items():
        for factor in FACTORS:
            one = replace(chosen, min_cutoff_hz=chosen.min_cutoff_hz * factor)
            row = jitter_and_lag(one, *MOVES[name], centred=False)
            table.setdefault(name, {})[f"{one.min_cutoff_hz:g} Hz"] = row
        table[name]["offline"] = jitter_and_lag(chosen, *MOVES[name], centred=True)
    if given.json:
        print(json.dumps(table, indent=2))
        return 0
    for name, rows in table.items():
        for setting, (left, lag, kept) in rows.items():
            print(f"{name:7} {setting:8} tremor {left:.2f}, lag {lag:5.1f} ms, a pulse keeps {kept:.2f} of its height")
    return 0


if __name__ == "__main__":
    sys.exit(main())
