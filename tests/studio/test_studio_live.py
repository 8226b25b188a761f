"""A live run in the studio: a take as the source, so that no network is needed."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from mien.core.record import FrameRecord, Stamp
from mien.studio.browser_camera import BrowserCamera, decoded
from mien.studio.clock import now_ms
from mien.studio.frame_packer import jpeg
from mien.studio.judge import LiveJudge
from mien.studio.wire import CAMERA_HEAD
from small_takes import HIGH, WIDE

WS = "ws://127.0.0.1:8300/ws"


def gather(page: Any, until: str, limit: int = 400) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Frames and texts up to the session's state."""
    frames: list[bytes] = []
    texts: list[dict[str, Any]] = []
    for _ in range(limit):
        message = page.receive()
        if message.get("bytes"):
            frames.append(message["bytes"])
        elif message.get("text"):
            texts.append(json.loads(message["text"]))
            if texts[-1].get("state") == until:
                return frames, texts
    raise AssertionError(f"the session never became {until}: {texts[-3:]}")


def test_a_take_plays_live_to_two_pages(client: TestClient, takes: Path) -> None:
    with client.websocket_connect(WS) as one, client.websocket_connect(WS) as other:
        one.send_json({"type": "start", "source": str(takes / "one" / "take.parquet")})
        frames, texts = gather(one, "ended")
        assert [t["state"] for t in texts if t["type"] == "session"][-1] == "ended"
        assert 5 <= len(frames) <= 25
        jaws = [np.frombuffer(f, "<f4", 52, 48)[17] for f in frames]
        assert jaws == sorted(jaws)
        assert np.frombuffer(frames[0], "<u2", 2, 32).tolist() == [WIDE, HIGH]
        assert gather(other, "ended")[0], "every page sees the same run"


def test_a_source_that_cannot_be_opened_is_told_and_the_next_one_works(client: TestClient, takes: Path) -> None:
    with client.websocket_connect(WS) as page:
        page.send_json({"type": "start", "source": "no/such/clip.mp4"})
        _, texts = gather(page, "failed")
        assert "no/such/clip.mp4" in texts[-1]["problem"]
        page.send_json({"type": "start", "source": "demo", "profile": "nobody"})
        assert "calibrate first" in gather(page, "failed")[1][-1]["problem"]
        page.send_json({"type": "start", "source": str(takes / "one" / "take.parquet")})
        gather(page, "running")
        page.send_json({"type": "stop"})
        gather(page, "ended")


def picture(wide: int = 64, high: int = 48, said_ms: float = 0.0) -> bytes:
    _, data = cv2.imencode(".jpg", np.full((high, wide, 3), (10, 120, 240), np.uint8))
    return CAMERA_HEAD.pack(said_ms) + data.tobytes()


def claiming(wide: int, high: int) -> bytes:
    """A picture whose head says another size."""
    data = bytearray(picture())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", high, wide)
    return bytes(data)


def test_a_browsers_pictures_become_frames_and_rubbish_does_not() -> None:
    camera = BrowserCamera()
    frames = iter(camera)
    camera.offer(picture())
    first = next(frames)
    assert first.size_wh == (64, 48)
    assert first.image is not None
    assert first.image[0, 0].tolist() == pytest.approx([240, 120, 10], abs=6), "RGB"
    before = now_ms() - 100
    camera.offer(picture(said_ms=before))
    assert abs(next(frames).stamp.t_ns - (first.stamp.t_ns)) < 10**9
    camera.offer(b"\0" * 100)
    camera.close()
    assert list(frames) == []
    assert decoded(b"\0" * 8 + b"no jpeg at all") is None
    assert decoded(picture(4000, 2000)) is None, "too many pixels are not even decoded"
    assert decoded(claiming(1920, 1088)) is None, "more pixels than are taken"
    assert decoded(claiming(65500, 65500)) is None, "a bomb"


def test_a_time_that_cannot_be_true_is_replaced_by_now() -> None:
    for said in (float("nan"), float("inf"), -5.0, 1e300, now_ms() + 1e6):
        camera = BrowserCamera()
        camera.offer(picture(said_ms=said))
        stamp_ns = next(iter(camera)).stamp.t_ns
        assert abs(time.monotonic_ns() - stamp_ns) < 10**9


def test_pictures_are_scaled_down_before_they_are_sent() -> None:
    data = jpeg(np.zeros((500, 2000, 3), np.uint8))
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (240, 960, 3)


def test_the_judge_counts_and_warns_in_words() -> None:
    judge = LiveJudge()
    for k in range(20):
        judge.see(FrameRecord(Stamp("c", 2 * k, k * 100_000_000), (64, 48)))
    assert judge.fps == pytest.approx(10)
    assert judge.dropped == 19
    said = judge.warnings(0)
    assert said[0].startswith("Frame rate 10:")
    assert "No face is found" in said[1]


@pytest.mark.parametrize("spots", [False, True])
def test_the_judge_warns_of_a_run_with_hardly_a_frame(spots: bool) -> None:
    judge = LiveJudge(spots=spots)
    for k in range(6):
        judge.see(FrameRecord(Stamp("c", 90 * k, k * 3_000_000_000), (64, 48)))
    assert judge.fps == pytest.approx(1 / 3)
    assert "micro-expressions" in judge.warnings(0)[0]
    for k in range(60):
        judge.see(FrameRecord(Stamp("c", 460 + k, 15_000_000_000 + (k + 1) * 20_000_000), (64, 48)))
    assert judge.fps > 24, "what was slow at the beginning is forgotten"
