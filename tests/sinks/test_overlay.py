from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from sample_takes import COMPLETE, HEADER, face, record

from mien.core.record import FrameRecord
from mien.errors import ConfigError, SinkError
from mien.sinks import video_segment
from mien.sinks.overlay import OverlayOptions, OverlaySink

PLAIN = OverlayOptions(character=False, bars=False)


def capture(folder: Path, records: list[FrameRecord], options: OverlayOptions = PLAIN, **more: bool) -> None:
    sink = OverlaySink(options, folder=folder, **more)
    sink.open(HEADER)
    for one in records:
        sink.write(one)
    sink.close(COMPLETE)


def video(folder: Path) -> tuple[list[int], list[np.ndarray]]:
    """Stamps, ns, and pictures."""
    with av.open(str(folder / "overlay.mp4")) as container:
        frames = list(container.decode(video=0))
        assert container.streams.video[0].codec_context.name == "h264"
        return [round(f.pts * Fraction(f.time_base) * 10**9) for f in frames], [
            f.to_ndarray(format="rgb24") for f in frames
        ]


def test_time_in_the_video_is_the_time_of_the_stamps(tmp_path: Path) -> None:
    stamps = [5_000_000_000, 5_041_708_333, 5_041_708_400, 5_300_000_000, 7_000_000_000]
    capture(tmp_path, [record(i, face(), image=True, t_ns=t) for i, t in enumerate(stamps)])
    times, _ = video(tmp_path)
    assert len(times) == 5
    assert all(b > a for a, b in pairwise(times))
    assert np.abs(np.array(times) - (np.array(stamps) - stamps[0])).max() < 17_000  # one and a half ticks


def test_the_picture_is_the_source_with_something_drawn(tmp_path: Path) -> None:
    capture(tmp_path, [record(10, face(), image=True)])
    (picture,) = video(tmp_path)[1]
    assert picture.shape == (80, 96, 3)
    assert np.abs(picture[4, 90].astype(int) - 150).max() < 12, "the background keeps its grey (and its range)"
    assert (np.abs(picture[20:60, 28:68].astype(int) - 110).max(axis=2) > 60).sum() > 50, "the face is drawn"


def test_panel_and_character_stand_beside_the_picture(tmp_path: Path) -> None:
    units = {"AU12_L": 5.0, "AU12_R": 1.0}
    records = [record(i, face(shapes={"jawOpen": 0.8}, units=units), image=True) for i in range(2)]
    capture(
        tmp_path,
        [replace(r, size_wh=(300, 240), image=np.zeros((240, 300, 3), np.uint8)) for r in records],
        OverlayOptions(),
    )
    picture = video(tmp_path)[1][1]
    assert picture.shape == (240, 460, 3)
    assert picture[:140, 300:].std() > 20, "a character is drawn"
    bars = picture[150:, 300:].astype(int)
    orange = (bars[..., 0] > 200) & (bars[..., 2] < 130)
    assert orange[:, 80:].sum() > 2 * orange[:, :80].sum() > 0, "the stronger left side is the longer bar on the right"


def test_a_landmarks_only_take_shows_no_pixel(tmp_path: Path) -> None:
    sink = OverlaySink(PLAIN, folder=tmp_path)
    sink.open(replace(HEADER, pixels=False))
    white = np.full((80, 96, 3), 255, np.uint8)
    sink.write(replace(record(0, face()), image=white))
    sink.close(COMPLETE)
    assert np.median(video(tmp_path)[1][0]) < 40


def test_odd_sizes_and_a_change_of_size(tmp_path: Path) -> None:
    sizes = [(97, 81), (97, 81), (40, 160), (3, 3)]
    capture(tmp_path, [record(i, face(), image=True, size_wh=s) for i, s in enumerate(sizes)])
    pictures = video(tmp_path)[1]
    assert [p.shape for p in pictures] == [(80, 96, 3)] * 4
    assert pictures[2][40, 2].max() < 25, "bars beside a narrower picture"


def test_large_pictures_are_scaled_down(tmp_path: Path) -> None:
    capture(
        tmp_path,
        [record(0, image=True, size_wh=(400, 300))],
        OverlayOptions(character=False, bars=False, max_height=100),
    )
    assert video(tmp_path)[1][0].shape == (100, 132, 3)


def test_resume_joins_the_parts_without_a_seam(tmp_path: Path) -> None:
    for start in (0, 5, 10):
        capture(tmp_path, [record(i, face(), image=True) for i in range(start, start + 5)], resume=start > 0)
    times, pictures = video(tmp_path)
    assert times == pytest.approx([i * 40_000_000 for i in range(15)], abs=12_000)
    assert [round(int(p[4, 90, 0]) / 8) for p in pictures] == [round((i * 8 % 180 + 70) / 8) for i in range(15)]
    assert [p.name for p in tmp_path.iterdir()] == ["overlay.mp4"]


