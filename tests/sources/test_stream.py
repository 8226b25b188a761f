from __future__ import annotations

import socket
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from made_clips import make_noisy, make_sound, packet_places, presentation_ns
from served_files import serve_bytes

from mien.errors import SourceError
from mien.sources.stream import Options, StreamSource, public_name
from mien.sources.video import VideoSource

QUICK = Options(open_timeout_s=2, read_timeout_s=1, reconnect_attempts=2, reconnect_wait_s=0.02, backlog=64)


def recording(folder: Path) -> Path:
    return make_noisy(folder / "clip.mp4", 40, container_options={"movflags": "faststart"})


def test_a_recording_over_http_is_read_as_the_file(tmp_path: Path) -> None:
    path = recording(tmp_path)
    source = StreamSource(serve_bytes(path.read_bytes()), QUICK)
    records = list(source)
    assert [r.stamp.t_ns for r in records] == presentation_ns(path)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(records, VideoSource(path), strict=True))
    assert source.info.clock == "media"
    assert not source.info.live
    assert source.info.frame_count == 40
    assert source.warnings == []


def test_a_recording_goes_on_after_two_breaks_without_a_frame_lost_or_twice(tmp_path: Path) -> None:
    path = recording(tmp_path)
    (first, half), (second, _) = packet_places(path)[10], packet_places(path)[30]
    source = StreamSource(serve_bytes(path.read_bytes(), break_at=(first + half // 2, second)), QUICK)
    records = list(source)
    assert [r.stamp.t_ns for r in records] == presentation_ns(path)
    assert [r.stamp.index for r in records] == list(range(40))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(records, VideoSource(path), strict=True))
    assert source.warnings == ["the connection was lost and made again 2 times"]


def test_a_recording_that_never_gets_further_is_given_up(tmp_path: Path) -> None:
    path = recording(tmp_path)
    place = packet_places(path)[20][0]
    source = StreamSource(serve_bytes(path.read_bytes(), break_at=(place,) * 100), QUICK)
    records = []
    with pytest.raises(SourceError, match=r"lost after \d+ frames .*2 attempts to reconnect failed"):
        for record in source:
            records.append(record)
    assert 15 <= len(records) <= 20
    assert [r.stamp.t_ns for r in records] == presentation_ns(path)[: len(records)]


def test_a_live_stream_is_stamped_at_arrival_and_reconnects(tmp_path: Path) -> None:
    data = make_noisy(tmp_path / "clip.ts", 30, options={"bf": "0"}).read_bytes()
    url = serve_bytes(data, announce_length=False, break_at=(len(data) // 2,), requests=2)
    began_ns = time.monotonic_ns()
    source = StreamSource(url, QUICK)
    assert source.info.live
    assert source.info.clock == "monotonic"
    records = []
    with pytest.raises(SourceError, match="lost after"):
        for record in source:
            records.append(record)
    assert 40 <= len(records) <= 46, "half the stream, then the whole"
    assert all(a.stamp.t_ns < b.stamp.t_ns for a, b in pairwise(records))
    assert began_ns < records[0].stamp.t_ns < records[-1].stamp.t_ns < time.monotonic_ns()
    assert "the connection was lost and made again 1 time" in source.warnings


def test_waits_grow_between_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = serve_bytes(recording(tmp_path).read_bytes(), break_at=(9000,), requests=1)
    options = QUICK.model_copy(update={"reconnect_attempts": 5, "reconnect_wait_s": 0.01})
    source = StreamSource(url, options)
    waits: list[float] = []
    wait = source._arrivals.closing.wait

    def note(timeout: float) -> bool:
        waits.append(timeout)
        return wait(0)

    monkeypatch.setattr(source._arrivals.closing, "wait", note)
    with pytest.raises(SourceError, match="5 attempts"):
        list(source)
    assert waits == [0, 0.01, 0.02, 0.04, 0.08]


def test_close_frees_a_reader_that_waits_for_a_silent_server(tmp_path: Path) -> None:
    path = recording(tmp_path)
    url = serve_bytes(path.read_bytes(), hang_at=packet_places(path)[30][0])
    source = StreamSource(url, QUICK.model_copy(update={"read_timeout_s": 4.0}))
    seen = []
    thread = threading.Thread(target=lambda: seen.extend(source))
    thread.start()
    time.sleep(0.5)
    began = time.monotonic()
    source.close()
    thread.join(3)
    assert not thread.is_alive()
    assert time.monotonic() - began < 2


def test_a_silent_server_counts_as_lost(tmp_path: Path) -> None:
    path = recording(tmp_path)
    url = serve_bytes(path.read_bytes(), hang_at=packet_places(path)[30][0])
    options = QUICK.model_copy(update={"read_timeout_s": 0.3, "reconnect_attempts": 0})
    with pytest.raises(SourceError, match="no answer in time"):
        list(StreamSource(url, options))


def test_no_secret_in_names_errors_and_warnings(tmp_path: Path) -> None:
    assert public_name("rtsp://me:pass@cam.local:554/user=me_password=pass?token=t") == "rtsp://cam.local:554"
    assert public_name("rtsp://[bad") == "stream"
    url = serve_bytes(recording(tmp_path).read_bytes(), break_at=(9000,), requests=1)
    source = StreamSource(url, QUICK)
    with pytest.raises(SourceError) as lost:
        list(source)
    with pytest.raises(SourceError) as refused:
        StreamSource(url, QUICK)
    for caught in (lost, refused):
        error: BaseException | None = caught.value
        while error is not None:
            assert "secret" not in str(error)
            error = error.__cause__
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "secret" not in source.info.name + " ".join(source.warnings)


def test_addresses_that_give_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(SourceError, match=rf"http://127\.0\.0\.1:{port}: cannot be opened"):
        StreamSource(f"http://127.0.0.1:{port}/a.mp4", QUICK)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(SourceError, match="no answer in time"):
            StreamSource(url, QUICK.model_copy(update={"open_timeout_s": 0.3}))
    with pytest.raises(SourceError, match="holds no video"):
        StreamSource(serve_bytes(make_sound(tmp_path / "a.aac").read_bytes()), QUICK)
    with pytest.raises(SourceError, match="cannot be opened"):
        StreamSource(serve_bytes(b"words " * 1000), QUICK)


def test_an_index_behind_the_pictures_needs_a_server_that_can_jump(tmp_path: Path) -> None:
    """The server of these tests ignores Range, and a plain MP4 has its index at the end."""
    data = make_noisy(tmp_path / "clip.mp4", 200).read_bytes()
    assert data.index(b"mdat") < data.index(b"moov")
    source = StreamSource(serve_bytes(data), Options(reconnect_attempts=5))
    began = time.monotonic()
    with pytest.raises(SourceError, match="download the file and capture that") as caught:
        list(source)
    assert time.monotonic() - began < 5
    assert "secret" not in str(caught.value)
