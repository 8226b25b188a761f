"""Live runs and received takes from end to end, on loopback."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.animate.live import Calm, LiveFace
from mien.animate.performance import performance
from mien.animate.signal import FaceSignal
from mien.animate.smooth import ROTATIONS, WEIGHTS
from mien.cli.main import main
from mien.core.geometry import rotation_from_euler, rotation_from_quaternion
from mien.core.measures import Blendshapes, Box, HeadPose
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import RequestError, SourceError
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.recorder.live import LiveRequest, live
from mien.recorder.receive import ReceiveRequest, receive
from mien.sinks.live.udp import port_of, udp_socket
from mien.sinks.parquet import ParquetSink
from mien.sinks.protocols.livelink import LiveLinkEncoder
from mien.sinks.protocols.packets import Intake
from mien.sinks.protocols.table import parse_target
from mien.take.reader import load_take

SCHEMA = load_schema("arkit52")
FRAMES = 25


def face(level: float, track_id: int = 1, width: float = 10.0, head: float = 0.0) -> Face:
    weights = np.full(52, level)
    weights[51] = np.nan
    pose = HeadPose(rotation_from_euler(head, 0, 0), [0, 0, 600], 0.5, 0.9)
    shapes = Blendshapes.of(weights, np.isfinite(weights).astype(np.float32))
    return Face(Box([0, 0, width, 10], 0.9), track_id, head_pose=pose, blendshapes=shapes)


def record(index: int, *faces: Face, t_ns: int | None = None) -> FrameRecord:
    return FrameRecord(Stamp("clip.mp4", index, index * 20_000_000 if t_ns is None else t_ns), (96, 80), None, faces)


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """25 frames at 50 Hz: weights rise from 0 to 1, the head turns from 0 to 24 degrees."""
    sink = ParquetSink(folder=tmp_path / "take")
    sink.open(TakeHeader(SourceInfo("clip.mp4", "video", (96, 80))))
    for i in range(FRAMES):
        sink.write(record(i, face(i / (FRAMES - 1), head=float(i))))
    sink.close(TakeSummary("complete", FRAMES))
    return tmp_path / "take" / "take.parquet"


@pytest.fixture(autouse=True)
def no_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset without stages, in the folder the tests run in: a take has everything already."""
    (tmp_path / "plain.toml").write_text('description = "nothing"\nstages = []\noutputs = []\n')
    monkeypatch.chdir(tmp_path)


def asked(take: Path, to: list[str], **changes: Any) -> LiveRequest:
    return LiveRequest(str(take), to, preset="plain.toml", **changes)


class Receivers:
    """UDP sockets for several protocols, read in threads."""

    def __init__(self, *protocols: str) -> None:
        self.sockets = {p: udp_socket("127.0.0.1", 0, listen=True) for p in protocols}
        self.got: dict[str, list[Any]] = {p: [] for p in protocols}
        self.intakes = {p: Intake(parse_target(f"{p}://").decoder()) for p in protocols}
        for p, one in self.sockets.items():
            one.settimeout(0.05)
            threading.Thread(target=self._read, args=(p, one), daemon=True).start()

    def address(self, protocol: str) -> str:
        return f"{protocol}://127.0.0.1:{port_of(self.sockets[protocol])}"

    def _read(self, protocol: str, one: socket.socket) -> None:
        while one.fileno() >= 0:
            try:
                self.got[protocol] += self.intakes[protocol].take(one.recv(65_536), time.monotonic_ns())
            except TimeoutError:
                continue
            except OSError:
                return

    def close(self) -> None:
        for one in self.sockets.values():
            one.close()


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    every = Receivers("vmc", "livelink", "ifacialmocap", "osf")
    yield every
    every.close()


def test_a_take_is_sent_to_four_receivers_and_a_dead_one(take: Path, receivers: Receivers) -> None:
    dead = udp_socket("127.0.0.1", 0, listen=True)
    address = f"vmc://127.0.0.1:{port_of(dead)}"
    dead.close()
    to = [address, *(receivers.address(p) for p in receivers.sockets)]
    outcome = live(asked(take, to, calm=False))
    time.sleep(0.2)
    assert outcome.error is None
    assert 5 <= outcome.frames <= FRAMES
    assert outcome.frames_with_face == outcome.frames
    figures = {f["to"]: f for f in outcome.receivers}
    assert figures[address]["problem"] == "nobody listens there"
    jaw = SCHEMA.index("jawOpen")
    for protocol, got in receivers.got.items():
        told = figures[receivers.address(protocol)]
        assert len(got) == told["sent"] >= 1
        assert told["sent"] + told["replaced"] + told["unsent"] == outcome.frames
        assert told["latency_ms"]["p50"] > 0
        opened = [float(s.weights[jaw]) for s in got]
        assert opened == sorted(opened)
        assert opened[-1] == pytest.approx(1.0, abs=0.006), "the last frame is sent"
        turned = rotation_from_quaternion(got[-1].head_xyzw)[0, 2]
        assert turned == pytest.approx(np.sin(np.radians(24)), abs=1e-3)
        assert not receivers.intakes[protocol].dropped
    assert set(outcome.offer_ms) == {"p50", "p95"}


