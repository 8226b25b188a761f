"""Does memory stay flat? A long clip through every stage of the default preset into a Parquet take.

    python benchmarks/memory.py [--minutes 30] [--fast] [--json]

Plays the built-in clip again and again. Without --fast as one real video file that is decoded; with --fast from frames
kept in memory. Ends with code 1 if memory grew by more than 50 MB after the first minute, or a frame is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from clips import RATE, frames_of, write_clip, write_loop

from mien.core.record import FrameRecord, Stamp
from mien.core.timebase import NS_PER_S
from mien.pipeline.compose import compose
from mien.pipeline.config import load_config
from mien.pipeline.registry import SINKS, load
from mien.pipeline.runner import SinkThread, run
from mien.pipeline.stage import Source, SourceInfo, TakeHeader, TakeSummary
from mien.sources.opening import open_source
from mien.take.reader import load_take

ALLOWED_BYTES = 50_000_000
SAMPLE_EVERY = 10 * RATE
SIZE_WH = (640, 360)


class LoopSource:
    """Gives a few frames from memory again and again, with stamps that go on."""

    def __init__(self, records: list[FrameRecord], count: int) -> None:
        self._records = records
        self._count = count
        self.warnings: list[str] = []
        self.info = SourceInfo("loop", "video", records[0].size_wh, RATE, count)

    def __iter__(self) -> Iterator[FrameRecord]:
        for i in range(self._count):
            stamp = Stamp("loop", i, i * NS_PER_S // RATE)
            yield replace(self._records[i % len(self._records)], stamp=stamp)

    def close(self) -> None:
        pass


def resident_bytes() -> int:
    """Memory of this process that is in RAM now."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        raise SystemExit("memory.py reads /proc/self/statm, which this system does not have: run it on Linux") from None
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure(source: Source, folder: Path) -> dict[str, Any]:
    """Run the source to its end, sampling memory."""
    config = load_config("balanced", ['outputs=["parquet"]'])
    samples: list[tuple[int, int]] = []
    began = time.monotonic()
    count = found = 0
    with compose(config, source.info) as pipeline:
        part = load(SINKS["parquet"])
        sinks = SinkThread([part(None, folder=folder, resume=False)], TakeHeader(source.info, config))
        for record in run(source, pipeline):
            sinks.write(record)
            count += 1
            found += bool(record.faces and record.faces[0].landmarks)
            if count % SAMPLE_EVERY == 0:
                samples.append((count, resident_bytes()))
                if count % (60 * RATE) == 0:
                    fps = count / (time.monotonic() - began)
                    print(f"{count // (60 * RATE)} min, {samples[-1][1] / 1e6:.0f} MB, {fps:.0f} fps", file=sys.stderr)
        sinks.close(TakeSummary("complete", count))
    first = [rss for n, rss in samples if n <= 60 * RATE]
    later = [rss for n, rss in samples if n > 60 * RATE]
    return {
        "frames": count,
        "frames_with_landmarks": found,
        "seconds": round(time.monotonic() - began, 1),
        "rss_after_first_minute": first[-1] if first else None,
        "rss_highest_later": max(later, default=None),
        "rss_end": resident_bytes(),
        "growth_bytes": max(later) - first[-1] if first and later else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory over a long clip.")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--fast", action="store_true", help="frames from memory instead of a decoded file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    wanted = round(args.minutes * 60 * RATE)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if args.fast:
            source: Source = LoopSource(list(frames_of("demo", 5 * RATE)), wanted)
        else:
            write_clip("demo", folder / "short.mp4", SIZE_WH, 5 * RATE)
            wanted = write_loop(folder / "short.mp4", folder / "long.mp4", wanted)
            source = open_source(str(folder / "long.mp4"))
        result = {"frames_expected": wanted} | measure(source, folder)
        result["frames_in_take"] = sum(1 for _ in load_take(folder / "take.parquet").records())
    growth = result["growth_bytes"]
    exact = result["frames"] == result["frames_in_take"] == wanted
    result["ok"] = exact and (growth is None or growth < ALLOWED_BYTES)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        grew = "too short to tell" if growth is None else f"{growth / 1e6:+.1f} MB after the first minute"
        print(f"{result['frames']} of {wanted} frames, {result['frames_in_take']} in the take; memory: {grew}")
    raise SystemExit(0 if result["ok"] else 1)


if __name__ == "__main__":
    main()