def test_other_options_cannot_continue_a_video(tmp_path: Path) -> None:
    capture(tmp_path, [record(0, image=True)])
    for options in (OverlayOptions(bars=False), OverlayOptions(character=False, bars=False, crf=30)):
        with pytest.raises(ConfigError, match=r"overlay\.(character was False|crf was 20 and is 30)"):
            OverlaySink(options, folder=tmp_path, resume=True).open(HEADER)
    assert [p.name for p in tmp_path.iterdir()] == ["overlay.mp4"]
    capture(tmp_path, [record(1, image=True)], resume=True)
    assert len(video(tmp_path)[0]) == 2


def segment(path: Path, numbers: range) -> Path:
    writer = video_segment.SegmentWriter(path, (96, 80), 20, {"picture_wh": [96, 80]})
    for i in numbers:
        writer.write(record(i, image=True).image, i * 40_000_000)
    writer.close()
    return path


def test_frames_that_a_kill_left_in_the_video_only_are_not_shown_twice(tmp_path: Path) -> None:
    """The video's fragments outlive the take's parts: what is captured again replaces what was there."""
    segment(tmp_path / "overlay.part-000.mp4", range(20))
    segment(tmp_path / "overlay.part-001.mp4", range(12, 25))
    capture(tmp_path, [record(i, image=True) for i in range(8, 30)], resume=True)
    times, pictures = video(tmp_path)
    assert times == pytest.approx([i * 40_000_000 for i in range(30)], abs=12_000)
    assert [round(int(p[4, 90, 0]) / 8) for p in pictures] == [round((i * 8 % 180 + 70) / 8) for i in range(30)]


@pytest.mark.parametrize("lost", [500, 5000])
def test_a_part_that_a_full_disk_cut_off_gives_what_is_whole_and_says_what_is_missing(
    tmp_path: Path, lost: int, caplog: pytest.LogCaptureFixture
) -> None:
    parts = [segment(tmp_path / f"{k}.mp4", numbers) for k, numbers in enumerate((range(70), range(70, 80)))]
    whole = parts[0].read_bytes()
    parts[0].write_bytes(whole[: len(whole) - lost])
    video_segment.join(parts, tmp_path / "whole.mp4")
    with av.open(str(tmp_path / "whole.mp4")) as container:
        shown = [frame.pts * frame.time_base for frame in container.decode(video=0)]  # none is damaged
    assert len(shown) < 80
    assert shown == sorted(shown)
    gap = max(float(b - a) for a, b in pairwise(shown))
    assert ("are missing" in caplog.text) == (gap > 0.5)
    parts[0].write_bytes(whole)
    caplog.clear()
    video_segment.join(parts, tmp_path / "both.mp4")
    assert not caplog.text


def test_a_capture_that_starts_anew_replaces_the_whole_video(tmp_path: Path) -> None:
    segment(tmp_path / "overlay.part-000.mp4", range(3, 9))
    capture(tmp_path, [record(i, image=True) for i in range(4)], resume=True)
    assert video(tmp_path)[0] == pytest.approx([i * 40_000_000 for i in range(4)], abs=12_000)


def test_a_killed_capture_leaves_something_to_play_and_to_go_on_from(tmp_path: Path) -> None:
    program = (
        "import sys, time; sys.path.insert(0, sys.argv[2])\n"
        "from sample_takes import *; from mien.sinks.overlay import *\n"
        "sink = OverlaySink(OverlayOptions(character=False, bars=False), folder=Path(sys.argv[1])); sink.open(HEADER)\n"
        "[sink.write(record(i, face(), image=True)) for i in range(200)]\n"
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
    with av.open(str(tmp_path / "overlay.part-000.mp4")) as container:
        seen = sum(1 for _ in container.decode(video=0))
    assert seen >= 100
    capture(tmp_path, [record(i, image=True) for i in range(200, 205)], resume=True)
    times, _ = video(tmp_path)
    assert len(times) == seen + 5
    assert times[-1] == pytest.approx(204 * 40_000_000, abs=12_000)


def test_if_joining_fails_the_part_becomes_the_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(video_segment, "_copy", full)
    with pytest.raises(SinkError, match="No space left"):
        capture(tmp_path, [record(i, image=True) for i in range(3)])
    assert len(video(tmp_path)[0]) == 3


def test_a_picture_taken_in_the_dark_is_shown_as_the_networks_see_it(tmp_path: Path) -> None:
    dark = np.full((96, 128, 3), 10, np.uint8)
    records = [replace(record(i, size_wh=(128, 96)), image=dark) for i in range(3)]
    capture(tmp_path, records)
    assert dark.max() == 10, "what was captured stays as it is"
    shown = video(tmp_path)[1][1]
    assert 50 < shown[20:50, 30:100].mean() < 80
