"""What pages cost the server: processor time per frame and page, and whether four of them slow the capture.

    python benchmarks/studio_clients.py [--seconds 10] [--rounds 3] [--preset fast]

The pages are WebSocket clients in a process of their own that read every frame. First frames of 640 × 480 are
published at 30 Hz to 0, 1 and 4 of them, and the processor time of this process is divided by the frames; the
processor time does not depend on what else the machine does. Then the built-in clip is captured with one and with
four of them in turns: what measuring takes by the clock, and the processor time of this process per captured frame.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Semaphore
from pathlib import Path

import numpy as np
import uvicorn
from websockets.asyncio.client import connect

from mien.studio.app import create_app
from mien.studio.frame_packer import jpeg
from mien.studio.guard import Rules
from mien.studio.messages import Start, Status
from mien.studio.studio import Studio
from mien.studio.wire import FACE_FLOATS, HEAD, SIGNAL_FLOATS

RATE_HZ = 30
MANY = 4


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--preset", default="fast")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Studio(Path(folder))) as (studio, port):
        costs = {n: sending_ms(studio, port, n, asked.seconds) for n in (0, 1, MANY)}
        first, further = costs[1] - costs[0], (costs[MANY] - costs[1]) / (MANY - 1)
        told = ", ".join(f"{n} pages {ms:.2f} ms" for n, ms in costs.items())
        print(
            f"processor time of the server per frame: {told}: the first page {first:.2f} ms, every further one "
            f"{further:.2f} ms"
        )
        found: dict[int, list[tuple[float, float]]] = {1: [], MANY: []}
        studio.session.start(Start(source="demo", preset=asked.preset))
        wait_for(studio, "running")
        for _ in range(asked.rounds):
            for n, values in found.items():
                with pages(port, n):
                    values.append(measuring_ms(studio, asked.seconds))
        (one, one_cpu), (four, four_cpu) = (np.median(v, axis=0) for v in found.values())
        print(
            f"{asked.preset}: measuring takes {one:.1f} ms a frame with one page, {four:.1f} ms with {MANY} "
            f"({100 * (four / one - 1):+.1f} %), processor time per captured frame {one_cpu:.1f} and {four_cpu:.1f} ms "
            f"({100 * (four_cpu / one_cpu - 1):+.1f} %); medians of {asked.rounds} rounds in turns"
        )


@contextmanager
def served(studio: Studio, built: Path | None = None) -> Iterator[tuple[Studio, int]]:
    """The studio at a free port, in a thread; `built` = folder of the pages, None = without them."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    app = create_app(studio, Rules(), built)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws_per_message_deflate=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield studio, listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)


@contextmanager
def pages(port: int, count: int) -> Iterator[None]:
    """So many pages that read everything, in a process of their own."""
    ready = multiprocessing.get_context("spawn").Semaphore(0)
    process = multiprocessing.get_context("spawn").Process(target=read_all, args=(port, count, ready), daemon=True)
    process.start()
    for _ in range(count):
        ready.acquire()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def read_all(port: int, count: int, ready: Semaphore) -> None:
    """Read until the process is ended."""

    async def one() -> None:
        async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None, compression=None) as page:
            await page.recv()
            ready.release()
            async for _ in page:
                pass

    async def every() -> None:
        await asyncio.gather(*(one() for _ in range(count)))

    asyncio.run(every())


def sending_ms(studio: Studio, port: int, count: int, seconds: float) -> float:
    """Processor time of this process for a frame that goes to so many pages, ms."""
    rng = np.random.default_rng(0)
    image = np.repeat(np.repeat(rng.integers(0, 255, (48, 64, 3), np.uint8), 10, axis=0), 10, axis=1)
    frame = bytes(HEAD.size + 4 * (SIGNAL_FLOATS + FACE_FLOATS)) + jpeg(image)
    with pages(port, count):
        frames = round(seconds * RATE_HZ)
        began = time.process_time_ns()
        due = time.monotonic()
        for _ in range(frames):
            studio.hub.publish("frame", frame)
            due += 1 / RATE_HZ
            time.sleep(max(0.0, due - time.monotonic()))
        return (time.process_time_ns() - began) / frames / 1e6


def wait_for(studio: Studio, state: str) -> None:
    """Until the session is in that state."""
    while studio.session.session.state != state:
        assert studio.session.session.state != "failed", studio.session.session.problem
        time.sleep(0.1)


def measuring_ms(studio: Studio, seconds: float) -> tuple[float, float]:
    """Of a frame, over the seconds: what the pipeline took, as the pages are told (median); processor time."""
    said: list[Status] = []
    spent: list[int] = []
    say = studio.hub.say

    def listening(message: object, **more: bool) -> None:
        if isinstance(message, Status):
            said.append(message)
            spent.append(time.process_time_ns())
        say(message, **more)  # type: ignore[arg-type]

    time.sleep(2.0)
    studio.hub.say = listening  # type: ignore[assignment, method-assign]
    time.sleep(seconds)
    studio.hub.say = say  # type: ignore[method-assign]
    if len(said) < 2 or said[-1].frames == said[0].frames:
        return float("nan"), float("nan")
    cpu_ms = (spent[-1] - spent[0]) / 1e6 / (said[-1].frames - said[0].frames)
    return float(np.median([s.measure_ms for s in said])), cpu_ms


if __name__ == "__main__":
    main()
