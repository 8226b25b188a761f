"""Capture → pixels in the page of the studio, in a real headless Chromium; and what the server spends on a frame.

    python benchmarks/latency.py [--pages 1] [--seconds 15] [--preset fast] [--angle gl-egl]

First the character alone: the weights of a made-up performance come 30 times a second, and nothing is captured. Then
the built-in clip is captured and shown. The page itself compares the capture's stamp (on its estimate of the server's
clock) with the moment when the screen's next picture is due after the character was drawn. The peer of what the server
spends is the same frame as JSON text, packed in the same run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from studio_clients import served

from mien.animate.acting import records
from mien.animate.expression_graph import ExpressionGraph
from mien.animate.generate import generate
from mien.animate.script import parse_say
from mien.animate.signal import signal_of
from mien.core.measures import ActionUnits, Blendshapes, Box, HeadPose, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.studio.clock import now_ms
from mien.studio.frame_packer import jpeg
from mien.studio.page import page_folder
from mien.studio.studio import Studio
from mien.studio.wire import FrameNews, pack_frame

ROOT = Path(__file__).parents[1]
RATE_HZ = 30
SAID = "happy 0.8 at 0.5, surprise 0.9 at 3, sad 0.8 at 6, angry at 9"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--angle", default="gl-egl", help="what Chromium draws with: gl-egl, swiftshader")
    asked = parser.parse_args()
    packing()
    if chromium() is None:
        sys.exit("there is no Chromium: install it (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Path(folder))
        with served(studio, page_folder()) as (_, port), weights_come(studio):
            show("the character alone", seen(port, asked, preset=""))
        with a_studio(folder) as port:
            show(f"live, {asked.preset}", seen(port, asked, asked.preset))


def chromium() -> str | None:
    """A browser that is there."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def a_studio(folder: str) -> Iterator[int]:
    """A studio in a process of its own; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "mien.cli.main", "studio", folder, "--no-browser", "--port", str(port)]
    server = subprocess.Popen(command)
    try:
        while server.poll() is None and not listens(port):
            time.sleep(0.2)
        yield port
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def weights_come(studio: Studio) -> Iterator[None]:
    """A performance without faces and pictures, over and over."""
    graph = ExpressionGraph()
    acted = list(records(generate(parse_say(SAID, seed=1, seconds=12, fps=float(RATE_HZ)), graph), "said"))
    graph.close()
    played = [(dataclasses.replace(r, faces=()), signal_of(r, r.faces[0])) for r in acted]
    ended = threading.Event()

    def play() -> None:
        due, at = time.monotonic(), 0
        while not ended.is_set():
            now, (record, signal) = now_ms(), played[at % len(played)]
            studio.hub.publish("frame", pack_frame(record, signal, FrameNews(now, now, 0, RATE_HZ)))
            due, at = due + 1 / RATE_HZ, at + 1
            time.sleep(max(0.0, due - time.monotonic()))

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def seen(port: int, asked: argparse.Namespace, preset: str) -> list[dict[str, Any]]:
    """What the pages measured; without a preset nothing is started."""
    script = [str(ROOT / "viewer/tests/latency.mjs"), f"http://127.0.0.1:{port}/", str(chromium())]
    arguments = [str(asked.seconds), str(asked.pages), preset, asked.angle]
    done = subprocess.run(["node", *script, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def show(what: str, pages: list[dict[str, Any]]) -> None:
    """Print a line a page, below what draws them."""
    print(f"{what}, drawn by {pages[0]['renderer']}:")
    for page in pages:
        p50, p95 = np.percentile(page["latenciesMs"], [50, 95])
        wide, high = page["size"]
        count = len(page["latenciesMs"])
        print(
            f"  drawn {page['drawnPerSecond']:.1f}/s at {wide}×{high} ({page['pixels']} px wide); capture → pixels "
            f"p50 {p50:.0f} ms, p95 {p95:.0f} ms over {count} frames, {page['perSecond']:.1f}/s shown"
        )


def listens(port: int) -> bool:
    """Whether the server answers."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def packing(rounds: int = 200) -> None:
    """What the server spends on one frame of 640 × 480 with one face, whoever is connected."""
    rng = np.random.default_rng(0)
    image = np.repeat(np.repeat(rng.integers(0, 255, (48, 64, 3), np.uint8), 10, axis=0), 10, axis=1)
    units = len(load_schema("facs"))
    face = Face(
        Box([100, 100, 300, 300], 0.9),
        1,
        landmarks=Landmarks(rng.uniform(100, 300, (98, 2)), np.ones(98), load_schema("wflw98")),
        head_pose=HeadPose(np.eye(3), [0, 0, 600], 0.5, 0.9),
        action_units=ActionUnits.of(rng.uniform(0, 5, units), np.ones(units)),
        blendshapes=Blendshapes.of(rng.uniform(0, 1, 52), np.ones(52)),
    )
    record = FrameRecord(Stamp("bench", 0, 1), (640, 480), image, (face,))
    signal = signal_of(record, face)
    table = {
        "points": face.landmarks.xy.tolist(), "confidence": face.landmarks.confidence.tolist(),  # type: ignore[union-attr]
        "units": face.action_units.values.tolist(), "weights": signal.weights.tolist(),  # type: ignore[union-attr]
        "head": signal.head_xyzw.tolist(),
    }  # fmt: skip

    def per_frame_ms(work: object) -> float:
        costs = []
        for _ in range(rounds):
            began = time.process_time_ns()
            work()  # type: ignore[operator]
            costs.append(time.process_time_ns() - began)
        return float(np.median(costs)) / 1e6

    packed = per_frame_ms(lambda: pack_frame(record, signal, FrameNews(0, 0, 0, 30)))
    text = per_frame_ms(lambda: json.dumps(table).encode())
    picture = per_frame_ms(lambda: jpeg(image))
    print(
        f"processor time per frame for all pages together: numbers {packed:.2f} ms (as JSON {text:.2f} ms, "
        f"{text / packed:.1f} times as much), picture 640×480 {picture:.2f} ms"
    )


if __name__ == "__main__":
    main()
