"""What a full disk, a second Ctrl-C, a damaged part or another span do to a capture: nothing is lost, and the way on
is said."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mien.core.timebase import NS_PER_S
from mien.errors import ConfigError, RequestError, SinkError, SourceError
from mien.pipeline.stage import Span
from mien.recorder import Outcome, Request, capture_to_folder
from mien.sinks import parquet
from mien.sinks.exporters import glb, openface_csv
from mien.take.reader import load_take

LIGHT = ("stages=[]", 'outputs=["parquet", "csv", "glb"]', "parquet.part_frames=20")
FRAMES = 270
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def capture(folder: Path, **more: Any) -> Outcome:
    return capture_to_folder(Request("demo", folder, overrides=LIGHT, **more))


def stopped(folder: Path, frames: int = 50, **more: Any) -> Outcome:
    """A capture that is told to stop after so many frames."""
    stop = threading.Event()

    class Stopper:
        left = frames

        def started(self, info: object, done: int) -> None: ...

        def frame(self, record: object) -> None:
            self.left -= 1
            if not self.left:
                stop.set()

        def exporting(self, name: str) -> None: ...

    return capture_to_folder(Request("demo", folder, overrides=LIGHT, **more), stop=stop, watcher=Stopper())


def raising(error: BaseException, *, after: int = 0) -> Any:
    calls = []

    def fail(*args: object, **kwargs: object) -> None:
        calls.append(args)
        if len(calls) > after:
            raise error

    return fail


@pytest.mark.parametrize("kept", [0, 3])
def test_a_disk_that_fills_up_leaves_what_is_on_it_and_the_true_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(parquet.os, "fsync", raising(FULL, after=2 * kept))  # file and folder
        told: list[str] = []
        watcher = type("W", (), {"started": raising, "frame": raising, "exporting": told.append})()
        outcome = capture_to_folder(Request("demo", tmp_path, overrides=LIGHT), watcher=watcher)
    assert "No space left on device" in str(outcome.error)
    assert outcome.summary.state == "failed"
    assert outcome.summary.frames == 20 * kept
    assert told == []
    assert outcome.missing == (["csv", "glb"] if kept else [])
    assert not (tmp_path / "take.csv").exists()
    again = capture(tmp_path, resume=True)
    assert (again.error, again.summary.state, again.missing) == (None, "complete", [])
    assert [r.stamp.index for r in load_take(tmp_path).records()] == list(range(FRAMES))


@pytest.mark.parametrize(("error", "raised"), [(FULL, SinkError), (KeyboardInterrupt(), None)])
def test_outputs_that_were_not_reached_are_made_by_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, raised: type[SinkError] | None
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(glb, "write_character", raising(error))
        outcome = capture(tmp_path)
    assert outcome.missing == ["glb"]
    assert type(outcome.error) is (raised or type(None))
    assert outcome.summary.state == "complete"
    assert {p.name for p in tmp_path.iterdir()} == {"take.parquet", "take.csv"}
    csv = (tmp_path / "take.csv").stat().st_mtime_ns
    again = capture(tmp_path, resume=True)
    assert (again.error, again.missing, again.measured) == (None, [], 0)
    assert {p.name for p in again.outputs} == {"take.parquet", "take.csv", "avatar.glb"}
    assert (tmp_path / "take.csv").stat().st_mtime_ns == csv
    with pytest.raises(RequestError, match="nothing to resume"):
        capture(tmp_path, resume=True)
    (tmp_path / "avatar.glb").unlink()
    with pytest.raises(ConfigError, match="pixels was True"):
        capture(tmp_path, resume=True, pixels=False)


def test_a_full_disk_spares_the_other_outputs_the_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openface_csv, "_blocks", raising(FULL))
    assert capture(tmp_path).missing == ["csv", "glb"]


def test_outputs_of_a_shorter_take_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(tmp_path)
    before = (tmp_path / "take.csv").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(openface_csv, "_blocks", raising(FULL))
        assert capture(tmp_path, resume=True).missing == ["csv", "glb"]
    assert (tmp_path / "take.csv").read_bytes() == before
    assert capture(tmp_path, resume=True).missing == []
    assert len((tmp_path / "take.csv").read_text().splitlines()) == FRAMES + 1


def test_the_figures_of_a_resumed_take_are_those_of_all_of_it(tmp_path: Path) -> None:
    first = stopped(tmp_path)
    assert first.summary.state == "interrupted"
    again = capture(tmp_path, resume=True)
    assert again.resumed_frames == first.summary.frames
    assert again.summary.frames == first.summary.frames + again.measured == FRAMES


def test_a_resumed_take_keeps_its_span(tmp_path: Path) -> None:
    span = Span(NS_PER_S, 6 * NS_PER_S)
    stopped(tmp_path, span=span)
    for other in (Span(5 * NS_PER_S), replace(span, end_ns=None), Span(0, 6 * NS_PER_S)):
        with pytest.raises(RequestError, match=r"was begun from 0:01\.000 to 0:06\.000"):
            capture(tmp_path, resume=True, span=other)
    assert capture(tmp_path, resume=True).summary.state == "complete"
    assert [r.stamp.index for r in load_take(tmp_path).records()] == list(range(30, 181))


def test_a_take_of_the_whole_source_goes_on_to_its_end(tmp_path: Path) -> None:
    stopped(tmp_path)
    with pytest.raises(RequestError, match="was begun for the whole source"):
        capture(tmp_path, resume=True, span=Span(5 * NS_PER_S))


@pytest.mark.parametrize("damage", ["cut", "altered"])
def test_a_damaged_part_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(parquet.os, "fsync", raising(FULL, after=2 * 5))
        capture(tmp_path)
    part = tmp_path / "take.parts" / "000003.parquet"
    content = bytearray(part.read_bytes())
    content[40] ^= 255
    part.write_bytes(content[:-50] if damage == "cut" else content)
    with pytest.raises(SourceError, match=r"000003\.parquet .*move it and those behind it out of .*take\.parts"):
        capture(tmp_path, resume=True)
    for number in (3, 4):
        (tmp_path / "take.parts" / f"{number:06d}.parquet").rename(tmp_path / f"{number}.aside")
    assert capture(tmp_path, resume=True).resumed_frames == 60
    assert len(load_take(tmp_path)) == FRAMES


def test_the_demo_replaces_only_what_a_demo_left(tmp_path: Path) -> None:
    demo = {"replace_demo": True, "span": Span(0, NS_PER_S)}
    outputs = ("stages=[]", 'outputs=["parquet", "csv", "overlay", "livelink", "glb", "report"]')

    def run(folder: Path) -> Outcome:
        return capture_to_folder(Request("demo", folder, overrides=outputs, **demo))

    run(tmp_path / "a")
    assert run(tmp_path / "a").error is None
    for name in ("report.html", "take.csv", "overlay.mp4", "livelink.csv", "avatar.glb"):
        made = (tmp_path / "a" / name).read_bytes()
        (tmp_path / "a" / name).write_text("mine")
        with pytest.raises(RequestError, match="already holds"):
            run(tmp_path / "a")
        assert (tmp_path / "a" / name).read_text() == "mine"
        (tmp_path / "a" / name).write_bytes(made)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "report.html").write_text("mine")
    with pytest.raises(RequestError, match=r"already holds report\.html"):
        run(tmp_path / "b")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_video_whose_header_cannot_be_written_ends_in_an_error_and_not_in_a_crash(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to("/dev/full")
    code = """if True:
        import sys, numpy as np, pathlib
        from mien.errors import SinkError
        from mien.sinks.video_segment import SegmentWriter
        writer = SegmentWriter(pathlib.Path(sys.argv[1]), (64, 48), 20, {})
        try:
            for i in range(100):
                writer.write(np.full((48, 64, 3), i, np.uint8), i * 40_000_000)
        except SinkError as error:
            print(error)
        writer.close()
    """
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.mp4")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "No space left on device" in run.stdout
