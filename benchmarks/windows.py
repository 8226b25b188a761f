"""Milliseconds of a 3D-ResNet-18 window (16 × 112 × 112) in float32 and int8, and what int8 costs.

    python benchmarks/windows.py [--keep FOLDER] [--teach 30] [--seconds 6] [--threads 2] [--json]

Needs the extra `lab`. How to read it: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch

from mien.errors import MienError
from mien.lab.evaluate.micro_windows import (
    FRAMES,
    SIDE,
    WindowReader,
    Windows,
    calibration,
    check_finite,
    draw_windows,
    reader_spec,
    settle,
    teach,
)
from mien.lab.export import traced
from mien.lab.rigs.catalogue import load_rig
from mien.lab.train.quantise import How, eight_bit
from mien.runtime.session import Session, open_session

AIM_MS = 50.0
"""Of a window in int8 on two cores."""
WARM_UP = 2
NETWORKS = {"pooled stem": True, "Table 1": False}
"""Name → a 3×3 maximum behind the stem."""


def windows(path: Path | None, name: str, count: int, seed: int) -> Windows:
    """Drawn windows, kept in a folder between runs."""
    file = None if path is None else path / f"{name}-{count}-{seed}.npz"
    if file is not None and file.exists():
        with np.load(file) as kept:
            return Windows(kept["clips"], kept["classes"])
    drawn = draw_windows(load_rig("builtin"), count, seed)
    if file is not None:
        np.savez(file, clips=drawn.clips, classes=drawn.classes)
    return drawn


def taught(path: Path | None, learn: Windows, steps: int) -> WindowReader:
    """The pooled network taught for so many steps, kept in a folder between runs."""
    file = None if path is None else path / f"pooled-{len(learn)}-{steps}-steps.pt"
    if file is not None and file.exists():
        net = WindowReader(reader_spec(pooled=True))
        net.load_state_dict(torch.load(file, weights_only=True))
        return net.eval()
    net = teach(learn, reader_spec(pooled=True), steps)
    if file is not None:
        torch.save(net.state_dict(), file)
    return net


def unpooled(pooled: WindowReader, some: Windows) -> WindowReader:
    """Table 1's network with the weights of the pooled one: five times as slow to teach, so only the means and spreads
    of its normalisations are its own."""
    net = WindowReader(reader_spec(pooled=False))
    net.load_state_dict(pooled.state_dict())
    settle(net, some.clips)
    check_finite(net)
    return net.eval()


def models(net: WindowReader, learn: Windows) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The network in float32 and in int8, calibrated on windows that it learned from."""
    example = torch.zeros(1, learn.clips.shape[1], FRAMES, SIDE, SIDE)
    whole = traced(net, example, ["clip", "probabilities"], {})
    return whole, eight_bit(whole, "clip", calibration(learn), How())


def sessions(whole: onnx.ModelProto, eight: onnx.ModelProto, threads: int) -> Iterator[tuple[str, Session]]:
    """Every way to run a network; the first of a backend is the one that its others are compared with."""
    content, small = whole.SerializeToString(), eight.SerializeToString()
    for backend in ("openvino", "onnxruntime"):
        yield f"{backend} f32", open_session(content, backend=backend, threads=threads, precision="f32")
        if backend == "openvino":
            yield f"{backend} auto", open_session(content, backend=backend, threads=threads)
        yield f"{backend} int8", open_session(small, backend=backend, threads=threads)


def speed(ways: dict[str, Session], clip: np.ndarray[Any, Any], seconds: float) -> dict[str, tuple[float, float]]:
    """Medians of a window, in turns, so that a neighbour's load hits all ways: milliseconds by the clock, and of
    processor time of all threads, which a neighbour hardly changes."""
    took: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for session in ways.values():
        for _ in range(WARM_UP):
            session.run({"clip": clip})
    end = time.perf_counter() + seconds * len(ways)
    while time.perf_counter() < end or not all(took.values()):
        for way, session in ways.items():
            for _ in range(2):  # the first after another network's turn finds cold caches
                began, used = time.perf_counter_ns(), time.process_time_ns()
                session.run({"clip": clip})
                wall, cpu = time.perf_counter_ns() - began, time.process_time_ns() - used
            took[way].append((wall / 1e6, cpu / 1e6))
    return {w: (statistics.median(a for a, _ in ms), statistics.median(b for _, b in ms)) for w, ms in took.items()}


