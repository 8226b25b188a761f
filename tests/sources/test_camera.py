from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest
from made_clips import number_of, numbered
from scripted_camera import ScriptedCamera

from mien.errors import SourceError
from mien.pipeline.stage import Span
from mien.sources import camera
from mien.sources.camera import CameraInfo, CameraSource, Options, list_cameras


def test_stamps_are_the_hosts_clock_at_arrival() -> None:
    driver = ScriptedCamera([numbered(i) for i in range(6)], wait_s=0.02)
    source = CameraSource(0, Options(backlog=16), driver=lambda _: driver)
    before_ns = time.monotonic_ns()
    frames = iter(source)
    records = [next(frames) for _ in range(6)]
    after_ns = time.monotonic_ns()
    source.close()
    stamps = [r.stamp.t_ns for r in records]
    assert before_ns < stamps[0]
    assert stamps[-1] < after_ns
    assert all(b - a >= 19_000_000 for a, b in pairwise(stamps))
    assert [number_of(r.image) for r in records] == list(range(6))
    assert source.info.live
    assert source.info.clock == "monotonic"
    assert source.info.size_wh == (64, 48)


def test_colours_are_rgb() -> None:
    image = numbered(0)
    image[...] = (200, 100, 50)
    source = CameraSource(0, driver=lambda _: ScriptedCamera([image]))
    assert next(iter(source)).image[0, 0].tolist() == [200, 100, 50]
    source.close()


def test_what_is_asked_of_the_camera() -> None:
    driver = ScriptedCamera([numbered(0)])
    CameraSource(0, Options(width_px=1280, height_px=720, fps=60, fourcc="MJPG"), driver=lambda _: driver).close()
    assert driver.asked == {
        cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),
        cv2.CAP_PROP_FRAME_WIDTH: 1280,
        cv2.CAP_PROP_FRAME_HEIGHT: 720,
        cv2.CAP_PROP_FPS: 60,
    }
    assert driver.released == 1


def test_a_camera_that_vanishes_ends_in_an_error_after_its_frames() -> None:
    driver = ScriptedCamera([numbered(i) for i in range(5)])
    source = CameraSource(2, Options(patience_s=0.1, backlog=16), driver=lambda _: driver)
    records = []
    with pytest.raises(SourceError, match="camera 2: lost after 5 frames"):
        for record in source:
            records.append(record)
    assert len(records) == 5
    assert driver.released


def test_a_camera_without_a_picture() -> None:
    source = CameraSource(0, Options(patience_s=0.05), driver=lambda _: ScriptedCamera([]))
    with pytest.raises(SourceError, match="opened, but gives no frame"):
        list(source)


def test_a_slow_reader_gets_the_newest_frames_and_hears_of_it() -> None:
    source = CameraSource(
        0, Options(patience_s=0.2, backlog=2), driver=lambda _: ScriptedCamera([numbered(i) for i in range(40)])
    )
    frames = iter(source)
    first = next(frames)
    time.sleep(0.1)
    rest = []
    with pytest.raises(SourceError):
        rest.extend(frames)
        pytest.fail("the camera has no end of its own")
    assert first.stamp.index < 39
    assert source.warnings
    assert "frames dropped" in source.warnings[0]


def test_close_frees_a_reader_that_waits_for_a_silent_camera() -> None:
    driver = ScriptedCamera([numbered(0)], hangs=True)
    source = CameraSource(0, driver=lambda _: driver)
    seen = []
    thread = threading.Thread(target=lambda: seen.extend(source))
    thread.start()
    while not seen and thread.is_alive():
        time.sleep(0.01)
    began = time.monotonic()
    source.close()
    thread.join(3)
    assert not thread.is_alive()
    assert time.monotonic() - began < 2
    driver.unplug.set()


def test_a_span_counts_from_the_first_frame() -> None:
    driver = ScriptedCamera([numbered(i) for i in range(50)], wait_s=0.01)
    source = CameraSource(
        0, Options(backlog=64), span=Span(start_ns=50_000_000, end_ns=150_000_000), driver=lambda _: driver
    )
    records = list(source)
    assert 3 <= len(records) <= 11
    assert records[0].stamp.index >= 3
    assert records[-1].stamp.t_ns - records[0].stamp.t_ns <= 100_000_000


def test_a_resumed_camera_goes_on_counting_and_loses_no_frame() -> None:
    driver = ScriptedCamera([numbered(i) for i in range(5)])
    source = CameraSource(
        0, Options(patience_s=0.1, backlog=16), span=Span(first_index=90_000), driver=lambda _: driver
    )
    records = []
    with pytest.raises(SourceError, match="lost after 5 frames"):
        for record in source:
            records.append(record)
    assert [r.stamp.index for r in records] == list(range(90_000, 90_005))
    assert [number_of(r.image) for r in records] == list(range(5))


def test_a_camera_that_cannot_be_opened_lists_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "list_cameras", lambda _driver: [CameraInfo("camera:3", "Desk Cam")])
    with pytest.raises(SourceError, match=r"camera 7: cannot be opened; cameras found: Desk Cam \(camera:3\)"):
        CameraSource(7, driver=lambda _: ScriptedCamera([], opens=False))


def test_a_real_driver_without_a_camera_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SourceError, match="cannot be opened"):
        CameraSource(97)
    assert capfd.readouterr() == ("", "")


def test_cameras_of_linux_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for node, index, name in (("video10", 0, "Second"), ("video2", 0, "First"), ("video3", 1, "First, metadata")):
        (tmp_path / node).mkdir()
        (tmp_path / node / "index").write_text(f"{index}\n")
        (tmp_path / node / "name").write_text(f"{name}\n")
    monkeypatch.setattr(camera, "_SYSFS", tmp_path)
    monkeypatch.setattr(camera.platform, "system", lambda: "Linux")
    assert list_cameras() == [CameraInfo("camera:2", "First"), CameraInfo("camera:10", "Second")]


def test_cameras_elsewhere_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera.platform, "system", lambda: "Windows")
    drivers = [ScriptedCamera([], opens=i == 1) for i in range(4)]
    assert list_cameras(lambda i: drivers[int(i)]) == [CameraInfo("camera:1", "camera 1")]
    assert all(d.released == 1 for d in drivers)


@pytest.mark.parametrize("place", ["old", "new", "none"])
def test_a_camera_opens_wherever_opencv_keeps_its_log_level(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to 4.12 in `cv2`, from 4.13 on in `cv2.utils.logging`."""
    levels: list[int] = []
    log = SimpleNamespace(getLogLevel=lambda: 3, setLogLevel=levels.append)
    for name in ("getLogLevel", "setLogLevel"):
        monkeypatch.delattr(cv2, name, raising=False)
        if place == "old":
            monkeypatch.setattr(cv2, name, getattr(log, name), raising=False)
    monkeypatch.setattr(cv2.utils, "logging", log if place == "new" else SimpleNamespace(), raising=False)
    monkeypatch.setattr(cv2, "VideoCapture", lambda which: ScriptedCamera([], opens=False))
    with pytest.raises(SourceError, match="camera 0: cannot be opened; cameras found"):
        CameraSource(0)
    opened = levels[:2]
    assert opened == ([] if place == "none" else [0, 3])