def test_killing_a_receiver_changes_nothing_for_the_others(take: Path) -> None:
    every = Receivers("livelink", "vmc")

    class Killer:
        def started(self, info: SourceInfo, names: Any) -> None:
            assert info.live

        def frame(self, record: FrameRecord, outlets: Any) -> None:
            if record.stamp.index > FRAMES // 3:
                every.sockets["vmc"].close()

    outcome = live(asked(take, [every.address(p) for p in every.sockets]), watcher=Killer())
    time.sleep(0.2)
    told = {f["to"].partition(":")[0]: f for f in outcome.receivers}
    assert told["livelink"]["sent"] + told["livelink"]["replaced"] == outcome.frames
    assert told["livelink"]["problem"] is None
    assert told["vmc"]["unsent"] > 0
    assert every.got["livelink"][-1].weights[0] > 0.9
    every.close()


def test_wrong_live_requests(take: Path) -> None:
    with pytest.raises(RequestError, match="nobody to send to"):
        live(asked(take, []))
    with pytest.raises(RequestError, match="did you mean"):
        live(asked(take, ["vcm://"]))
    with pytest.raises(SourceError):
        live(asked(Path("nothing.mp4"), ["vmc://"]))


def free_port() -> int:
    one = udp_socket("127.0.0.1", 0, listen=True)
    port = port_of(one)
    one.close()
    return port