def cost(ways: dict[str, Session], test: Windows) -> dict[str, dict[str, float]]:
    """Share of right answers of every way; how often it agrees with its backend's f32, and the largest difference."""
    answers = {
        way: np.concatenate([s.run({"clip": c})["probabilities"] for c in calibration(test)]) for way, s in ways.items()
    }
    out = {}
    for way, found in answers.items():
        whole = answers[f"{way.split()[0]} f32"]
        out[way] = {
            "right": float((found.argmax(axis=1) == test.classes).mean()),
            "agrees": float((found.argmax(axis=1) == whole.argmax(axis=1)).mean()),
            "largest_difference": float(np.abs(found - whole).max()),
            "mean_difference": float(np.abs(found - whole).mean()),
        }
    return out


def measure(name: str, args: argparse.Namespace, learn: Windows, test: Windows) -> dict[str, dict[str, float]]:
    """Way → its milliseconds and what it costs."""
    some = Windows(learn.clips[: args.calibrate], learn.classes[: args.calibrate])
    net = taught(args.keep, learn, args.teach)
    ways = dict(sessions(*models(net if NETWORKS[name] else unpooled(net, some), some), args.threads))
    took = speed(ways, next(calibration(test)), args.seconds)
    costs = cost(ways, test)
    for session in ways.values():
        session.close()
    out = {}
    for way, (ms, cpu_ms) in took.items():
        whole, whole_cpu = took[f"{way.split()[0]} f32"]
        share = {"ms": ms, "over_f32": ms / whole, "cpu_ms": cpu_ms, "cpu_over_f32": cpu_ms / whole_cpu}
        out[way] = {**share, **costs[way]}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description="Milliseconds of a 3D-ResNet-18 window, and what int8 costs.")
    parser.add_argument("--network", action="append", choices=sorted(NETWORKS), help="repeatable; default: all")
    parser.add_argument("--learn", type=int, default=100, help="drawn windows to learn from and to calibrate with")
    parser.add_argument("--test", type=int, default=100, help="drawn windows of other people")
    parser.add_argument("--teach", type=int, default=30, help="steps of learning, some seconds each")
    parser.add_argument("--seconds", type=float, default=6.0, help="of measuring per network and way")
    parser.add_argument("--calibrate", type=int, default=20, help="windows of those learned from that set the ranges")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder that keeps windows and weights between runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    cv2.setNumThreads(1)
    if args.keep is not None:
        args.keep.mkdir(parents=True, exist_ok=True)
    learn, test = windows(args.keep, "learn", args.learn, 1), windows(args.keep, "test", args.test, 2)
    results = {name: measure(name, args, learn, test) for name in args.network or NETWORKS}
    if args.json:
        print(json.dumps(results, indent=2))
        return
    for name, ways in results.items():
        print(f"{name}, {len(test)} drawn windows of people not learned from")
        for way, f in ways.items():
            met = "" if "int8" not in way else f", aim {AIM_MS:g} ms {'met' if f['ms'] <= AIM_MS else 'missed'}"
            print(
                f"  {way:18}{f['ms']:8.1f} ms ({f['over_f32']:.2f} of f32{met}); processor {f['cpu_ms']:.0f} ms "
                f"({f['cpu_over_f32']:.2f}); right {100 * f['right']:.0f} %, "
                f"as f32 {100 * f['agrees']:.0f} %, probabilities differ by {f['largest_difference']:.3f} at most"
            )


if __name__ == "__main__":
    try:
        main()
    except MienError as error:
        sys.exit(f"windows.py: {error}")
