"""What every source must do, run over every implementation.

To add a source: write a function `(folder, span) -> Source` that gives at least five frames, and add it to
`SOURCES`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from made_clips import make_numbered, numbered
from PIL import Image
from scripted_camera import ScriptedCamera
from served_files import serve_bytes

from mien.core.record import FrameRecord
from mien.errors import SourceError
from mien.pipeline.stage import Source, Span

Opener = Callable[[Path, Span], Source]


def open_video(folder: Path, span: Span) -> Source:
    from mien.sources.video import VideoSource

    return VideoSource(make_numbered(folder / "clip.mp4", 12), span=span)


def open_folder(folder: Path, span: Span) -> Source:
    from mien.sources.images import ImageFolderSource

    (folder / "pictures").mkdir()
    for i in range(12):
        Image.fromarray(numbered(i)).save(folder / "pictures" / f"{i}.png")
    return ImageFolderSource(folder / "pictures", span=span)


def open_camera(folder: Path, span: Span) -> Source:
    from mien.sources.camera import CameraSource, Options

    frames = [numbered(i) for i in range(12)]
    options = Options(patience_s=0, backlog=64)
    return CameraSource(0, options, span=span, driver=lambda _: ScriptedCamera(frames, wait_s=0.005))


def open_recording(folder: Path, span: Span) -> Source:
    from mien.sources.stream import StreamSource

    clip = make_numbered(folder / "clip.mp4", 12, container_options={"movflags": "faststart"})
    return StreamSource(serve_bytes(clip.read_bytes()), span=span)


def open_live_stream(folder: Path, span: Span) -> Source:
    from mien.sources.stream import Options, StreamSource

    clip = make_numbered(folder / "clip.ts", 12)
    url = serve_bytes(clip.read_bytes(), announce_length=False, requests=1)
    return StreamSource(url, Options(backlog=64, reconnect_attempts=0), span=span)


def open_synthetic(folder: Path, span: Span) -> Source:
    from mien.sources.synthetic import Options, SyntheticSource

    return SyntheticSource(Options(size_px=128, frame_rate_hz=2), span=span)


def open_replay(folder: Path, span: Span) -> Source:
    from mien.pipeline.stage import TakeHeader, TakeSummary
    from mien.sinks.parquet import ParquetSink
    from mien.sources.replay import ReplaySource

    recorded = open_video(folder, Span())
    sink = ParquetSink(folder=folder)
    sink.open(TakeHeader(recorded.info))
    records = [r.slim() for r in recorded]
    for record in records:
        sink.write(record)
    sink.close(TakeSummary("complete", len(records)))
    return ReplaySource(sink.path, span=span)


SOURCES: dict[str, Opener] = {
    "video": open_video,
    "images": open_folder,
    "camera": open_camera,
    "recording": open_recording,
    "live stream": open_live_stream,
    "synthetic": open_synthetic,
    "replay": open_replay,
}
ENDS_WITH_LOSS = {"camera", "live stream"}
"""These have no end of their own: what ends here is the device."""


@pytest.fixture(params=SOURCES, name="name")
def each_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opener(name: str, tmp_path: Path) -> Iterator[Callable[..., Source]]:
    opened: list[Source] = []

    def open_it(span: Span = Span()) -> Source:  # noqa: B008  frozen
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        opened.append(SOURCES[name](folder, span))
        return opened[-1]

    yield open_it
    for source in opened:
        source.close()


def read(source: Source, name: str) -> list[FrameRecord]:
    records = []
    try:
        for record in source:
            records.append(record)
    except SourceError:
        if name not in ENDS_WITH_LOSS:
            raise
    return records


def test_is_a_source_with_plain_information(opener: Callable[..., Source], name: str) -> None:
    source = opener()
    assert isinstance(source, Source)
    info = source.info
    assert info.live == (info.clock == "monotonic")
    assert info.name
    assert "/0/" not in info.name  # no path
    if info.frame_count is not None and not info.live:
        assert info.frame_count == len(read(source, name))


def test_records_are_numbered_growing_in_time_and_contiguous_rgb(opener: Callable[..., Source], name: str) -> None:
    source = opener()
    records = read(source, name)
    assert len(records) >= 5
    assert [r.stamp.index for r in records] == list(range(len(records)))
    assert all(a.stamp.t_ns < b.stamp.t_ns for a, b in pairwise(records))
    for record in records:
        assert record.stamp.source == source.info.name
        assert record.stamp.clock == source.info.clock
        assert record.faces == ()
        if source.info.kind == "replay":
            assert record.image is None
            continue
        assert record.image is not None
        assert record.image.dtype == np.uint8
        assert record.image.flags.c_contiguous
    if source.info.size_wh:
        assert records[0].size_wh == source.info.size_wh


def test_resuming_skips_frames_and_keeps_numbers_and_stamps(opener: Callable[..., Source], name: str) -> None:
    whole = read(opener(), name)
    rest = read(opener(Span(first_index=4)), name)
    if rest[0].stamp.clock == "monotonic":
        # What a live source showed before is gone: the numbers go on, and no new frame is thrown away.
        assert [r.stamp.index for r in rest] == list(range(4, 4 + len(whole)))
    else:
        assert [r.stamp.index for r in rest] == list(range(4, len(whole)))
        assert [r.stamp.t_ns for r in rest] == [r.stamp.t_ns for r in whole[4:]]


def test_a_span_is_inclusive_on_both_sides(opener: Callable[..., Source], name: str) -> None:
    source = opener()
    if source.info.live:
        pytest.skip("arrival times differ from run to run; see the tests of the source")
    whole = [r.stamp for r in read(source, name)]
    part = read(opener(Span(start_ns=whole[2].t_ns, end_ns=whole[4].t_ns)), name)
    assert [(r.stamp.index, r.stamp.t_ns) for r in part] == [(s.index, s.t_ns) for s in whole[2:5]]


def test_can_be_read_once_and_says_so(opener: Callable[..., Source], name: str) -> None:
    source = opener()
    read(source, name)
    with pytest.raises(SourceError, match="once"):
        iter(source)


def test_close_may_be_called_twice_and_before_reading(opener: Callable[..., Source], name: str) -> None:
    source = opener()
    source.close()
    source.close()
    assert list(source) == []


def test_close_from_another_thread_ends_the_reading(opener: Callable[..., Source], name: str) -> None:
    source = opener()
    started = threading.Event()

    def read_slowly() -> None:
        for _ in source:
            started.set()
            time.sleep(0.02)

    thread = threading.Thread(target=read_slowly)
    thread.start()
    assert started.wait(5)
    source.close()
    thread.join(3)
    assert not thread.is_alive()


def test_an_abandoned_iteration_leaves_a_source_that_closes(opener: Callable[..., Source], name: str) -> None:
    source = opener()
    next(iter(source))
    source.close()
