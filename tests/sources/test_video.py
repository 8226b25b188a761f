from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from made_clips import (
    make_noisy,
    make_numbered,
    make_sound,
    make_video,
    number_of,
    numbered,
    packet_places,
    presentation_ns,
    set_display_matrix,
)

from mien.core.record import FrameRecord
from mien.errors import SourceError
from mien.pipeline.stage import Span
from mien.sources.video import Options, VideoSource

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "clips"


def read(path: Path, **keywords: object) -> tuple[list[FrameRecord], VideoSource]:
    source = VideoSource(path, **keywords)  # type: ignore[arg-type]
    return list(source), source


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".mov"])
def test_every_frame_in_order_with_the_containers_stamps(tmp_path: Path, suffix: str) -> None:
    path = make_numbered(tmp_path / f"clip{suffix}", 40, options={"bf": "3", "crf": "12"})
    records, source = read(path)
    assert [number_of(r.image) for r in records] == list(range(40))
    assert [r.stamp.t_ns for r in records] == presentation_ns(path)
    assert source.warnings == []
    assert source.info.size_wh == (64, 48)
    assert source.info.frame_rate_hz == pytest.approx(25)


def test_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    ticks = [0, 33, 67, 100, 350, 351, 900, 2000]
    path = make_numbered(tmp_path / "vfr.mkv", len(ticks), ticks=ticks, options={"bf": "0"})
    records, source = read(path)
    assert [r.stamp.t_ns for r in records] == [t * 1_000_000 for t in ticks]
    assert source.warnings == []


def test_ntsc_times_are_exact_to_the_nanosecond(tmp_path: Path) -> None:
    base = Fraction(1, 24_000)
    path = make_numbered(tmp_path / "ntsc.mp4", 30, ticks=[1001 * i for i in range(30)], time_base=base, rate=24)
    records, _ = read(path)
    assert [r.stamp.t_ns for r in records] == [round(Fraction(1001 * i, 24_000) * 10**9) for i in range(30)]


def test_avi_with_reordered_frames_has_times_in_order(tmp_path: Path) -> None:
    path = make_numbered(tmp_path / "clip.avi", 30, options={"bf": "3", "crf": "12"})
    raw = presentation_ns(path)
    assert raw != sorted(raw), "the clip does not show the fault"
    records, source = read(path)
    assert [number_of(r.image) for r in records] == list(range(30))
    assert [r.stamp.t_ns for r in records] == sorted(raw)
    assert source.warnings == []


def test_a_stream_without_times_gets_them_from_its_rate_and_says_so(tmp_path: Path) -> None:
    path = make_numbered(tmp_path / "raw.h264", 10, rate=50)
    records, source = read(path)
    assert [r.stamp.t_ns for r in records] == [20_000_000 * i for i in range(10)]
    assert any("10 frames without a time" in w for w in source.warnings)


