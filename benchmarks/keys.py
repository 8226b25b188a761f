"""How few keys a take needs: made and real ones, every shape and every rotation, at 0.01 and at 1 degree.

    python benchmarks/keys.py [TAKE ...] [--joined SECONDS] [--json]

Without a take: a generated minute, as it is and with a tremor of 0.008 on every shape that moves. TAKE is what
`mien export` takes; `--joined 60` puts them one after another, again and again, until they are so long. Shares are of
one key per frame: of all 52 shapes; of those that move; of head and eyes (by angle); of shapes and rotations together.
A curve that never leaves its tolerance has one key. The greatest error at a frame is measured on the keys. How to read
it: docs/outputs.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from mien.animate.acting import records
from mien.animate.curves import reduced
from mien.animate.generate import generate
from mien.animate.performance import Performance, performance
from mien.animate.script import parse_say
from mien.animate.smooth import calmed
from mien.animate.turns import angles_deg, continuous, reduced_turns, turned_at
from mien.core.timebase import NS_PER_S
from mien.take.reader import load_take

SAID = (
    "happy at 2, sad 0.8 at 9, micro fear at 12, surprise at 20, anger 0.9 at 30, disgust at 42, happy 0.6 at 50, "
    "micro contempt 0.5 at 55"
)
TREMOR = 0.008
LIMIT = 0.15


def share(one: Performance, tolerance: float, degrees: float) -> dict[str, Any]:
    t, weights = one.t_ns / NS_PER_S, one.weights.astype(np.float64)
    moving = np.ptp(weights, axis=0) > 0
    began = time.thread_time()
    curves = [reduced(t, column, tolerance) for column in weights.T]
    cost = time.thread_time() - began
    error = max(float(np.abs(k.at(t) - v).max()) for k, v in zip(curves, weights.T, strict=True))
    turned = (one.head_xyzw, one.left_eye_xyzw, one.right_eye_xyzw)
    turns = [reduced_turns(t, q, degrees) for q in turned]
    off = max(float(angles_deg(turned_at(k, t), continuous(q)).max()) for k, q in zip(turns, turned, strict=True))
    shared = [len(reduced(t, weights, tolerance, straight=s)) for s in (False, True)]
    keys, turn_keys = np.array([len(k) for k in curves]), sum(map(len, turns))
    straight = sum(len(reduced(t, column, tolerance, straight=True)) for column in weights.T)
    return {
        "frames": len(t),
        "seconds": float(t[-1] - t[0]),
        "moving": int(moving.sum()),
        "all_52": float(keys.sum() / weights.size),
        "moving_only": float(keys[moving].sum() / max(moving.sum() * len(t), 1)),
        "rotations": turn_keys / (3 * len(t)),
        "together": float((keys.sum() + turn_keys) / (55 * len(t))),
        "straight_52": straight / weights.size,
        "shared_times_cubic": shared[0] / len(t),
        "shared_times_straight": shared[1] / len(t),
        "error": error,
        "error_deg": off,
        "cpu_s": cost,
    }


def joined(takes: list[Performance], seconds: float) -> Performance:
    """One after another, until they are so long."""
    parts: list[Performance] = []
    length_ns = 0
    while length_ns < seconds * NS_PER_S:
        one = takes[len(parts) % len(takes)]
        step = int(np.median(np.diff(one.t_ns)))
        parts.append(replace(one, t_ns=one.t_ns - one.t_ns[0] + length_ns))
        length_ns = int(parts[-1].t_ns[-1]) + step
    whole = {
        f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Performance) if f.name != "track_id"
    }
    kept = whole["t_ns"] <= seconds * NS_PER_S
    return Performance(track_id=1, **{n: a[kept] for n, a in whole.items()})


def made() -> dict[str, Performance]:
    script = parse_say(SAID, seed=1, fps=30.0, seconds=60.0)
    one = performance(records(generate(script), "said"))
    shaken = one.weights + np.random.default_rng(0).normal(0, TREMOR, one.weights.shape) * (
        np.ptp(one.weights, axis=0) > 0.02
    )
    return {"generated": one, "with tremor": replace(one, weights=np.clip(shaken, 0, 1).astype(np.float32))}


def told(row: dict[str, Any]) -> str:
    names = ("all_52", "moving_only", "rotations", "together", "straight_52")
    every, moving, turns, together, straight = (f"{100 * row[n]:.1f} %" for n in names)
    cubic, lines = (f"{100 * row[f'shared_times_{n}']:.0f} %" for n in ("cubic", "straight"))
    return (
        f"{row['frames']} frames, {row['seconds']:.0f} s, {row['moving']} shapes move: keys {every} of 52, {moving} of "
        f"those moving, rotations {turns}, together {together}; error {row['error']:.4f}, {row['error_deg']:.2f} deg; "
        f"straight {straight}; shared times {cubic} cubic, {lines} straight; {row['cpu_s']:.1f} s CPU"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("takes", nargs="*", type=Path, metavar="TAKE")
    parser.add_argument("--joined", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--tolerance", type=float, default=0.01)
    parser.add_argument("--degrees", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    named = {str(p): performance(load_take(p).records()) for p in given.takes} or made()
    if given.joined:
        named = {f"{len(named)} takes joined": joined(list(named.values()), given.joined)}
    table = {}
    for name, one in named.items():
        for way, shown in (("as measured", one), ("calmed", calmed(one))):
            row = table[f"{name}, {way}"] = share(shown, given.tolerance, given.degrees)
            if not given.json:
                print(f"{name}, {way}: {told(row)}", flush=True)
    if given.json:
        print(json.dumps(table, indent=2))
    return 0 if all(row["all_52"] <= LIMIT for row in table.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
