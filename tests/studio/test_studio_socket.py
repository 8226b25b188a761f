"""The WebSocket: hostile and broken clients are refused or dropped, and everybody else does not notice."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from mien.studio import hub as hub_module
from mien.studio.browser_camera import LONGEST_PICTURE
from mien.studio.hub import MOST_PAGES, Hub, Page
from mien.studio.socket import LONGEST_TEXT, MOST_ORDERS, MOST_PROBLEMS, MOST_SWITCHES
from mien.studio.studio import Studio

WS = "ws://127.0.0.1:8300/ws"


def until(page: Any, kind: str) -> dict[str, Any]:
    """The next text message of a kind."""
    while True:
        message = page.receive()
        if message["type"] == "websocket.close":
            raise WebSocketDisconnect(message["code"])
        if message.get("text") is not None and (table := json.loads(message["text"]))["type"] == kind:
            return dict(table)


def test_the_first_messages_say_what_numbers_mean_and_how_things_stand(client: TestClient) -> None:
    with client.websocket_connect(WS) as page:
        hello = page.receive_json()
        assert hello["type"] == "hello"
        assert len(hello["names"]["shapes"]) == 52
        assert {p["name"] for p in hello["presets"]} >= {"balanced", "fast", "offline"}
        assert any(o["name"].startswith("vmc://127.0.0.1:") for o in hello["outputs"])
        assert page.receive_json() == {**idle(), "privacy": False}
        page.send_json({"type": "ping", "t_ms": 12.5})
        pong = until(page, "pong")
        assert pong["t_ms"] == 12.5
        assert pong["server_ms"] > 0


@pytest.mark.parametrize(
    "message",
    ["", "{", "[]", '"start"', '{"type": "shutdown"}', '{"type": "start", "faces": 99}', '{"type": "privacy"}',
     '{"type": "calibrate", "name": "../../etc/passwd"}', '{"type": "start", "profile": "a/b"}',
     '{"type": "start", "extra": 1}', '{"type": "ping", "t_ms": "soon"}', "\x00" * 50],
)  # fmt: skip
def test_a_malformed_message_is_answered_and_changes_nothing(client: TestClient, message: str) -> None:
    with client.websocket_connect(WS) as page:
        page.send_text(message)
        assert until(page, "problem")["what"]
        page.send_json({"type": "ping", "t_ms": 1})
        assert until(page, "pong")["t_ms"] == 1


def test_who_only_sends_rubbish_is_let_go(client: TestClient) -> None:
    with client.websocket_connect(WS) as page:
        for _ in range(MOST_PROBLEMS + 1):
            page.send_bytes(b"x")
        with pytest.raises(WebSocketDisconnect) as ended:
            until(page, "never")
        assert ended.value.code == 1008


@pytest.mark.parametrize("data", ["a" * (LONGEST_TEXT + 1), b"b" * (LONGEST_PICTURE + 1)])
def test_an_oversized_message_ends_the_connection_and_no_other(client: TestClient, data: str | bytes) -> None:
    with client.websocket_connect(WS) as other, client.websocket_connect(WS) as page:
        (page.send_text if isinstance(data, str) else page.send_bytes)(data)  # type: ignore[operator]
        with pytest.raises(WebSocketDisconnect) as ended:
            until(page, "never")
        assert ended.value.code == 1009
        other.send_json({"type": "ping", "t_ms": 2})
        assert until(other, "pong")["t_ms"] == 2


def test_200_quick_connections_leave_nothing_behind(client: TestClient, studio: Studio) -> None:
    with client.websocket_connect(WS) as faithful:
        for _ in range(200):
            with client.websocket_connect(WS):
                pass
        deadline = time.monotonic() + 10
        while len(studio.hub.pages) > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(studio.hub.pages) == 1
        faithful.send_json({"type": "ping", "t_ms": 3})
        assert until(faithful, "pong")["t_ms"] == 3


def test_too_many_pages_are_told_to_come_later(client: TestClient) -> None:
    pages = [client.websocket_connect(WS) for _ in range(MOST_PAGES)]
    try:
        for page in pages:
            page.__enter__()
        with client.websocket_connect(WS) as one_more, pytest.raises(WebSocketDisconnect) as ended:
            until(one_more, "never")
        assert ended.value.code == 1013
    finally:
        for page in pages:
            page.__exit__(None, None, None)


def test_privacy_is_one_switch_for_all_pages(client: TestClient) -> None:
    with client.websocket_connect(WS) as one, client.websocket_connect(WS) as other:
        assert until(other, "session")["privacy"] is False
        one.send_json({"type": "privacy", "on": True})
        assert until(other, "session")["privacy"] is True
    with client.websocket_connect(WS) as later:
        assert until(later, "session")["privacy"] is True


def told(page: Any) -> list[dict[str, Any]]:
    """All texts up to the answer of a ping that is sent now."""
    page.send_json({"type": "ping", "t_ms": 7})
    texts: list[dict[str, Any]] = []
    while not texts or texts[-1]["type"] != "pong":
        if text := page.receive().get("text"):
            texts.append(json.loads(text))
    return texts


def spent(page: Any) -> None:
    """More orders than a page may give at once: the last is refused."""
    for _ in range(MOST_ORDERS + 1):
        page.send_json({"type": "start", "source": "no/such/clip.mp4"})
    assert until(page, "problem")["what"].startswith("start: too many orders")


def test_privacy_and_stop_are_followed_however_many_orders_came_before(client: TestClient, studio: Studio) -> None:
    stopped = threading.Event()
    studio.session.stop = stopped.set  # type: ignore[method-assign]
    with client.websocket_connect(WS) as page:
        spent(page)
        page.send_json({"type": "privacy", "on": True})
        page.send_json({"type": "stop"})
        assert all(m["type"] != "problem" for m in told(page))
        assert studio.session.session.privacy is True
        assert stopped.is_set()


def test_with_every_refusal_a_page_is_told_how_things_stand(client: TestClient) -> None:
    with client.websocket_connect(WS) as page:
        until(page, "session")
        page.send_json({"type": "privacy"})  # on or off is not said: nothing changes, and nothing else is told
        problem, session, _ = told(page)
        assert problem["what"].startswith("privacy.on")
        assert session == {**idle(), "privacy": False}
        spent(page)
        assert any(m["type"] == "session" for m in told(page))


def idle() -> dict[str, Any]:
    return {"type": "session", "state": "idle", "asked": None, "source": "", "problem": None, "wants_camera": False}


def test_who_floods_with_privacy_is_let_go_and_nobody_else(client: TestClient) -> None:
    with client.websocket_connect(WS) as other, client.websocket_connect(WS) as page:
        for k in range(3 * MOST_SWITCHES):
            page.send_json({"type": "privacy", "on": k % 2 == 0} if k % 3 else {"type": "stop"})
        with pytest.raises(WebSocketDisconnect) as ended:
            until(page, "never")
        assert ended.value.code == 1008
        other.send_json({"type": "ping", "t_ms": 8})
        assert until(other, "pong")["t_ms"] == 8


class FakeSocket:
    """A page's connection that takes messages when it is allowed to."""

    def __init__(self) -> None:
        self.got: list[str | bytes] = []
        self.reading = asyncio.Event()

    async def send_text(self, data: str) -> None:
        await self.reading.wait()
        self.got.append(data)

    send_bytes = send_text


