"""How many finished, labelled samples the renderer makes in a second, and where the time goes.

python benchmarks/render.py [--rig builtin] [--folder DIR] [--backgrounds DIR] [--samples 400] [--workers 2]
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise, repeat
from multiprocessing import get_context
from pathlib import Path

import cv2

from mien.lab.render.assemble import stage
from mien.lab.render.camera import take
from mien.lab.render.random_scene import Wishes, choose
from mien.lab.render.rasterize import draw
from mien.lab.render.sample import label, render_sample
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Rig

STEPS = ("choose", "stage", "draw", "camera", "labels")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rig", default="builtin")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--people", type=int, default=64, help="all are met before the clock starts")
    args = parser.parse_args()
    wishes = Wishes(size_px=args.size, backgrounds=args.backgrounds, people=args.people)
    job = (args.rig, args.folder, wishes)
    shares(job, min(args.samples, 100))
    if args.workers > 1:
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
    """Samples per second of several processes, warmed up."""
    block = 25
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_block, [(job, i * block, block) for i in range(4 * workers)], chunksize=4))
        begin = time.perf_counter()
        done = sum(pool.map(_block, [(job, 10_000 + i, block) for i in range(0, count, block)]))
        seconds = time.perf_counter() - begin
    print(f"{job[0]}, {job[2].size_px} px, {workers} processes: {done / seconds:.1f} samples/s by the clock")


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


def _block(task: tuple[tuple[str, Path | None, Wishes], int, int]) -> int:
    (name, folder, wishes), first, count = task
    cv2.setNumThreads(1)  # the processes share the cores among themselves
    rig = load_rig(name, folder)
    _meet(rig, wishes)
    for seed in range(first, first + count):
        render_sample(rig, seed, wishes.size_px, wishes)
    return count


if __name__ == "__main__":
    main()
