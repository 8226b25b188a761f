"""Sending: every carrier against a receiver on loopback, and receivers that are dead, slow or rude."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from mien.animate.signal import SHAPES, FaceSignal
from mien.errors import RequestError, SinkError
from mien.sinks.live import vts_client
from mien.sinks.live.opening import open_outlets
from mien.sinks.live.outlet import Bell, Outlet, Outlets, Sender
from mien.sinks.live.udp import AnsweringCarrier, UdpCarrier, port_of, udp_socket
from mien.sinks.live.vts_client import VtsCarrier
from mien.sinks.live.vts_loopback import VtsLoopback
from mien.sinks.live.websocket import WebSocketCarrier
from mien.sinks.protocols.ifacialmocap import HELLO, IfacialmocapDecoder, IfacialmocapEncoder
from mien.sinks.protocols.json_face import JsonDecoder, JsonEncoder
from mien.sinks.protocols.livelink import LiveLinkDecoder, LiveLinkEncoder
from mien.sinks.protocols.table import WIRES, parse_target
from mien.sinks.protocols.vts import Options, VtsEncoder, request


def moment(jaw: float) -> FaceSignal:
    weights = np.zeros(52, np.float32)
    weights[SHAPES.index("jawOpen")] = jaw
    return FaceSignal(time.monotonic_ns(), weights=weights)


def jaw_of(signal: FaceSignal) -> float:
    return round(float(signal.weights[SHAPES.index("jawOpen")]), 3)


def until(done: Callable[[], Any], seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while not (value := done()):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.005)
    return value


@contextmanager
def udp_receiver() -> Iterator[socket.socket]:
    one = udp_socket("127.0.0.1", 0, listen=True)
    one.settimeout(20)
    try:
        yield one
    finally:
        one.close()


class Recorder:
    """A carrier that keeps what it is given, and waits before each."""

    def __init__(self, wait: threading.Event | None = None) -> None:
        self.problem: str | None = None
        self.got: list[FaceSignal] = []
        self._wait = wait
        self.closed = threading.Event()

    def send(self, signal: FaceSignal) -> int:
        while self._wait is not None and not self._wait.is_set() and not self.closed.is_set():
            time.sleep(0.002)
        self.got.append(signal)
        return 1

    def close(self) -> None:
        self.closed.set()


class Broken(Recorder):
    def send(self, signal: FaceSignal) -> int:
        raise RuntimeError("on fire")


def test_a_stuck_and_a_broken_receiver_delay_nobody() -> None:
    stuck, good = Recorder(wait=threading.Event()), Recorder()
    outlets = Outlets([Sender([Outlet("stuck", stuck)]), Sender([Outlet("broken", Broken()), Outlet("good", good)])])
    slowest = 0.0
    for i in range(30):
        began = time.thread_time()
        outlets.offer(moment(i / 30))
        slowest = max(slowest, time.thread_time() - began)
        until(lambda i=i: len(good.got) == i + 1)
    assert slowest < 0.02
    figures = {f["to"]: f for f in (o.figures() for o in outlets.outlets)}
    assert figures["good"]["sent"] == 30
    assert figures["good"]["latency_ms"]["p50"] <= figures["good"]["latency_ms"]["p95"]
    assert figures["stuck"]["replaced"] == 28, "one is being sent, the newest waits"
    assert until(lambda: outlets.outlets[1].figures()["unsent"] == 30)
    assert figures["broken"]["problem"] == "RuntimeError: on fire"
    outlets.close()
    assert stuck.closed.is_set()
    assert jaw_of(stuck.got[-1]) == round(29 / 30, 3), "the newest wins"


def test_udp_arrives_and_a_dead_port_is_noticed() -> None:
    with udp_receiver() as receiver:
        port = port_of(receiver)
        carrier = UdpCarrier(LiveLinkEncoder(), "127.0.0.1", port)
        assert carrier.send(moment(0.25)) == 1
        (got,) = LiveLinkDecoder().decode(receiver.recv(2000), 1)
        assert jaw_of(got) == 0.25
    assert until(lambda: carrier.send(moment(0)) == 0)
    for _ in range(6):
        assert carrier.send(moment(0)) == 0, "only the first packet to a dead port seems well"
        assert carrier.problem == "nobody listens there"
    carrier.close()
    with pytest.raises(SinkError, match="check the address"):
        UdpCarrier(LiveLinkEncoder(), "no.such.host.invalid", 1)


class Full(socket.socket):
    """A socket whose buffer has no room left."""

    full = True

    def send(self, *arguments: Any) -> int:
        if self.full:
            raise BlockingIOError
        return super().send(*arguments)


def test_a_full_socket_loses_the_frame_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with udp_receiver() as receiver:
        monkeypatch.setattr(socket, "socket", Full)
        carrier = UdpCarrier(LiveLinkEncoder(), "127.0.0.1", port_of(receiver))
        outlet = Outlet("full", carrier)
        began = time.thread_time()
        for _ in range(50):
            outlet.deliver(moment(0.5))
        assert time.thread_time() - began < 0.5, "nobody waits for room"
        figures = outlet.figures()
        assert (figures["sent"], figures["unsent"]) == (0, 50)
        assert figures["problem"] == "the socket is full: frames are lost"
        monkeypatch.setattr(Full, "full", False)
        outlet.deliver(moment(0.25))
        assert jaw_of(LiveLinkDecoder().decode(receiver.recv(2000), 1)[0]) == 0.25
        assert (outlet.figures()["sent"], outlet.problem) == (1, None)
        outlet.close()


def test_ifacialmocap_answers_who_says_hello() -> None:
    with udp_receiver() as peer:
        carrier = AnsweringCarrier(IfacialmocapEncoder(), "127.0.0.1", 0, reply_port=port_of(peer))
        assert carrier.send(moment(0.5)) == 0
        assert carrier.problem == "nobody has said hello yet"
        mine = port_of(carrier._socket)
        peer.sendto(b"good day", ("127.0.0.1", mine))
        peer.sendto(HELLO, ("127.0.0.1", mine))
        assert until(lambda: carrier.send(moment(0.5)))
        assert jaw_of(IfacialmocapDecoder().decode(peer.recv(2000), 1)[0]) == 0.5
        carrier.close()


def test_websocket_clients_get_frames_and_a_deaf_one_harms_nobody() -> None:
    carrier = WebSocketCarrier(JsonEncoder(), "127.0.0.1", 0)
    assert carrier.send(moment(0)) == 0
    address = f"ws://127.0.0.1:{carrier.port}"
    deaf = socket.create_connection(("127.0.0.1", carrier.port))
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    deaf.sendall(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    with connect(address, proxy=None) as client:
        until(lambda: len(carrier._bells) == 2)
        for i in range(300):
            began = time.thread_time()
            assert carrier.send(moment(i / 300)) == 2
            assert time.thread_time() - began < 0.05
            (got,) = JsonDecoder().decode(str(client.recv(timeout=20)).encode(), 1)
            assert jaw_of(got) == round(i / 300, 3)
    for origin in ("https://example.org", "http://localhost.example.org"):
        with pytest.raises(InvalidStatus), connect(address, proxy=None, origin=origin):  # type: ignore[arg-type]
            pass
    with connect(address, proxy=None, origin="http://localhost:5173"):  # type: ignore[arg-type]
        pass
    began = time.monotonic()
    carrier.close()
    until(lambda: not carrier._bells)
    assert time.monotonic() - began < 15
    deaf.close()


def test_vtube_studio_token_is_asked_once(tmp_path: Path) -> None:
    options = Options(token_file=str(tmp_path / "new" / "token.json"), arkit=True)
    studio = VtsLoopback()
    for _ in range(2):
        carrier = VtsCarrier(VtsEncoder(options), "127.0.0.1", studio.port, options)
        assert carrier.send(moment(0.5)) == 1, carrier.problem
        assert carrier.problem is None
        carrier.close()
    studio.close()
    assert studio.asked.count("AuthenticationTokenRequest") == 1
    assert (tmp_path / "new" / "token.json").stat().st_mode & 0o077 == 0
    assert len(set(studio.created)) == 50
    assert [jaw_of(signal) for signal in studio.signals(options)] == [0.5, 0.5]


def test_vtube_studio_comes_back_after_it_was_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vts_client, "RETRY_S", 0.01)
    options = Options(token_file=str(tmp_path / "token.json"))
    studio = VtsLoopback()
    carrier = VtsCarrier(VtsEncoder(options), "127.0.0.1", studio.port, options)
    assert carrier.send(moment(0.25)) == 1
    studio.close()
    assert carrier.send(moment(0.25)) == 0
    carrier._retry_at = 0.0
    assert carrier.send(moment(0.25)) == 0
    assert carrier.problem is not None
    assert 'switch on "Start API"' in carrier.problem
    again = VtsLoopback(port=studio.port)
    carrier._retry_at = 0.0
    assert until(lambda: carrier.send(moment(0.75)))
    assert "AuthenticationTokenRequest" not in again.asked
    carrier.close()
    again.close()


def test_vtube_studio_that_says_no_is_not_asked_again_at_once(tmp_path: Path) -> None:
    options = Options(token_file=str(tmp_path / "token.json"))
    studio = VtsLoopback(allow=False)
    carrier = VtsCarrier(VtsEncoder(options), "127.0.0.1", studio.port, options)
    assert carrier.send(moment(0)) == 0
    assert "denied (error 50)" in (carrier.problem or "")
    assert carrier.send(moment(0)) == 0
    assert studio.asked == ["AuthenticationTokenRequest"]
    assert carrier._retry_at - time.monotonic() > 30
    carrier.close()
    studio.close()


def test_the_loopback_of_vtube_studio_refuses_what_it_would(tmp_path: Path) -> None:
    hello = {"pluginName": "Mien", "pluginDeveloper": "Mien"}
    made = {"parameterName": "MienShape", "min": 0, "max": 1, "defaultValue": 0}
    with VtsLoopback() as studio, connect(f"ws://127.0.0.1:{studio.port}", proxy=None) as plugin:

        def refused(text: bytes) -> int:
            plugin.send(text.decode())
            assert json.loads(plugin.recv(timeout=20))["messageType"] == "TestEvent"
            answer = json.loads(plugin.recv(timeout=20))
            assert answer["apiName"] == "VTubeStudioPublicAPI"
            return int(answer["data"].get("errorID", 0))

        values = request("InjectParameterDataRequest", {"parameterValues": [{"id": "JawOpen", "value": 0.5}]})
        assert refused(b"{") == 2
        assert refused(b'{"apiName": "other"}') == 3
        assert refused(values) == 8
        assert refused(request("AuthenticationTokenRequest", {**hello, "pluginName": "M"})) == 52
        assert refused(request("AuthenticationTokenRequest", hello)) == 0
        assert refused(request("AuthenticationRequest", {**hello, "authenticationToken": "t0ken"})) == 0
        assert refused(values) == 453
        assert refused(request("ParameterCreationRequest", {**made, "parameterName": "TongueOut"})) == 354
        assert refused(request("ParameterCreationRequest", {**made, "parameterName": "a b"})) == 350
        assert refused(request("ParameterCreationRequest", made)) == 0
        assert refused(request("Nonsense")) == 7
        assert (studio.created, studio.injected) == (["MienShape"], [])


def test_addresses() -> None:
    for protocol, wire in WIRES.items():
        target = parse_target(f"{protocol}://")
        assert target.host == "127.0.0.1", "loopback unless told otherwise"
        assert target.port > 1000
        assert wire.what
        assert target.encoder() is not None
        assert target.decoder() is not None
    target = parse_target("livelink://192.168.1.5:5000?subject=Anna&head_yaw_sign=1")
    assert (target.name, target.options.subject, target.options.head_yaw_sign) == (
        "livelink://192.168.1.5:5000",
        "Anna",
        1,
    )
    assert parse_target("osf://[::1]:9?mirror=true").name == "osf://[::1]:9"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("vnc://1.2.3.4", 'did you mean "vmc"?'),
        ("vmc:1234", "expected PROTOCOL://HOST:PORT"),
        ("vmc://host:99999", "is no address"),
        ("vmc://host:0", "expected nothing but"),
        ("vmc://host/path", "expected nothing but"),
        ("vmc://host?names=vrm9", "vmc.names: Input should be"),
        ("livelink://?sujbect=x", 'unknown key "sujbect"; did you mean "subject"?'),
        ("livelink://?head_yaw_sign=2", "livelink.head_yaw_sign"),
    ],
)
def test_wrong_addresses_are_explained(address: str, message: str) -> None:
    with pytest.raises(RequestError, match="."):
        parse_target(address)
    try:
        parse_target(address)
    except RequestError as error:
        assert message in str(error)


def test_if_one_receiver_cannot_be_opened_the_others_are_closed() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])
    with udp_receiver() as taken:
        targets = [f"ws://:{free}", f"ifacialmocap://127.0.0.1:{port_of(taken)}?answer=true"]
        with pytest.raises(SinkError, match="another program listens there"):
            open_outlets([parse_target(t) for t in targets])
    WebSocketCarrier(JsonEncoder(), "127.0.0.1", free).close()


def test_a_bell_rung_before_anybody_waits_is_heard_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    assert bell.wait(0.0)
    assert not bell.wait(0.0)
