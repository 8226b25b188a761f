"""Jitter against lag of the filters for characters, group by group.

    python benchmarks/smoothing.py [--json]

A face at rest with measured-like noise (0.012 of a weight, 0.3 degrees of the head), and a movement as fast as the
group makes them: how much of the tremor is left (share), how much later than the raw curve the filtered one reaches
half of the height (ms; also for a movement of a tenth of the height), and how much of its height a pulse keeps. The
cutoff at rest and the speed coefficient (beta) are varied around the chosen ones, each alone; "offline" is the filter
without delay. How to read it: docs/animate.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mien.animate.motion import ease
from mien.animate.smooth import GROUPS, ROTATIONS, OneEuro

RATE_HZ = 60.0


@dataclass(frozen=True)
class Move:
    """A movement: seconds from end to end, its height, the noise at rest, in units of the signal."""

    seconds: float
    height: float
    noise: float = 0.012


def component(degrees: float) -> float:
    """A turn as the component of its quaternion."""
    return float(np.sin(np.radians(degrees) / 2))


MOVES = {
    "lids": Move(0.09, 1.0),
    "mouth": Move(0.25, 0.6),
    "brows": Move(0.35, 0.6),
    "cheeks": Move(0.35, 0.6),
    "head": Move(0.5, component(20.0), component(0.3)),
    "eyes": Move(0.05, component(15.0), component(0.3)),
}
"""Lids: a blink's way down. Head: a turn of 20 degrees in half a second. Eyes: a saccade of 15 degrees."""
FILTERS = {**GROUPS, "head": ROTATIONS, "eyes": ROTATIONS}
CUTOFFS = (0.25, 0.5, 1.0, 2.0, 4.0)
BETAS = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0)


def jitter_and_lag(one: OneEuro, move: Move, centred: bool) -> dict[str, float]:
    """Share of the tremor that is left; lags in ms; share of its height that a pulse of twice the seconds keeps."""
    t_ns = np.round(np.arange(600) / RATE_HZ * 1e9).astype(np.int64)
    t_s = t_ns / 1e9
    run = one.centred if centred else one
    noise = np.random.default_rng(0).normal(0.3 * move.height, move.noise, (600, 4)).astype(np.float32)
    left = float(np.abs(np.diff(run(t_ns, noise)[60:], axis=0)).mean() / np.abs(np.diff(noise[60:], axis=0)).mean())
    shape = ease((t_s - 3.0) / move.seconds)[:, None]
    lags = []
    for height in (move.height, move.height / 10):
        rise = (height * shape).astype(np.float32)
        at = [float(np.interp(height / 2, x[:, 0], t_s)) for x in (rise, np.maximum.accumulate(run(t_ns, rise)))]
        lags.append(1000 * (at[1] - at[0]))
    back = 1 - ease((t_s - 3.0 - move.seconds) / move.seconds)[:, None]
    pulse = (move.height * shape * back).astype(np.float32)
    kept = float(run(t_ns, pulse).max() / pulse.max())
    return {"tremor": left, "lag_ms": lags[0], "lag_of_a_tenth_ms": lags[1], "pulse": kept}


def rows(name: str) -> dict[str, dict[str, float]]:
    """Setting → figures, of one group."""
    chosen, move = FILTERS[name], MOVES[name]
    out = {}
    for factor in CUTOFFS:
        one = replace(chosen, min_cutoff_hz=chosen.min_cutoff_hz * factor)
        out[f"cutoff {one.min_cutoff_hz:g} Hz"] = jitter_and_lag(one, move, centred=False)
    for factor in BETAS:
        one = replace(chosen, beta_s=chosen.beta_s * factor)
        out[f"beta {one.beta_s:g}"] = jitter_and_lag(one, move, centred=False)
    out["offline"] = jitter_and_lag(chosen, move, centred=True)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    table: dict[str, Any] = {name: rows(name) for name in FILTERS}
    if given.json:
        print(json.dumps(table, indent=2))
        return 0
    for name, settings in table.items():
        for setting, row in settings.items():
            lags = f"lag {row['lag_ms']:5.1f} ms, of a tenth {row['lag_of_a_tenth_ms']:5.1f} ms"
            print(f"{name:7} {setting:14} tremor {row['tremor']:.2f}, {lags}, a pulse keeps {row['pulse']:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
