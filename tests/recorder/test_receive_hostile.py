"""`mien receive` against senders that lie: through real sockets, dropped and counted, and the take goes on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from mien.errors import SourceError
from mien.recorder.receive import ReceiveOutcome, ReceiveRequest, receive
from mien.sinks.live.udp import port_of, udp_socket
from mien.take.reader import load_take
from wire_samples import WIRES, hostile, sample


class Watch:
    """Knows when it is listened, and how many frames came."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.frames = 0

    def started(self, name: str) -> None:
        self.ready.set()

    def frame(self, record: Any) -> None:
        self.frames += 1


def until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.005)


@contextmanager
def receiving(address: str, folder: Path, frames: int) -> Iterator[tuple[Watch, list[ReceiveOutcome]]]:
    """A reception in a thread; the outcome is in the list behind the block."""
    watch, made = Watch(), list[ReceiveOutcome]()
    request = ReceiveRequest(address, folder, frames=frames, seconds=60)
    listener = threading.Thread(target=lambda: made.append(receive(request, watcher=watch)))
    listener.start()
    assert watch.ready.wait(30)
    yield watch, made
    listener.join(60)
    assert made, "it goes on and then ends"


@pytest.mark.parametrize("wire", [w for w in WIRES if w != "ws"])
def test_hostile_datagrams_cost_a_number(wire: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mien.recorder import listening

    with udp_socket("127.0.0.1", 0, listen=True) as probe, udp_socket("127.0.0.1", 0, listen=True) as phone:
        port = port_of(probe)
        monkeypatch.setattr(listening, "VTS_PHONE_PORT", port_of(phone))
        probe.close()
        address = f"{wire}://127.0.0.1:{port}" + ("?phone=127.0.0.1" if wire == "vts" else "")
        lies = hostile(wire)
        with receiving(address, tmp_path / "take", 2) as (watch, made), socket.socket(type=socket.SOCK_DGRAM) as rude:
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
            for packet in sample(wire):
                rude.sendto(packet, ("127.0.0.1", port))
            until(lambda: watch.frames == 1)
            for lie in lies.values():
                rude.sendto(lie, ("127.0.0.1", port))
                time.sleep(0.01)
            for packet in sample(wire):
                rude.sendto(packet, ("127.0.0.1", port))
    (outcome,) = made
    assert outcome.error is None
    assert sum(outcome.dropped.values()) == len(lies)
    assert (outcome.summary.state, len(load_take(tmp_path / "take"))) == ("complete", 2)


@contextmanager
def server(client: Callable[[ServerConnection], None]) -> Iterator[str]:
    def quietly(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed, OSError):
            client(connection)

    with serve(quietly, "127.0.0.1", 0, compression=None) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{one.socket.getsockname()[1]}"
        one.shutdown()


def stay(connection: ServerConnection) -> None:
    """Until the other end hangs up."""
    for _ in connection:
        pass


def test_hostile_messages_cost_a_number(tmp_path: Path) -> None:
    (good,), lies = (p for p in (sample("ws"), hostile("ws")))

    def client(connection: ServerConnection) -> None:
        connection.send(good.decode())
        for lie in lies.values():
            connection.send(lie)  # as bytes: some are no text
        connection.send(good)
        stay(connection)

    with server(client) as address, receiving(address, tmp_path / "take", 2) as (_, made):
        pass
    assert made[0].error is None
    assert sum(made[0].dropped.values()) == len(lies)
    assert len(load_take(tmp_path / "take")) == 2


@pytest.mark.parametrize("length", [65_537, 70_000, 1_000_000, 1_100_000, 30_000_000])
def test_a_long_message_is_dropped_and_the_reception_goes_on(length: int, tmp_path: Path) -> None:
    good = sample("ws")[0].decode()
    connections = []

    def client(connection: ServerConnection) -> None:
        connections.append(connection)
        connection.send(good)
        if len(connections) == 1:
            connection.send("x" * length)
        connection.send(good)
        stay(connection)

    frames = 2 if length <= 1 << 20 else 3  # beyond a megabyte it is not read: another connection, which begins anew
    with server(client) as address, receiving(address, tmp_path / "take", frames) as (_, made):
        pass
    assert made[0].error is None
    assert made[0].dropped == {"too long": 1}
    assert made[0].summary.state == "complete"
    assert len(connections) == (1 if length <= 1 << 20 else 2)
    assert len(load_take(tmp_path / "take")) == frames


def test_wrong_text_and_wrong_frames_do_not_end_it(tmp_path: Path) -> None:
    good = sample("ws")[0].decode()
    rude = [
        b"\x81\x02\xff\xfe" + b"\xf1\x01x",  # a text that is none; bits that nobody agreed upon
        b"\x8f\x00",  # no such kind of frame
        b"",
    ]
    connections = []

    def client(connection: ServerConnection) -> None:
        connections.append(connection)
        connection.send(good)
        connection.socket.sendall(rude[len(connections) - 1])
        stay(connection)

    with server(client) as address, receiving(address, tmp_path / "take", 3) as (_, made):
        pass
    assert made[0].error is None
    assert made[0].dropped == {"no JSON": 3}
    assert len(load_take(tmp_path / "take")) == 3


def test_a_server_that_dies_is_an_error_and_keeps_the_take(tmp_path: Path) -> None:
    def client(connection: ServerConnection) -> None:
        connection.send(sample("ws")[0].decode())
        time.sleep(0.2)
        connection.socket.shutdown(socket.SHUT_RDWR)

    with server(client) as address, receiving(address, tmp_path / "take", 9) as (_, made):
        pass
    assert isinstance(made[0].error, SourceError)
    assert len(load_take(tmp_path / "take")) == 1
