"""What spotting adds to a frame of a running camera: the flow of every frame, and a look every tenth of a second.

    python benchmarks/spotting.py [--rate 60 --rate 200] [--seconds 12] [--threads 1] [--profile] [--json]

A drawn person is played back and forth with the camera's times until the ten seconds that the spotter keeps are full;
then its calls are measured. Needs the extra `lab`. How to read it: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import sys
import time
from collections.abc import Iterator
from itertools import cycle

import cv2
import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.errors import MienError
from mien.lab.rigs.catalogue import load_rig
from mien.lab.synth.render_sequence import render_sequence
from mien.lab.synth.sequence import random_sequence
from mien.micro.spotter import Spotter

AIM_MS = 3.0
FULL_S = 11.0
"""Until the spotter's window is full."""
Shot = tuple[UInt8, Float32]


def film(rate: float, frames: int, side: int) -> list[Shot]:
    """(picture, landmarks) of a drawn person, forth and back."""
    sequence = random_sequence(7, "long", fps=rate, seconds=max(1.0, frames / rate + 0.1))
    shots: list[Shot] = []
    for sample in render_sequence(load_rig("builtin"), sequence, side):
        shots.append((sample.image, np.asarray(sample.landmarks.xy, dtype=np.float32)))
        if len(shots) == frames:
            break
    return [*shots, *shots[-2:0:-1]]


def calls(shots: list[Shot], rate: float, seconds: float) -> Iterator[tuple[float, float, float, float]]:
    """Milliseconds of every frame: watching and deciding by the clock, watching and deciding of the processor."""
    spotter = Spotter(keep=False)
    rng = np.random.default_rng(1)
    for k, (image, points) in enumerate(cycle(shots)):
        t_ns = round(k * 1e9 / rate)
        if t_ns > (FULL_S + seconds) * 1e9:
            break
        shaken = points + rng.normal(0, 0.3, points.shape).astype(np.float32)
        wall, used = time.perf_counter_ns(), time.process_time_ns()
        spotter.watch(0, image, shaken, t_ns)
        wall_half, used_half = time.perf_counter_ns(), time.process_time_ns()
        spotter.decide(t_ns)
        wall_end, used_end = time.perf_counter_ns(), time.process_time_ns()
        if t_ns >= FULL_S * 1e9:
            steps = wall_half - wall, wall_end - wall_half, used_half - used, used_end - used_half
            yield tuple(v / 1e6 for v in steps)  # type: ignore[misc]
    spotter.close()


def measure(rate: float, args: argparse.Namespace) -> dict[str, float]:
    """Means and the 95th percentile of one frame rate."""
    shots = film(rate, args.frames, args.side)
    profile = cProfile.Profile() if args.profile else None
    if profile is not None:
        profile.enable()
    took = np.array(list(calls(shots, rate, args.seconds)))
    if profile is not None:
        profile.disable()
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    whole = took[:, :2].sum(axis=1)
    looks = took[:, 1] > 0.2
    return {
        "ms": float(whole.mean()),
        "cpu_ms": float(took[:, 2:].sum(axis=1).mean()),
        "watch_ms": float(took[:, 0].mean()),
        "look_ms": float(took[looks, 1].mean()) if looks.any() else 0.0,
        "looks_per_second": float(looks.mean() * rate),
        "p95_ms": float(np.percentile(whole, 95)),
        "frames": len(took),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="What spotting adds to a frame of a running camera.")
    parser.add_argument(
        "--rate", type=float, action="append", help="frames per second, repeatable; default: 60 and 200"
    )
    parser.add_argument("--seconds", type=float, default=12.0, help="of the camera, measured")
    parser.add_argument("--frames", type=int, default=120, help="drawn, then played back and forth")
    parser.add_argument("--side", type=int, default=480, help="of the picture, px")
    parser.add_argument("--threads", type=int, default=1, help="of the flow; the looks have one")
    parser.add_argument("--profile", action="store_true", help="say on standard error where the time goes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    cv2.setNumThreads(args.threads)
    results = {f"{rate:g}": measure(rate, args) for rate in args.rate or (60.0, 200.0)}
    if args.json:
        print(json.dumps(results, indent=2))
        return
    for rate, f in results.items():
        met = "met" if f["ms"] <= AIM_MS else "missed"
        print(
            f"{rate:>4} frames/s: {f['ms']:.2f} ms a frame (aim {AIM_MS:g}: {met}); processor {f['cpu_ms']:.2f}; "
            f"watching {f['watch_ms']:.2f}, a look {f['look_ms']:.1f} {f['looks_per_second']:.1f} times a second; "
            f"95 % of frames below {f['p95_ms']:.1f}; {f['frames']:.0f} frames"
        )


if __name__ == "__main__":
    try:
        main()
    except MienError as error:
        sys.exit(f"spotting.py: {error}")
