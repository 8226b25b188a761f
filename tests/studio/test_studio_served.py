"""A real server on a real port: whoever floods it, breaks the protocol or never reads disturbs nobody else."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the extra studio is not installed")

import uvicorn
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from mien.errors import SourceError
from mien.studio import hub as hub_module
from mien.studio import live_session
from mien.studio.app import create_app
from mien.studio.guard import Rules
from mien.studio.serve import MOST_MESSAGE_BYTES
from mien.studio.socket import MOST_ORDERS, MOST_PROBLEMS, ORDERS_PER_S, Pace
from mien.studio.studio import Studio

PATIENCE_S = 30.0


@pytest.fixture
def port(studio: Studio) -> Iterator[int]:
    """The studio as `mien studio` serves it, without pages."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(studio, Rules(), None),
        log_level="critical",
        ws_max_size=MOST_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    assert eventually(lambda: server.started)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        listening.close()


def opened(port: int, **more: Any) -> Any:
    return connect(f"ws://127.0.0.1:{port}/ws", proxy=None, compression=None, **more)


def until(page: Any, kind: str) -> dict[str, Any]:
    """The next text of a kind."""
    while True:
        message = page.recv(timeout=PATIENCE_S)
        if isinstance(message, str) and (table := json.loads(message))["type"] == kind:
            return dict(table)


def answers(page: Any) -> float:
    """Seconds until a ping is answered."""
    began = time.monotonic()
    page.send(json.dumps({"type": "ping", "t_ms": began}))
    assert until(page, "pong")["t_ms"] == pytest.approx(began)
    return time.monotonic() - began


def eventually(holds: Any) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(holds())


def runs() -> set[threading.Thread]:
    """Threads of runs, of any studio in this process."""
    return {t for t in threading.enumerate() if t.name == "mien-studio"}


def test_a_foreign_origin_gets_no_connection(port: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        opened(port, origin="https://evil.example")
    assert refused.value.response.status_code == 403
    with opened(port, origin=f"http://127.0.0.1:{port}") as own:
        assert until(own, "hello")["type"] == "hello"


def test_an_oversized_message_and_a_broken_frame_end_their_own_connection_only(port: int) -> None:
    with opened(port) as faithful:
        with opened(port) as page:
            page.send(b"x" * (MOST_MESSAGE_BYTES + 1))
            with pytest.raises(ConnectionClosed) as ended:
                until(page, "never")
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 1009
        with opened(port) as page:
            page.socket.sendall(b"\xff\xff\xff\xff not a WebSocket frame")
            with pytest.raises(ConnectionClosed):
                until(page, "never")
        assert answers(faithful) < PATIENCE_S


def test_200_connections_that_break_off_leave_nothing_behind(port: int, studio: Studio) -> None:
    with opened(port) as faithful:
        until(faithful, "hello")
        for k in range(200):
            one = socket.create_connection(("127.0.0.1", port))
            if k % 2:
                one.sendall(
                    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                )
            one.close()
        assert eventually(lambda: len(studio.hub.pages) == 1)
        assert answers(faithful) < PATIENCE_S


def test_a_page_that_never_reads_is_let_go_and_the_others_get_every_frame(
    port: int, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "SEND_WITHIN_S", 0.5)
    with opened(port) as faithful:
        until(faithful, "session")
        deaf = socket.create_connection(("127.0.0.1", port))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(
            b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert eventually(lambda: len(studio.hub.pages) == 2)
        frames = 0
        while len(studio.hub.pages) == 2 and frames < 400:
            studio.hub.publish("frame", bytes([frames % 256]) * 300_000)
            while not isinstance(got := faithful.recv(timeout=PATIENCE_S), bytes):
                pass
            assert got[0] == frames % 256
            frames += 1
            time.sleep(0.01)
        assert len(studio.hub.pages) == 1, "the page that never reads was let go"
        assert frames < 400
        deaf.close()


def test_a_flood_of_orders_runs_one_thing_at_a_time_and_is_let_go(
    port: int, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, running, most, begun = threading.Lock(), 0, 0, 0

    def slow(*_: object, stop: threading.Event, **__: object) -> None:
        nonlocal running, most, begun
        with lock:
            running, begun = running + 1, begun + 1
            most = max(most, running)
        stop.wait(0.2)
        time.sleep(0.05)  # closing a camera takes a while
        with lock:
            running -= 1
        raise SourceError("it is over")

    monkeypatch.setattr(live_session, "live", slow)
    before = runs()
    with opened(port) as faithful, opened(port) as flooding:
        flooding.send('{"type": "start"}')
        assert eventually(lambda: begun > 0), "on a busy machine the flood may be over before anything begins"
        with suppress(WebSocketException, OSError):
            for _ in range(2000):
                flooding.send('{"type": "start"}')
        with pytest.raises(ConnectionClosed) as ended:
            until(flooding, "never")
        assert ended.value.rcvd is None or ended.value.rcvd.code == 1008
        assert answers(faithful) < PATIENCE_S
        assert len(runs() - before) <= 2, "one that ends and one that waits"
        assert eventually(lambda: running == 0)
        assert most == 1
        assert begun <= MOST_ORDERS + MOST_PROBLEMS


def test_however_many_runs_are_asked_for_only_the_newest_waits(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[str] = []
    leave = threading.Event()

    def slow(request: Any, **_: object) -> None:
        began.append(request.source)
        leave.wait(PATIENCE_S)
        raise SourceError("it is over")

    monkeypatch.setattr(live_session, "live", slow)
    ask, before = live_session.Start, runs()
    studio.session.start(ask(source="first"))
    assert eventually(lambda: began == ["first"])
    for k in range(50):
        studio.session.start(ask(source=f"waiting {k}"))
    assert len(runs() - before) == 2
    leave.set()
    assert eventually(lambda: studio.session.session.state == "failed")
    assert began == ["first", "waiting 49"]


def test_orders_have_a_pace_that_allows_for_a_few_at_once() -> None:
    now = 0.0
    pace = Pace(MOST_ORDERS, ORDERS_PER_S, lambda: now)
    assert [pace.takes() for _ in range(MOST_ORDERS + 2)] == [True] * MOST_ORDERS + [False, False]
    now = 0.6
    assert [pace.takes(), pace.takes()] == [True, False]
    now = 1000.0
    assert sum(pace.takes() for _ in range(50)) == MOST_ORDERS
