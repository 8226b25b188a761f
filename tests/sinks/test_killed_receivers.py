"""Whichever receiver dies in the middle of a run: the others get every frame, and nobody is waited for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mien.animate.signal import SHAPES, FaceSignal
from mien.sinks.live.opening import open_outlets
from mien.sinks.live.udp import port_of, udp_socket
from mien.sinks.live.vts_loopback import VtsLoopback
from mien.sinks.protocols.packets import Intake
from mien.sinks.protocols.table import parse_target
from wire_samples import WIRES

FRAMES, KILLED_AT = 60, 20
JAW = SHAPES.index("jawOpen")


def moment(jaw: float) -> FaceSignal:
    weights = np.zeros(52, np.float32)
    weights[JAW] = jaw
    return FaceSignal(time.monotonic_ns(), weights=weights)


def until(done: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.002)


class Loopback:
    """A receiver of every wire, each in a thread of its own; `got` holds what it decoded."""

    def __init__(self, folder: Path) -> None:
        self.got: dict[str, list[float]] = {wire: [] for wire in WIRES}
        self.sockets = {w: udp_socket("127.0.0.1", 0, listen=True) for w in WIRES if w not in ("ws", "vts")}
        self.vts = VtsLoopback()
        with udp_socket("127.0.0.1", 0, listen=True) as probe:
            ws = port_of(probe)
        self.addresses = {w: f"{w}://127.0.0.1:{port_of(s)}" for w, s in self.sockets.items()}
        self.addresses["ws"] = f"ws://127.0.0.1:{ws}"
        self.addresses["vts"] = f"vts://127.0.0.1:{self.vts.port}?token_file={folder / 'token.json'}"
        self.outlets = open_outlets([parse_target(self.addresses[w]) for w in WIRES])
        self.client = connect(self.addresses["ws"], proxy=None).__enter__()
        for wire, one in self.sockets.items():
            one.settimeout(0.05)
            threading.Thread(target=self._datagrams, args=(wire, one), daemon=True).start()
        threading.Thread(target=self._messages, daemon=True).start()

    def _take(self, wire: str, intake: Intake, data: bytes) -> None:
        self.got[wire] += [round(float(s.weights[JAW]), 2) for s in intake.take(data, time.monotonic_ns())]

    def _datagrams(self, wire: str, one: socket.socket) -> None:
        intake = Intake(parse_target(f"{wire}://").decoder())
        while one.fileno() >= 0:
            try:
                self._take(wire, intake, one.recv(65_536))
            except TimeoutError:
                continue
            except OSError:
                return

    def _messages(self) -> None:
        intake = Intake(parse_target("ws://").decoder())
        with suppress(ConnectionClosed, OSError):
            for data in self.client:
                self._take("ws", intake, data if isinstance(data, bytes) else data.encode())

    def count(self, wire: str) -> int:
        if wire == "vts":
            self.got["vts"] = [round(float(s.weights[JAW]), 2) for s in self.vts.signals()]
        return len(self.got[wire])

    def kill(self, wire: str) -> None:
        if wire == "vts":
            self.vts.close()
        elif wire == "ws":
            self.client.socket.shutdown(socket.SHUT_RDWR)
        else:
            self.sockets[wire].close()

    def close(self) -> None:
        self.outlets.close()
        for wire in WIRES:
            with suppress(OSError):
                self.kill(wire)


@pytest.mark.parametrize("victim", WIRES)
def test_killing_one_changes_nothing_for_the_others(victim: str, tmp_path: Path) -> None:
    every = Loopback(tmp_path)
    offered = [round(i / FRAMES, 2) for i in range(FRAMES)]
    others = [w for w in WIRES if w != victim]
    until(lambda: (every.outlets.offer(moment(0)), every.count("ws") and every.count("vts"))[1], "nobody connected")
    until(lambda: all(every.count(w) for w in WIRES), "the first frame")
    time.sleep(0.2)
    for wire in WIRES:
        every.got[wire].clear()
    every.vts.injected.clear()
    before: dict[str, Any] = {o.name: o.figures() for o in every.outlets.outlets}
    slowest = 0.0
    for i, jaw in enumerate(offered):
        if i == KILLED_AT:
            every.kill(victim)
        began = time.thread_time()
        every.outlets.offer(moment(jaw))
        slowest = max(slowest, time.thread_time() - began)
        # At the pace of the slowest of the others: every frame has to be with each of them, in order.
        until(lambda i=i: all(every.count(w) == i + 1 for w in others), f"{victim} killed: frame {i}")
    assert slowest < 0.02
    for wire in others:
        assert every.got[wire] == offered, wire
    # A frame is counted once its receiver has answered, which may be after the frame has been seen here.
    living = [o for o in every.outlets.outlets if o.name.partition(":")[0] != victim]
    until(lambda: all(o.sent - before[o.name]["sent"] >= FRAMES for o in living), "every frame counted")
    figures = {o.name: o.figures() for o in every.outlets.outlets}
    for name, told in figures.items():
        wire = name.partition(":")[0]
        new = {k: told[k] - before[name][k] for k in ("sent", "replaced", "unsent")}
        if wire != victim:
            assert (new, told["problem"]) == ({"sent": FRAMES, "replaced": 0, "unsent": 0}, None), wire
        else:
            assert new["unsent"] + new["replaced"] > 0
            assert told["problem"] is not None, "whoever is gone is named"
    assert every.count(victim) <= KILLED_AT
    every.close()
