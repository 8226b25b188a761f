from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sample_takes import COMPLETE, HEADER, face, record

from mien.errors import ConfigError, RequestError, SinkError
from mien.pipeline.stage import SourceInfo, TakeSummary
from mien.sinks.parquet import ParquetOptions, ParquetSink
from mien.take.reader import load_take
from mien.take.resume import resume_point

SMALL = ParquetOptions(part_frames=4, group_frames=10)


def indices(folder: Path) -> list[int]:
    return [r.stamp.index for r in load_take(folder).records()]


def opened(folder: Path, **more: Any) -> ParquetSink:
    sink = ParquetSink(SMALL, folder=folder, **more)
    sink.open(HEADER)
    return sink


def test_parts_are_merged_into_row_groups(tmp_path: Path) -> None:
    sink = opened(tmp_path)
    for i in range(30):
        sink.write(record(i, face()))
    assert len(list((tmp_path / "take.parts").iterdir())) == 7
    sink.close(TakeSummary("complete", 999, ("a warning",)))
    assert [p.name for p in tmp_path.iterdir()] == ["take.parquet"]
    with pq.ParquetFile(tmp_path / "take.parquet") as file:
        assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [12, 12, 6]
    take = load_take(tmp_path)
    assert take.summary == TakeSummary("complete", 30, ("a warning",))
    assert indices(tmp_path) == list(range(30))


def test_a_slow_capture_finishes_parts_by_time(tmp_path: Path) -> None:
    now = [0.0]
    sink = ParquetSink(ParquetOptions(part_s=5.0), folder=tmp_path, clock=lambda: now[0])
    sink.open(HEADER)
    for i, at in enumerate([0.0, 2.0, 4.9]):
        now[0] = at
        sink.write(record(i))
    assert not list((tmp_path / "take.parts").glob("*.parquet"))
    now[0] = 5.0
    sink.write(record(3))
    assert indices(tmp_path) == [0, 1, 2, 3]