def in_loop(test: Callable[[Hub], Any]) -> None:
    async def go() -> None:
        hub = Hub()
        hub.serve_in(asyncio.get_running_loop())
        await test(hub)

    asyncio.run(go())


def test_a_slow_page_gets_the_newest_frame_and_every_kind_once() -> None:
    async def test(hub: Hub) -> None:
        slow, quick = FakeSocket(), FakeSocket()
        pages = [Page(slow), Page(quick)]  # type: ignore[arg-type]
        assert all(map(hub.join, pages))
        quick.reading.set()
        sending = [asyncio.create_task(p.send_all()) for p in pages]
        for number in range(50):
            await asyncio.to_thread(hub.publish, "frame", b"%d" % number)
            await asyncio.sleep(0.001)
        hub.publish("status", "{}")
        await asyncio.sleep(0.01)
        slow.reading.set()
        await asyncio.sleep(0.05)
        assert slow.got == [b"0", b"49", "{}"], "the one that was on its way, then only the newest"
        assert pages[0].replaced == 48
        assert len(quick.got) == 51
        for task in sending:
            task.cancel()

    in_loop(test)


def test_what_is_forgotten_is_not_sent() -> None:
    async def test(hub: Hub) -> None:
        socket = FakeSocket()
        page = Page(socket)  # type: ignore[arg-type]
        hub.join(page)
        hub.publish("frame", b"pixels")
        await asyncio.sleep(0.01)
        hub.publish("frame", b"more pixels")
        hub.forget("frame")
        hub.publish("session", "{}")
        await asyncio.sleep(0.01)
        socket.reading.set()
        sending = asyncio.create_task(page.send_all())
        await asyncio.sleep(0.02)
        assert socket.got == ["{}"]
        sending.cancel()

    in_loop(test)


def test_a_page_that_never_reads_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "SEND_WITHIN_S", 0.05)

    async def test(hub: Hub) -> None:
        page = Page(FakeSocket())  # type: ignore[arg-type]
        hub.join(page)
        hub.publish("frame", b"1")
        await asyncio.wait_for(page.send_all(), 5)

    in_loop(test)


def test_publishing_never_waits_even_without_a_server() -> None:
    hub = Hub()
    done = threading.Event()

    def publish() -> None:
        for _ in range(10_000):
            hub.publish("frame", b"1")
        done.set()

    threading.Thread(target=publish, daemon=True).start()
    assert done.wait(20)