@pytest.mark.parametrize("protocol", ["livelink", "vmc", "ifacialmocap", "osf"])
def test_what_is_sent_live_becomes_a_take(protocol: str, take: Path, tmp_path: Path) -> None:
    address = f"{protocol}://127.0.0.1:{free_port()}"
    stop, made = threading.Event(), []
    request = ReceiveRequest(address, tmp_path / "out", seconds=60)
    listener = threading.Thread(target=lambda: made.append(receive(request, stop=stop, watcher=Started(ready))))
    ready = threading.Event()
    listener.start()
    assert ready.wait(30)
    sent = live(asked(take, [address], calm=False)).receivers[0]["sent"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rude:
        for data in (b"", b"x" * 2000, b"\0" * 1784, b'{"a": 1}'):
            rude.sendto(data, ("127.0.0.1", parse_target(address).port))
    time.sleep(0.3)
    stop.set()
    listener.join(30)
    (outcome,) = made
    assert outcome.error is None
    assert (outcome.summary.frames, sum(outcome.dropped.values())) == (sent, 4)
    recorded = load_take(tmp_path / "out")
    assert "4 packets dropped" in recorded.summary.warnings[0]
    played = performance(recorded.records())
    jaw = played.weights[:, SCHEMA.index("jawOpen")]
    assert (np.diff(jaw) >= 0).all()
    assert jaw[-1] == pytest.approx(1.0, abs=0.006)
    assert rotation_from_quaternion(played.head_xyzw[-1])[0, 2] == pytest.approx(np.sin(np.radians(24)), abs=1e-3)
    length_s = (played.t_ns[-1] - played.t_ns[0]) / 1e9
    assert 0.2 < length_s < 10


class Started:
    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def started(self, name: str) -> None:
        self._event.set()

    def frame(self, record: FrameRecord) -> None: ...


def test_a_websocket_of_another_mien_becomes_a_take(take: Path, tmp_path: Path) -> None:
    address = f"ws://127.0.0.1:{free_port()}"
    with pytest.raises(SourceError, match="is the other end running"):
        receive(ReceiveRequest(address, tmp_path / "none"))
    made: list[Any] = []
    opened = threading.Event()

    class Slow:
        """Holds the first frame until somebody is connected."""

        def started(self, info: SourceInfo, names: Any) -> None:
            threading.Thread(target=lambda: made.append(receive(request, watcher=Started(opened)))).start()
            assert opened.wait(30)

        def frame(self, record: FrameRecord, outlets: Any) -> None: ...

    request = ReceiveRequest(address, tmp_path / "out", seconds=60)
    outcome = live(asked(take, [address], calm=False), watcher=Slow())
    deadline = time.monotonic() + 30
    while not made and time.monotonic() < deadline:
        time.sleep(0.01)
    assert outcome.receivers[0]["sent"] > 0
    assert made[0].summary.frames > 0
    assert made[0].error is None, "the sender said goodbye"
    assert len(load_take(tmp_path / "out")) == made[0].summary.frames


def test_a_phone_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mien.recorder import listening

    with udp_socket("127.0.0.1", 0, listen=True) as phone:
        phone.settimeout(20)
        monkeypatch.setattr(listening, "PHONE_PORT", port_of(phone))
        address = f"ifacialmocap://127.0.0.1:{free_port()}?phone=127.0.0.1"
        request = ReceiveRequest(address, tmp_path / "out", frames=1, seconds=60)
        made: list[Any] = []
        listener = threading.Thread(target=lambda: made.append(receive(request)))
        listener.start()
        hello, sender = phone.recvfrom(100)
        assert hello == b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719"
        phone.sendto(b"jawOpen-50|=head#0,0,0,0,0,0|", sender)
        listener.join(30)
    (one,) = load_take(tmp_path / "out").records()
    assert one.faces[0].blendshapes is not None
    assert one.faces[0].blendshapes["jawOpen"] == 0.5
    assert np.isnan(one.faces[0].blendshapes["tongueOut"]), "what did not come is not known"
    with pytest.raises(RequestError, match="name the phone"):
        receive(ReceiveRequest("vts://", tmp_path / "other"))


def test_live_face_holds_fades_and_follows_one_person() -> None:
    one = LiveFace(calm=False)
    assert not one.signal(record(0)).found
    big, small = face(0.5, 1, 20), face(0.9, 2, 10)
    assert one.signal(record(1, small, big)).track_id == 1
    assert one.signal(record(2, face(0.9, 2, 50), big)).track_id == 1, "whoever is followed stays"
    lost = one.signal(record(3, small))
    assert (lost.found, float(lost.weights[0]), float(lost.weights[51])) == (False, 0.5, 0.0)
    assert one.signal(record(90, small)).track_id == 2, "after a second another is followed"
    fading = LiveFace(calm=False, lost="fade")
    fading.signal(record(0, face(0.5, head=30.0)))
    half = fading.signal(record(0, t_ns=250_000_000))
    assert half.weights[0] == pytest.approx(0.25)
    assert 0 < rotation_from_quaternion(half.head_xyzw)[0, 2] < np.sin(np.radians(29))
    assert not fading.signal(record(0, t_ns=600_000_000)).weights.any()


def test_calm_is_the_filter_of_takes_sample_by_sample() -> None:
    rng = np.random.default_rng(1)
    t_ns = np.cumsum(rng.integers(5_000_000, 40_000_000, 50)).astype(np.int64)
    values = rng.random((50, 5)).astype(np.float32)
    calm = Calm((WEIGHTS, 3), (ROTATIONS, 2))
    out = np.array([calm(int(t), v.astype(np.float64)) for t, v in zip(t_ns, values, strict=True)])
    np.testing.assert_allclose(out[:, :3], WEIGHTS(t_ns, values[:, :3]), atol=1e-6)
    np.testing.assert_allclose(out[:, 3:], ROTATIONS(t_ns, values[:, 3:]), atol=1e-6)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["mien", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def test_the_command_prints_figures(
    take: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    every = Receivers("livelink")
    to = every.address("livelink")
    assert command(monkeypatch, "live", take, "--to", to, "--raw", "--json", "--preset", "plain.toml") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["receivers"][0]["sent"] > 0
    assert told["receivers"][0]["latency_ms"]["p95"] >= told["receivers"][0]["latency_ms"]["p50"] > 0
    assert command(monkeypatch, "live", take, "--to", "vmc://", "--lost", "forget") == 2
    every.close()


def test_the_receive_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            for _ in range(60):
                one.sendto(LiveLinkEncoder().encode(FaceSignal(time.monotonic_ns()))[0], ("127.0.0.1", port))
                one.sendto(b"nonsense", ("127.0.0.1", port))
                time.sleep(0.02)

    sender = threading.Thread(target=send)
    sender.start()
    out = tmp_path / "out"
    address = f"livelink://:{port}"
    assert command(monkeypatch, "receive", address, "--out", out, "--seconds", 0.8, "--json") == 0
    sender.join()
    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == told["packets"] == len(load_take(out)) > 0
    assert sum(told["dropped"].values()) > 0
