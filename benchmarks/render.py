"""How many finished, labelled samples the renderer makes in a second, and where the time goes.

python benchmarks/render.py [--rig builtin] [--folder DIR] [--backgrounds DIR] [--samples 400] [--workers 2]
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import pairwise, repeat
from pathlib import Path

import cv2

from mien.lab.render.assemble import stage
from mien.lab.render.camera import take
from mien.lab.render.random_scene import Wishes, choose
from mien.lab.render.rasterize import draw
from mien.lab.render.sample import label, render_sample
from mien.lab.render.stream import RigSource, stream
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Rig

STEPS = ("choose", "stage", "draw", "camera", "labels")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rig", default="builtin")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2, help="0 = only the CPU time of each step")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--people", type=int, default=64, help="all are met before the clock starts")
    args = parser.parse_args()
    wishes = Wishes(size_px=args.size, backgrounds=args.backgrounds, people=args.people)
    job = (args.rig, args.folder, wishes)
    shares(job, min(args.samples, 100))
    if args.workers > 0:
        throughput(job, args.samples, args.workers)


def shares(job: tuple[str, Path | None, Wishes], count: int) -> None:
    """CPU time of every step in this process, after a warm-up."""
    name, folder, wishes = job
    cv2.setNumThreads(1)
    rig = load_rig(name, folder)
    _meet(rig, wishes)
    spent = dict.fromkeys(STEPS, 0.0)
    for seed in range(count):
        # The least of several runs: what others do on the machine slows caches and shared cores.
        runs = [_timed(rig, seed, wishes) for _ in range(3)]
        for step, seconds in zip(STEPS, zip(*runs, strict=True), strict=True):
            spent[step] += min(seconds)
    total = sum(spent.values())
    each = 1000 * total / count
    print(f"{name}, {wishes.size_px} px: {each:.1f} ms of CPU per sample = {count / total:.1f} samples/s and core")
    for step, seconds in spent.items():
        print(f"  {step:8s} {1000 * seconds / count:6.2f} ms  {100 * seconds / total:3.0f} %")


def _timed(rig: Rig, seed: int, wishes: Wishes) -> list[float]:
    """CPU seconds of each step of one sample."""
    marks = [time.process_time()]
    choices = choose(seed, wishes)
    marks.append(time.process_time())
    staged = stage(rig, choices)
    marks.append(time.process_time())
    drawing = draw(staged.scene)
    marks.append(time.process_time())
    image = take(drawing.linear, choices.faults)
    marks.append(time.process_time())
    label(rig.name, image, choices, staged, drawing)
    marks.append(time.process_time())
    return [end - begin for begin, end in pairwise(marks)]


def throughput(job: tuple[str, Path | None, Wishes], count: int, workers: int) -> None:
    """Samples per second as a training gets them, out of several processes, after nearly everybody was met."""
    name, folder, wishes = job
    with stream([RigSource(name, folder)], wishes=wishes, workers=workers) as samples:
        for _ in range(6 * wishes.people):
            next(samples)
        begin, own = time.perf_counter(), time.process_time()
        for _ in range(count):
            next(samples)
        seconds, own = time.perf_counter() - begin, time.process_time() - own
    busy = os.getloadavg()[0]
    print(
        f"{name}, {wishes.size_px} px, {workers} processes: {count / seconds:.1f} samples/s by the clock "
        f"({1000 * own / count:.2f} ms of CPU per sample to receive; load of the machine {busy:.1f})"
    )


_MET: set[str] = set()


def _meet(rig: Rig, wishes: Wishes) -> None:
    """Compile, and meet every person once: what only the first samples of a training cost."""
    if rig.name not in _MET:
        _MET.add(rig.name)
        for seed in range(10):
            render_sample(rig, seed, wishes.size_px, wishes)
        met: set[int] = set()
        for choices in map(choose, range(20 * wishes.people), repeat(wishes)):
            if choices.person not in met:
                met.add(choices.person)
                stage(rig, choices)


if __name__ == "__main__":
    main()
