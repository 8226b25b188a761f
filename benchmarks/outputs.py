"""What five receivers cost a live run, per frame: the frame loop's part, and all of it.

    python benchmarks/outputs.py [--frames 600] [--rate 60] [--json]

Nothing is measured of a face here: signals with changing numbers go to five receivers on loopback (VMC, Live Link,
iFacialMocap, OpenSeeFace, a WebSocket client) at a camera's pace. How to read it: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from mien.animate.signal import FaceSignal, turn_of
from mien.sinks.live.opening import open_outlets
from mien.sinks.live.udp import port_of, udp_socket
from mien.sinks.protocols.table import parse_target

UDP = ("vmc", "livelink", "ifacialmocap", "osf")
BUDGET_MS = 1.0
CLIENT = """
import sys
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
with connect(sys.argv[1], proxy=None) as server:
    print("connected", flush=True)
    try:
        for _ in server:
            pass
    except ConnectionClosed:
        pass
"""
"""In a process of its own: what it costs is not counted."""


def signals(count: int) -> list[FaceSignal]:
    """Faces with everything in them."""
    rng = np.random.default_rng(0)
    return [
        FaceSignal(
            0,
            weights=rng.random(52).astype(np.float32),
            head_xyzw=turn_of(*rng.normal(0, 10, 3)),
            left_eye_xyzw=turn_of(*rng.normal(0, 10, 2)),
            right_eye_xyzw=turn_of(*rng.normal(0, 10, 2)),
            head_mm=np.array([0, 0, 600], np.float32),
            size_wh=(1280, 720),
            points_xy=(rng.random((98, 2)) * 700).astype(np.float32),
            points_confidence=np.ones(98, np.float32),
        )
        for _ in range(count)
    ]


def encoding_ms(protocol: str, faces: list[FaceSignal]) -> float:
    """Median CPU of making the packets of one frame."""
    encoder = parse_target(f"{protocol}://").encoder()
    return median_ms([lambda face=face: encoder.encode(face) for face in faces])  # type: ignore[misc]


def median_ms(calls: list[Callable[[], Any]]) -> float:
    out = []
    for call in calls:
        began = time.thread_time_ns()
        call()
        out.append((time.thread_time_ns() - began) / 1e6)
    return statistics.median(out)


def run(faces: list[FaceSignal], rate: float) -> dict[str, Any]:
    """Five receivers at once; costs per frame in ms. The same loop without receivers is measured behind it."""
    from dataclasses import replace

    sockets = [udp_socket("127.0.0.1", 0, listen=True) for _ in UDP]
    addresses = [f"{p}://127.0.0.1:{port_of(s)}" for p, s in zip(UDP, sockets, strict=True)]
    with udp_socket("127.0.0.1", 0, listen=True) as probe:
        addresses.append(f"ws://127.0.0.1:{port_of(probe)}")
    outlets = open_outlets([parse_target(a) for a in addresses])
    client = subprocess.Popen([sys.executable, "-c", CLIENT, addresses[-1]], stdout=subprocess.PIPE)
    with client:
        assert client.stdout is not None
        client.stdout.readline()
        loop_cpu, loop_wall = [], []
        whole = time.process_time_ns()
        for face in faces:
            live = replace(face, t_ns=time.monotonic_ns())
            cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
            outlets.offer(live)
            loop_wall.append((time.perf_counter_ns() - wall) / 1e6)
            loop_cpu.append((time.thread_time_ns() - cpu) / 1e6)
            time.sleep(1 / rate)
        whole = time.process_time_ns() - whole
        figures = [o.figures() for o in outlets.outlets]
        outlets.close()
    for one in sockets:
        one.close()
    p50, p95 = np.percentile(loop_wall, [50, 95]).tolist()
    bare = time.process_time_ns()
    for face in faces:
        replace(face, t_ns=time.monotonic_ns())
        time.sleep(1 / rate)
    bare = time.process_time_ns() - bare
    return {
        "bare_loop_cpu_ms": bare / 1e6 / len(faces),
        "loop_cpu_ms": statistics.median(loop_cpu),
        "loop_wall_ms": {"p50": p50, "p95": p95},
        "all_threads_cpu_ms": whole / 1e6 / len(faces),
        "receivers": figures,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--rate", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    faces = signals(arguments.frames)
    table = run(faces, arguments.rate)
    table["encoding_cpu_ms"] = {p: encoding_ms(p, faces) for p in (*UDP, "ws", "vts")}
    cost = table["all_threads_cpu_ms"] - table["bare_loop_cpu_ms"]
    table["share_of_budget"] = cost / BUDGET_MS
    if arguments.json:
        print(json.dumps(table, indent=2))
    else:
        loop, p95 = table["loop_cpu_ms"], table["loop_wall_ms"]["p95"]
        print(f"frame loop     {loop:.3f} ms CPU, {p95:.3f} ms p95 by the clock; {loop / BUDGET_MS:.2f} of the budget")
        print(f"all threads    {cost:.3f} ms CPU per frame = {cost / BUDGET_MS:.2f} of the budget of {BUDGET_MS} ms")
        bare = table["bare_loop_cpu_ms"]
        print(f"               ({bare:.3f} ms more are this program's own loop without receivers)")
        for name, ms in table["encoding_cpu_ms"].items():
            print(f"  {name:13} {ms:.3f} ms to encode = {ms / cost:.2f} of all")
        for one in table["receivers"]:
            latency = one["latency_ms"]
            print(f"  {one['to']:32} {one['sent']} sent, {latency['p50']:.2f} / {latency['p95']:.2f} ms p50 / p95")
    return 0 if cost < BUDGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())
