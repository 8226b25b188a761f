"""Frames per second of each preset, whole and part by part, beside MediaPipe alone on the same frames in the same run.

    python benchmarks/pipeline.py [--clip PATH] [--frames 300] [--repeat 3] [--preset NAME ...] [--json]

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
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import one_thread  # noqa: F401  first: before NumPy
from clips import write_clip

from mien.core.record import FrameRecord
from mien.errors import MienError
from mien.pipeline.compose import compose, options_for
from mien.pipeline.config import load_config, preset_names
from mien.pipeline.registry import SINKS, load
from mien.pipeline.runner import SinkThread, run
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.sources.opening import open_source

SIZES = ((640, 360), (1280, 720))
WARM_UP = 10
KEPT = 100  # records kept with their pixels for the sinks: 280 MB at 720p
MEDIAPIPE = "mediapipe alone"
ALL_STAGES = "all stages"
PLACES = ("detect", "landmarks", "head_pose", "gaze")
UNEVEN = ("detect", "expression")
"""Stages that do not work in every frame: means, where a median would show one kind of frame."""


def runnable_presets() -> list[str]:
    """The default preset first, then the others with stages of their own whose models and packages are here."""
    out: dict[str, str] = {}
    for name in ("balanced", *preset_names()):
        config = load_config(name)
        stages = json.dumps({slot: config[slot] for slot in config["stages"] if slot != "detect"})
        if stages in out.values():
            continue
        try:
            compose(config, SourceInfo("benchmark", "video", (640, 360))).close()
        except MienError as error:
            print(f"preset {name} is left out: {error}", file=sys.stderr)
            continue
        out[name] = stages
    return list(out)


def measure_decode(clip: Path) -> float:
    """Milliseconds per frame to read the clip, in a loop of its own."""
    source = open_source(str(clip))
    began, count = time.perf_counter(), 0
    for _ in source:
        count += 1
    return (time.perf_counter() - began) * 1000 / count


def measure_stages(clip: Path, config: dict[str, Any]) -> tuple[dict[str, float], list[FrameRecord]]:
    """Median milliseconds per frame of all stages together and of each, on decoded frames; and the finished records."""
    source = open_source(str(clip))
    records: list[FrameRecord] = []
    took = []
    with compose(config, source.info) as pipeline:
        for record in source:
            began = time.perf_counter_ns()
            done = pipeline.process(record)
            took.append(time.perf_counter_ns() - began)
            records.append(done if len(records) < KEPT else done.slim())
    warm = records[WARM_UP:]
    times = {ALL_STAGES: statistics.fmean(sorted(took[WARM_UP:])[: -max(1, len(took) // 50)]) / 1e6}
    if all(slot in warm[0].trace.stage_ns for slot in PLACES):
        places = [sum(r.trace.stage_ns[slot] for slot in PLACES) for r in warm]
        times["detect to gaze"] = statistics.median(places) / 1e6
    for slot in warm[0].trace.stage_ns:
        middle = statistics.fmean if slot in UNEVEN else statistics.median
        times[f"stage {slot}"] = middle(r.trace.stage_ns[slot] for r in warm) / 1e6
    return times, records


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


def measure_round(clip: Path, presets: Sequence[str], folder: Path) -> tuple[dict[str, float], dict[str, int]]:
    """Milliseconds per frame of every row, once; and per preset the number of frames with a face."""
    values: dict[str, float] = {}
    found = {}
    with suppress(ImportError):
        values[MEDIAPIPE], values["decode, then mediapipe"] = measure_mediapipe(clip)
    values["decode"] = measure_decode(clip)
    for preset in presets:
        config = load_config(preset)
        chain, found[preset] = measure_chain(clip, config, ("parquet",), folder / f"{preset}-chain")
        stages, records = measure_stages(clip, config)
        values |= {f"{preset}: {row}": ms for row, ms in stages.items()}
        values[f"{preset}: whole chain, parquet"] = chain
        if preset != presets[0]:
            continue
        outputs = ("parquet", "overlay")
        both, _ = measure_chain(clip, config, outputs, folder / f"{preset}-overlay")
        values[f"{preset}: whole chain, parquet and overlay"] = both
        for name in outputs:
            values[f"sink {name}"] = measure_sink(name, records[:KEPT], clip, config, folder / f"sink-{name}")
    return values, found


def measure_size(clip: Path, presets: Sequence[str], repeat: int, folder: Path) -> dict[str, Any]:
    """Every measurement `repeat` times, interleaved, so that a neighbour's load hits all of them; the medians."""
    runs: dict[str, list[float]] = {}
    found: dict[str, int] = {}
    for i in range(repeat):
        (folder / str(i)).mkdir()
        values, found = measure_round(clip, presets, folder / str(i))
        for name, ms in values.items():
            runs.setdefault(name, []).append(ms)
    median = {name: statistics.median(values) for name, values in runs.items()}
    return {
        "frames": sum(1 for _ in open_source(str(clip))),
        "frames_with_face": found,
        "parts": {
            name: {
                "ms": round(ms, 4),
                "fps": round(1000 / ms, 1),
                "spread_ms": [round(min(runs[name]), 4), round(max(runs[name]), 4)],
                "time_over_mediapipe": round(ms / median[MEDIAPIPE], 3) if MEDIAPIPE in median else None,
            }
            for name, ms in median.items()
        },
    }


def lines(size: str, result: dict[str, Any]) -> Iterator[str]:
    """The table of one size."""
    found = ", ".join(f"{preset} {count}" for preset, count in result["frames_with_face"].items())
    yield f"{size}: {result['frames']} frames, with a face: {found}"
    yield f"  {'':42}{'fps':>9}{'ms':>9}{'lowest–highest ms':>22}{'× MediaPipe':>13}"
    for name, part in result["parts"].items():
        low, high = part["spread_ms"]
        spread = f"{low:.2f}–{high:.2f}"
        ratio = "" if part["time_over_mediapipe"] is None else f"{part['time_over_mediapipe']:.2f}"
        yield f"  {name:42}{part['fps']:9.1f}{part['ms']:9.2f}{spread:>22}{ratio:>13}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Frames per second of Mien, beside MediaPipe alone.")
    parser.add_argument("--clip", default="demo", help="video file; default: the built-in clip")
    parser.add_argument("--frames", type=int, default=300, help="length of the clip; a shorter one is repeated")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--preset", action="append", help="repeatable; default: every shipped one that can run here")
    parser.add_argument("--size", action="append", help="WIDTHxHEIGHT, repeatable; default: 640x360 and 1280x720")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    if args.frames <= WARM_UP or args.repeat < 1:
        parser.error(f"--frames must be more than {WARM_UP}, --repeat at least 1")
    machine = {"platform": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
    presets = args.preset or runnable_presets()
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        for size in [tuple(map(int, s.split("x"))) for s in args.size or ()] or SIZES:
            name = "{}x{}".format(*size)
            folder = Path(temporary) / name
            folder.mkdir()
            clip = folder / "clip.mp4"
            print(f"{name}: making the clip, then {args.repeat} runs of {', '.join(presets)}", file=sys.stderr)
            write_clip(args.clip, clip, size, args.frames)
            results[name] = measure_size(clip, presets, args.repeat, folder)
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
