"""Frames per second of the whole chain and of each part, beside MediaPipe alone on the same frames in the same run.

    python benchmarks/pipeline.py [--clip PATH] [--frames 300] [--repeat 3] [--json]

How to read it: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clips import write_clip

from mien.core.record import FrameRecord
from mien.errors import MienError
from mien.pipeline.compose import compose, options_for
from mien.pipeline.config import load_config
from mien.pipeline.registry import SINKS, load
from mien.pipeline.runner import SinkThread, run
from mien.pipeline.stage import TakeHeader, TakeSummary
from mien.sources.opening import open_source

SIZES = ((640, 360), (1280, 720))
WARM_UP = 10
KEPT = 100  # records kept with their pixels for the sinks: 280 MB at 720p
MEDIAPIPE = "mediapipe alone"


def measure_decode(clip: Path) -> float:
    """Milliseconds per frame to read the clip, in a loop of its own."""
    source = open_source(str(clip))
    began, count = time.perf_counter(), 0
    for _ in source:
        count += 1
    return (time.perf_counter() - began) * 1000 / count


def measure_stages(clip: Path, config: dict[str, Any]) -> tuple[dict[str, float], list[FrameRecord]]:
    """Median milliseconds per frame of every stage, one after the other; and the finished records."""
    source = open_source(str(clip))
    records: list[FrameRecord] = []
    with compose(config, source.info) as pipeline:
        for record in source:
            done = pipeline.process(record)
            records.append(done if len(records) < KEPT else done.slim())
    warm = records[WARM_UP:]
    slots = warm[0].trace.stage_ns
    return {slot: statistics.median(r.trace.stage_ns[slot] for r in warm) / 1e6 for slot in slots}, records


def measure_sink(name: str, records: list[FrameRecord], clip: Path, config: dict[str, Any], folder: Path) -> float:
    """Milliseconds per frame to write the finished records, closing included."""
    part = load(SINKS[name])
    folder.mkdir()
    sink = part(options_for(part, config.get(name, {}), name), folder=folder, resume=False)
    source = open_source(str(clip))
    source.close()
    began = time.perf_counter()
    sink.open(TakeHeader(source.info, config))
    for record in records:
        sink.write(record if "image" in sink.reads else record.slim())
    sink.close(TakeSummary("complete", len(records)))
    return (time.perf_counter() - began) * 1000 / len(records)


def measure_chain(clip: Path, config: dict[str, Any], outputs: tuple[str, ...], folder: Path) -> tuple[float, int]:
    """Milliseconds per frame of decoding ‖ stages ‖ writing as `mien capture` runs them, closing included; and
    the number of frames with a face. Loading the models is not counted."""
    folder.mkdir()
    source = open_source(str(clip))
    with compose(config, source.info) as pipeline:
        parts = [(name, load(SINKS[name])) for name in outputs]
        sinks = [p(options_for(p, config.get(n, {}), n), folder=folder, resume=False) for n, p in parts]
        thread = SinkThread(sinks, TakeHeader(source.info, config, models=pipeline.models))
        began = time.perf_counter()
        count = found = 0
        for record in run(source, pipeline):
            thread.write(record)
            count += 1
            found += bool(record.faces)
        thread.close(TakeSummary("complete", count))
        return (time.perf_counter() - began) * 1000 / count, found


def measure_mediapipe(clip: Path) -> tuple[float, float]:
    """Median milliseconds per frame of MediaPipe's face mesh with irises, and of decoding and face mesh in turn."""
    import mediapipe as mp

    took = []
    with mp.solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True) as mesh:
        began, count = time.perf_counter(), 0
        for record in open_source(str(clip)):
            before = time.perf_counter_ns()
            mesh.process(record.image)
            took.append(time.perf_counter_ns() - before)
            count += 1
        whole = (time.perf_counter() - began) * 1000 / count
    return statistics.median(took[WARM_UP:]) / 1e6, whole


def measure_size(clip: Path, repeat: int, folder: Path) -> dict[str, Any]:
    """Every measurement `repeat` times, interleaved, so that a neighbour's load hits all of them; the medians."""
    config = load_config("balanced")
    runs: dict[str, list[float]] = {}
    found = frames = 0
    for i in range(repeat):
        values: dict[str, float] = {}
        values[MEDIAPIPE], values["decode, then mediapipe"] = measure_mediapipe(clip)
        chain, found = measure_chain(clip, config, ("parquet",), folder / f"chain{i}")
        values["whole chain, parquet"] = chain
        values["whole chain, parquet and overlay"], _ = measure_chain(
            clip, config, ("parquet", "overlay"), folder / f"overlay{i}"
        )
        values["decode"] = measure_decode(clip)
        stages, records = measure_stages(clip, config)
        values |= {f"stage {slot}": ms for slot, ms in stages.items()}
        for name in ("parquet", "overlay"):
            values[f"sink {name}"] = measure_sink(name, records[:KEPT], clip, config, folder / f"sink-{name}{i}")
        frames = len(records)
        del records
        for name, ms in values.items():
            runs.setdefault(name, []).append(ms)
    median = {name: statistics.median(values) for name, values in runs.items()}
    return {
        "frames": frames,
        "frames_with_face": found,
        "parts": {
            name: {
                "ms": round(ms, 4),
                "fps": round(1000 / ms, 1),
                "spread_ms": [round(min(runs[name]), 4), round(max(runs[name]), 4)],
                "time_over_mediapipe": round(ms / median[MEDIAPIPE], 3),
            }
            for name, ms in median.items()
        },
    }


def lines(size: str, result: dict[str, Any]) -> Iterator[str]:
    """The table of one size."""
    yield f"{size}: {result['frames']} frames, a face in {result['frames_with_face']}"
    yield f"  {'':34}{'fps':>9}{'ms':>9}{'lowest–highest ms':>22}{'× MediaPipe':>13}"
    for name, part in result["parts"].items():
        low, high = part["spread_ms"]
        spread = f"{low:.2f}–{high:.2f}"
        yield f"  {name:34}{part['fps']:9.1f}{part['ms']:9.2f}{spread:>22}{part['time_over_mediapipe']:13.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Frames per second of Mien, beside MediaPipe alone.")
    parser.add_argument("--clip", default="demo", help="video file; default: the built-in clip")
    parser.add_argument("--frames", type=int, default=300, help="length of the clip; a shorter one is repeated")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    if args.frames <= WARM_UP or args.repeat < 1:
        parser.error(f"--frames must be more than {WARM_UP}, --repeat at least 1")
    machine = {"platform": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        for size in SIZES:
            name = "{}x{}".format(*size)
            folder = Path(temporary) / name
            folder.mkdir()
            clip = folder / "clip.mp4"
            print(f"{name}: making the clip, then {args.repeat} runs", file=sys.stderr)
            write_clip(args.clip, clip, size, args.frames)
            results[name] = measure_size(clip, args.repeat, folder)
    if args.json:
        print(json.dumps({"machine": machine, "sizes": results}, indent=2))
        return
    print(", ".join(f"{k} {v}" for k, v in machine.items()))
    for size_name, result in results.items():
        print("\n".join(lines(size_name, result)))


if __name__ == "__main__":
    try:
        main()
    except MienError as error:
        sys.exit(f"pipeline.py: {error}")