def test_a_killed_process_loses_only_its_last_part(tmp_path: Path) -> None:
    program = (
        "import sys, time; sys.path.insert(0, sys.argv[2])\n"
        "from sample_takes import *; from mien.sinks.parquet import *\n"
        "sink = ParquetSink(ParquetOptions(part_frames=4), folder=Path(sys.argv[1])); sink.open(HEADER)\n"
        "[sink.write(record(i, face())) for i in range(22)]\n"
        "print('written', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), str(Path(__file__).parent)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert indices(tmp_path) == list(range(20))
    assert load_take(tmp_path).summary.state == "failed"
    sink = opened(tmp_path, resume=True)
    for i in range(20, 25):
        sink.write(record(i))
    sink.close(COMPLETE)
    assert indices(tmp_path) == list(range(25))


def test_resume_goes_on_behind_an_interrupted_take(tmp_path: Path) -> None:
    for start, state in ((0, "interrupted"), (6, "failed"), (12, "complete")):
        point = resume_point(tmp_path)
        assert point.last_index == start - 1
        sink = opened(tmp_path, resume=True)
        for i in range(start, start + 6):
            sink.write(record(i, face()))
        sink.close(TakeSummary(state, 6))  # type: ignore[arg-type]
    assert indices(tmp_path) == list(range(18))
    assert load_take(tmp_path).summary.frames == 18
    assert [p.name for p in tmp_path.iterdir()] == ["take.parquet"]
    with pytest.raises(RequestError, match="complete"):
        opened(tmp_path, resume=True)


def test_left_over_parts_beside_a_finished_file_are_not_counted_twice(tmp_path: Path) -> None:
    sink = opened(tmp_path)
    for i in range(6):
        sink.write(record(i))
    sink.close(TakeSummary("interrupted", 6))
    parts = tmp_path / "take.parts"
    parts.mkdir()
    (parts / "000001.parquet").write_bytes((tmp_path / "take.parquet").read_bytes())
    sink = opened(tmp_path, resume=True)
    sink.write(record(6))
    sink.close(COMPLETE)
    assert indices(tmp_path) == list(range(7))


def test_another_source_cannot_continue_a_take(tmp_path: Path) -> None:
    sink = opened(tmp_path)
    sink.write(record(0))
    sink.close(TakeSummary("interrupted", 1))
    other = ParquetSink(folder=tmp_path, resume=True)
    with pytest.raises(ConfigError, match=r"clip\.mp4.*other\.mp4"):
        other.open(replace(HEADER, source=SourceInfo("other.mp4", "video")))
    assert indices(tmp_path) == [0]


@pytest.mark.parametrize("before", [True, False])
def test_a_landmarks_only_take_never_gains_pixels_nor_the_reverse(tmp_path: Path, before: bool) -> None:
    sink = ParquetSink(folder=tmp_path)
    sink.open(replace(HEADER, pixels=before))
    sink.write(record(0))
    sink.close(TakeSummary("interrupted", 1))
    with pytest.raises(ConfigError, match="pixels"):
        ParquetSink(folder=tmp_path, resume=True).open(replace(HEADER, pixels=not before))


def test_a_capture_that_failed_before_its_first_frame_leaves_nothing(tmp_path: Path) -> None:
    opened(tmp_path).close(TakeSummary("failed", 0, problem="another output could not be opened"))
    assert list(tmp_path.iterdir()) == []
    opened(tmp_path).close(TakeSummary("interrupted", 0))
    assert indices(tmp_path) == []
    opened(tmp_path, resume=True).close(TakeSummary("failed", 0))
    assert load_take(tmp_path).summary.state == "failed", "a resumed take stays"


def test_the_folder_is_flushed_after_every_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.name != "posix":
        pytest.skip("only POSIX flushes folders")
    flushed: list[str] = []
    flush = os.fsync

    def note(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            flushed.append(str(Path(f"/proc/self/fd/{handle}").readlink()) if sys.platform == "linux" else "")
            assert not list(tmp_path.rglob("*.tmp")), "renamed first"
        flush(handle)

    monkeypatch.setattr(os, "fsync", note)
    sink = opened(tmp_path)
    for i in range(4):
        sink.write(record(i))
    sink.close(COMPLETE)
    assert len(flushed) == 2
    if sys.platform == "linux":
        assert [Path(f).name for f in flushed] == ["take.parts", tmp_path.name]


def test_a_frame_that_is_there_already_is_refused(tmp_path: Path) -> None:
    sink = opened(tmp_path)
    sink.write(record(3))
    sink.close(TakeSummary("interrupted", 1))
    sink = opened(tmp_path, resume=True)
    with pytest.raises(SinkError, match="in the resumed take already"):
        sink.write(record(3))


@pytest.mark.parametrize("when", ["write", "close"])
def test_a_full_disk_is_explained_and_leaves_what_was_finished(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = opened(tmp_path)
    for i in range(8):
        sink.write(record(i, face()))

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(SinkError, match="No space left on device.*2 parts"):
        for i in range(8, 12 if when == "write" else 8):
            sink.write(record(i, face()))
        sink.close(TakeSummary("failed", 8))
    monkeypatch.undo()
    assert indices(tmp_path) == list(range(8))
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_really_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        sink = opened(disk / "out")
        with pytest.raises(SinkError, match="No space left"):
            for i in range(4000):
                sink.write(record(i, face(shapes={"jawOpen": i / 4000}, head=(i / 50, 0, 0))))
            sink.close(COMPLETE)
        kept = indices(disk / "out")
        assert len(kept) >= 4
        assert kept == list(range(len(kept)))
    finally:
        time.sleep(0.05)
        subprocess.run(["umount", disk], check=True)


def test_memory_holds_one_part(tmp_path: Path) -> None:
    sink = opened(tmp_path)
    for i in range(50):
        sink.write(record(i, face(), image=True))
        assert len(sink._pending) < 4
        assert all(r.image is None for r in sink._pending)