def corner_marked() -> list[np.ndarray]:
    """64×48, red top-left quarter, green top-right quarter, black below."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32, 0] = 255
    image[:24, 32:, 1] = 255
    return [image] * 3


TURNS = {
    "upright": ((1, 0, 0, 1), lambda a: a),
    "quarter clockwise": ((0, 1, -1, 0), lambda a: np.rot90(a, -1)),
    "half": ((-1, 0, 0, -1), lambda a: np.rot90(a, 2)),
    "quarter counter-clockwise": ((0, -1, 1, 0), lambda a: np.rot90(a, 1)),
    "mirrored": ((-1, 0, 0, 1), lambda a: a[:, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda a: a[::-1]),
    "transposed": ((0, 1, 1, 0), lambda a: a.transpose(1, 0, 2)),
}


@pytest.mark.parametrize("turn", TURNS)
def test_rotation_metadata_is_applied(tmp_path: Path, turn: str) -> None:
    matrix, expected = TURNS[turn]
    path = set_display_matrix(make_video(tmp_path / "turned.mp4", corner_marked()), matrix)
    records, source = read(path)
    wanted = expected(corner_marked()[0])
    assert records[0].image.shape == wanted.shape
    assert source.info.size_wh == records[0].size_wh
    assert float(np.abs(records[0].image.astype(int) - wanted).mean()) < 12


def test_rotation_without_readable_side_data_comes_from_the_angle() -> None:
    from mien.sources.frames import display_matrix

    class Frame:
        def __init__(self, rotation: int) -> None:
            self.rotation = rotation

        @property
        def side_data(self) -> object:
            raise ValueError("31 is not a valid Type")

    signs = {r: tuple(np.sign(display_matrix(Frame(r))).tolist()) for r in (0, 90, -90, 180, -180)}
    assert signs == {
        0: (1, 0, 0, 1),
        90: (0, -1, 1, 0),
        -90: (0, 1, -1, 0),
        180: (-1, 0, 0, -1),
        -180: (-1, 0, 0, -1),
    }


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt", "size_wh"),
    [
        (".mkv", "libx264", "yuv420p10le", (64, 48)),
        (".mkv", "libx265", "yuv420p10le", (64, 48)),
        (".mkv", "ffv1", "gray", (64, 48)),
        (".mkv", "ffv1", "gray16le", (64, 48)),
        (".mkv", "ffv1", "bgra", (64, 48)),
        (".mkv", "ffv1", "yuv444p", (63, 47)),
        (".mkv", "libx264", "yuv444p", (63, 47)),
        (".mov", "mjpeg", "yuvj420p", (65, 49)),
        (".mov", "prores_ks", "yuva444p10le", (64, 48)),
        (".webm", "libvpx-vp9", "yuv420p", (61, 33)),
    ],
)
def test_pixel_formats_and_odd_sizes(
    tmp_path: Path, suffix: str, codec: str, pix_fmt: str, size_wh: tuple[int, int]
) -> None:
    if codec == "libx265":
        options = {"x265-params": "log-level=none:crf=5"}
    else:
        options = {"crf": "8"} if codec in ("libx264", "libvpx-vp9") else {}
    images = [numbered(i, size_wh) for i in range(5)]
    path = make_video(tmp_path / f"clip{suffix}", images, codec=codec, pix_fmt=pix_fmt, options=options)
    records, _ = read(path)
    assert [number_of(r.image) for r in records] == list(range(5))
    assert {r.size_wh for r in records} == {size_wh}
    spread = np.ptp(records[0].image.astype(int), axis=2).max()
    assert spread <= 6, "grey must stay grey"


def test_transparency_is_shown_on_black(tmp_path: Path) -> None:
    image = np.full((48, 64, 4), 200, np.uint8)
    image[:, :20, 3] = 0
    image[:, 20:40, 3] = 128
    image[:, 40:, 3] = 255
    path = make_video(tmp_path / "a.mkv", [image] * 2, codec="ffv1", pix_fmt="bgra", source_format="rgba")
    records, _ = read(path)
    assert records[0].image[24, [10, 30, 50]].tolist() == [[0] * 3, [100] * 3, [200] * 3]


def test_animated_gif(tmp_path: Path) -> None:
    from PIL import Image

    pictures = [Image.fromarray(numbered(i)) for i in range(6)]
    pictures[0].save(
        tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=[40, 40, 100, 200, 40, 40], disposal=2
    )
    records, source = read(tmp_path / "a.gif")
    assert [number_of(r.image) for r in records] == list(range(6))
    assert [r.stamp.t_ns // 1_000_000 for r in records] == [0, 40, 80, 180, 380, 420]
    assert source.warnings == []


def test_a_gif_that_is_cut_off_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    pictures = [
        av.VideoFrame.from_ndarray(rng.integers(0, 255, (48, 64, 3), np.uint8), format="rgb24").to_image()
        for _ in range(12)
    ]
    pictures[0].save(tmp_path / "whole.gif", save_all=True, append_images=pictures[1:], duration=40)
    records, source = read(tmp_path / "whole.gif")
    assert (len(records), source.warnings) == (12, [])
    content = (tmp_path / "whole.gif").read_bytes()
    for length in (len(content) // 2, len(content) - 1):
        (tmp_path / "cut.gif").write_bytes(content[:length])
        records, source = read(tmp_path / "cut.gif")
        assert any("the file ends in the middle" in w for w in source.warnings)
    assert len(records) >= 11


def test_zeros_are_a_copy_that_failed(tmp_path: Path) -> None:
    (tmp_path / "zero.mkv").write_bytes(bytes(5000))
    with pytest.raises(SourceError, match=r"zero\.mkv: holds zeros where a video begins.*copy it again"):
        VideoSource(tmp_path / "zero.mkv")


def test_size_may_change_in_the_middle(tmp_path: Path) -> None:
    a = make_numbered(tmp_path / "a.ts", 10)
    b = make_video(tmp_path / "b.ts", [numbered(i, (96, 64)) for i in range(10)])
    (tmp_path / "joined.ts").write_bytes(a.read_bytes() + b.read_bytes())
    records, source = read(tmp_path / "joined.ts")
    assert [r.size_wh for r in records] == [(64, 48)] * 10 + [(96, 64)] * 10
    assert all(x.stamp.t_ns < y.stamp.t_ns for x, y in pairwise(records))
    assert source.info.size_wh == (64, 48)


def test_span_keeps_numbers_and_stamps(tmp_path: Path) -> None:
    path = make_numbered(tmp_path / "clip.mp4", 50)
    records, _ = read(path, span=Span(start_ns=400_000_000, end_ns=600_000_000))
    assert [r.stamp.index for r in records] == [10, 11, 12, 13, 14, 15]
    assert [number_of(r.image) for r in records] == [10, 11, 12, 13, 14, 15]


def test_span_without_a_frame_is_explained(tmp_path: Path) -> None:
    records, source = read(make_numbered(tmp_path / "clip.mp4", 10), span=Span(start_ns=10**12))
    assert records == []
    assert source.warnings == ["no frame lies in the part asked for; the last frame read is #9 at 0:00.360"]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_file_cut_off_keeps_its_good_frames_and_says_so(tmp_path: Path, suffix: str) -> None:
    options = {"movflags": "faststart"} if suffix == ".mp4" else {}
    whole = make_noisy(tmp_path / f"whole{suffix}", options={"bf": "0"}, container_options=options)
    position, size = packet_places(whole)[25]
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: position + size // 2])
    records, source = read(cut)
    good, _ = read(whole)
    assert len(records) in (25, 26)  # the half packet may be mended
    assert [r.stamp.t_ns for r in records[:25]] == [r.stamp.t_ns for r in good[:25]]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(records[:25], good, strict=False))
    assert any("announces" in w and "cut off" in w for w in source.warnings)


def test_a_transport_stream_cut_off_keeps_its_good_frames(tmp_path: Path) -> None:
    whole = make_noisy(tmp_path / "whole.ts", options={"bf": "0"})
    data = whole.read_bytes()
    (tmp_path / "cut.ts").write_bytes(data[: len(data) // 2 // 188 * 188])
    records, _ = read(tmp_path / "cut.ts")
    good, _ = read(whole)
    assert 17 <= len(records) <= 22
    assert [r.stamp.t_ns for r in records] == [r.stamp.t_ns for r in good[: len(records)]]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(records[:-1], good, strict=False))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_damage_in_the_middle_is_skipped_and_counted(tmp_path: Path, suffix: str) -> None:
    whole = make_noisy(tmp_path / f"whole{suffix}", options={"g": "10", "bf": "0"})
    data = bytearray(whole.read_bytes())
    position, size = packet_places(whole)[14]
    data[position + 4 : position + size] = bytes(size - 4)
    scratched = tmp_path / f"scratched{suffix}"
    scratched.write_bytes(data)
    records, source = read(scratched)
    good = {r.stamp.t_ns: r for r in read(whole)[0]}
    assert 39 <= len(records) <= 40
    healthy = [r for r in records if not 14 <= round(r.stamp.t_ns / 40_000_000) < 20]
    assert len(healthy) == 34, "only the group of the damaged frame may differ"
    assert all(np.array_equal(r.image, good[r.stamp.t_ns].image) for r in healthy)
    assert any("damaged" in w for w in source.warnings)


def test_a_long_last_frame_is_no_damage(tmp_path: Path) -> None:
    ticks = [0, 40, 80, 2000, 2040]
    _, source = read(make_numbered(tmp_path / "vfr.mkv", 5, ticks=ticks, rate=1000, options={"bf": "0"}))
    assert source.warnings == []


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        VideoSource(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_file_suggests_close_names(tmp_path: Path) -> None:
    make_numbered(tmp_path / "interview.mp4", 2)
    text = refusal(tmp_path / "intervew.mp4")
    assert "no such file" in text
    assert "did you mean interview.mp4?" in text
    assert "there is no folder" in refusal(tmp_path / "nowhere" / "a.mp4")


def test_unusable_files_have_one_clear_error_each(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a film, only words\n" * 100)
    (tmp_path / "text.txt").write_text("not a film, only words\n" * 100)
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(50_000))
    assert "empty (0 bytes)" in refusal(tmp_path / "empty.mp4")
    assert "not a video" in refusal(tmp_path / "text.mp4")
    assert "text file" in refusal(tmp_path / "text.txt")
    assert "not a video" in refusal(tmp_path / "noise.mp4")
    assert "is a folder" in refusal(tmp_path)
    assert "not a regular file" in refusal(Path("/dev/null"))
    assert "holds no video, only audio" in refusal(make_sound(tmp_path / "sound.m4a"))


def test_a_file_without_its_index_names_the_cause(tmp_path: Path) -> None:
    path = make_noisy(tmp_path / "clip.mp4")
    path.write_bytes(path.read_bytes()[:-3000])
    assert "cut off" in refusal(path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_numbered(tmp_path / "clip.mp4", 2)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "Permission denied" in refusal(path)


def test_no_frame_that_can_be_decoded(tmp_path: Path) -> None:
    path = make_noisy(tmp_path / "clip.mp4", 5)
    data = bytearray(path.read_bytes())
    for position, size in packet_places(path):
        data[position + 4 : position + size] = bytes(size - 4)
    path.write_bytes(data)
    assert "no frame can be decoded" in refusal(path)


def test_no_error_of_libav_leaks_whatever_the_bytes(tmp_path: Path) -> None:
    whole = make_noisy(tmp_path / "clip.mp4", 10, container_options={"movflags": "faststart"}).read_bytes()
    chance = np.random.default_rng(3)
    for _ in range(40):
        data = bytearray(whole[: int(chance.integers(1, len(whole)))] if chance.random() < 0.3 else whole)
        for _ in range(int(chance.integers(1, 20))):
            data[int(chance.integers(0, len(data)))] = int(chance.integers(0, 256))
        (tmp_path / "bad.mp4").write_bytes(data)
        try:
            records, _ = read(tmp_path / "bad.mp4")
        except SourceError:
            continue
        assert all(x.stamp.t_ns < y.stamp.t_ns for x, y in pairwise(records))


def test_one_thread_gives_the_same(tmp_path: Path) -> None:
    path = make_noisy(tmp_path / "clip.mp4", 10)
    one, _ = read(path, options=Options(threads=1))
    many, _ = read(path)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(one, many, strict=True))


def shared_clip(name: str) -> Path:
    if not (SHARED / name).is_file():
        pytest.skip(f"{name} is not beside the checkout")
    return SHARED / name


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("pexels_emotions.mp4", 472),
        ("single_face.mp4", 72),
        ("noface_face.mov", 169),
        ("face_noface.mov", 169),
        ("no_face.mp4", 95),  # 98 in the track, three of them cut by its edit list
        ("classroom.gif", 45),
    ],
)
def test_real_clips(name: str, count: int) -> None:
    path = shared_clip(name)
    source = VideoSource(path)
    stamps = [r.stamp for r in source]
    assert [s.t_ns for s in stamps] == presentation_ns(path)
    assert [s.index for s in stamps] == list(range(count))
    assert source.warnings == []


def test_libav_stays_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = make_noisy(tmp_path / "clip.mp4", 10)
    capfd.readouterr()
    data = bytearray(whole.read_bytes())
    position, size = packet_places(whole)[5]
    data[position + 4 : position + size] = bytes(size - 4)
    whole.write_bytes(data)
    read(whole)
    assert capfd.readouterr() == ("", "")
    assert av.logging.get_level() is None
