from __future__ import annotations

import re
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_clips import number_of, numbered
from PIL import Image

from mien.errors import SourceError
from mien.pipeline.stage import Span
from mien.sources.images import ImageFolderSource, Options, PhotoSource, natural_key

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def photo(path: Path) -> np.ndarray:
    (record,) = PhotoSource(path)
    assert record.image is not None
    assert record.image.flags.c_contiguous
    return record.image


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    picture = np.zeros((30, 41, 3), np.uint8)
    picture[:, :20], picture[:, 20:] = (200, 40, 40), (40, 40, 200)
    Image.fromarray(picture).save(tmp_path / f"a{suffix}", quality=95)
    image = photo(tmp_path / f"a{suffix}")
    assert image.shape == (30, 41, 3)
    assert np.abs(image[15, [5, 35]].astype(int) - [[200, 40, 40], [40, 40, 200]]).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    turned = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: np.rot90(a, 2),
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a, 1),
    }[orientation]
    stored = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(photo(tmp_path / "a.png"), turned(stored))


def test_depths_and_colour_models(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "grey.png")
    assert np.array_equal(photo(tmp_path / "grey.png"), np.repeat(ramp[..., None], 3, 2))

    Image.fromarray(ramp.astype(np.uint16) * 257).save(tmp_path / "grey16.png")
    assert np.array_equal(photo(tmp_path / "grey16.png")[..., 1], ramp)

    colour16 = np.dstack([ramp, ramp[::-1], ramp.T]).astype(np.uint16) * 257
    for name in ("colour16.png", "colour16.tiff"):
        assert cv2.imwrite(str(tmp_path / name), colour16[..., ::-1])
        assert np.abs(photo(tmp_path / name).astype(int) - colour16 // 257).max() <= 1, name

    Image.fromarray(ramp / np.float32(255)).save(tmp_path / "float.tiff")
    assert np.array_equal(photo(tmp_path / "float.tiff")[..., 0], ramp)

    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg", quality=100)
    assert np.abs(photo(tmp_path / "cmyk.jpg")[4, 4].astype(int) - [255, 0, 0]).max() < 6

    Image.new("1", (8, 8), 1).save(tmp_path / "bits.png")
    assert photo(tmp_path / "bits.png").min() == 255


def test_transparency_is_shown_on_black(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (200, 100, 50, 128)).save(tmp_path / "a.png")
    assert photo(tmp_path / "a.png")[0, 0].tolist() == [100, 50, 25]
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([9, 8, 7] + [255] * 765)
    palette.save(tmp_path / "p.png", transparency=0)
    assert photo(tmp_path / "p.png").max() == 0


def test_an_animated_picture_gives_its_first_frame_with_a_warning(tmp_path: Path) -> None:
    first, second = Image.fromarray(numbered(1)), Image.fromarray(numbered(9))
    first.save(tmp_path / "a.webp", save_all=True, append_images=[second], lossless=True)
    source = PhotoSource(tmp_path / "a.webp")
    (record,) = source
    assert number_of(record.image) == 1
    assert source.warnings == ["a.webp holds 2 pictures; the first is used"]
    assert source.info.frame_count == 1
    assert record.stamp.t_ns == 0


def test_a_photo_outside_the_span_is_left_out(tmp_path: Path) -> None:
    Image.fromarray(numbered(1)).save(tmp_path / "a.png")
    assert list(PhotoSource(tmp_path / "a.png", span=Span(first_index=1))) == []


def test_broken_photos_have_one_clear_error(tmp_path: Path) -> None:
    whole = tmp_path / "a.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(whole)
    (tmp_path / "cut.jpg").write_bytes(whole.read_bytes()[:1500])
    (tmp_path / "text.jpg").write_text("words")
    (tmp_path / "empty.jpg").touch()
    for name, words in (("cut.jpg", "damaged or cut off"), ("text.jpg", "not a picture"), ("empty.jpg", "is empty")):
        with pytest.raises(SourceError, match=words) as caught:
            PhotoSource(tmp_path / name)
        assert name in str(caught.value)


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path) -> None:
    Image.new("1", (10_000, 9_000)).save(tmp_path / "bomb.png")
    with pytest.raises(SourceError, match="limit of 80 megapixels"):
        PhotoSource(tmp_path / "bomb.png")
    Image.new("L", (2000, 1000)).save(tmp_path / "large.png")
    with pytest.raises(SourceError, match="2000×1000 pixels"):
        PhotoSource(tmp_path / "large.png", Options(max_megapixels=1))


def test_too_many_pixels_are_refused_where_opencv_would_decode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "colour16.tiff"
    assert cv2.imwrite(str(path), np.full((1000, 2000, 3), 40_000, np.uint16))
    assert photo(path).shape == (1000, 2000, 3)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(SourceError, match="2000×1000 pixels are more than the limit of 1 megapixels"):
        PhotoSource(path, Options(max_megapixels=1))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_that_claims_to_be_huge_is_not_decoded(
    tmp_path: Path, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow cannot tell what kind of picture this is; OpenCV would trust it."""
    entries = [(256, 4, 1, 60_000), (257, 4, 1, 60_000), (258, 3, 3, 0), (262, 3, 1, 2), (277, 3, 1, 3)]
    body = b"".join(struct.pack(f"{order}HHII", *e) for e in entries)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    (tmp_path / "huge.tif").write_bytes(head + body + bytes(4))
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(SourceError, match=r"60000×60000 pixels|limit of 80 megapixels|damaged"):
        PhotoSource(tmp_path / "huge.tif")


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"BM", b"RIFF"]))
def test_any_bytes_end_in_a_source_error(tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.png"
    path.write_bytes(head + data + b"x")
    with pytest.raises(SourceError):
        PhotoSource(path)


def test_a_folder_is_read_in_natural_order_with_times(tmp_path: Path) -> None:
    for i in (1, 2, 10, 20):
        Image.fromarray(numbered(i)).save(tmp_path / f"frame {i}.PNG")
    (tmp_path / "notes.txt").write_text("ignored")
    (tmp_path / ".hidden.png").write_text("ignored")
    (tmp_path / "folder.png").mkdir()
    source = ImageFolderSource(tmp_path, Options(fps=29.97))
    records = list(source)
    assert [number_of(r.image) for r in records] == [1, 2, 10, 20]
    assert [r.stamp.t_ns for r in records] == [round(i * 100 * 10**9 / 2997) for i in range(4)]
    assert source.info.kind == "images"
    assert source.info.frame_count == 4
    assert source.warnings == []


def test_a_broken_picture_is_skipped_and_keeps_its_place(tmp_path: Path) -> None:
    for i in range(4):
        Image.fromarray(numbered(i)).save(tmp_path / f"{i}.png")
    (tmp_path / "0.png").write_text("words")
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:60])
    source = ImageFolderSource(tmp_path)
    records = list(source)
    assert [r.stamp.index for r in records] == [1, 3]
    assert [r.stamp.t_ns for r in records] == [40_000_000, 120_000_000]
    assert [w.partition(":")[0] for w in source.warnings] == ["0.png skipped", "2.png skipped"]


def test_many_broken_pictures_are_summed_up(tmp_path: Path) -> None:
    Image.fromarray(numbered(0)).save(tmp_path / "a.png")
    for i in range(30):
        (tmp_path / f"{i}.png").write_text("words")
    source = ImageFolderSource(tmp_path)
    assert len(list(source)) == 1
    assert len(source.warnings) == 11
    assert source.warnings[-1] == "30 pictures skipped in all"


def test_folders_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no picture"):
        ImageFolderSource(tmp_path)
    (tmp_path / "clip.mp4").write_text("words")
    with pytest.raises(SourceError, match="only 1 other file; name one of them"):
        ImageFolderSource(tmp_path)
    (tmp_path / "a.png").write_text("words")
    with pytest.raises(SourceError, match=re.escape("none of its 1 picture can be read; a.png")):
        ImageFolderSource(tmp_path)
    with pytest.raises(SourceError, match="no such file"):
        ImageFolderSource(tmp_path / "nowhere")


@given(st.permutations(["a1", "a2", "a10", "A3", "b", "b 1", "b 01", "10", "9", "²"]))
def test_natural_order_does_not_depend_on_the_order_found(names: list[str]) -> None:
    ordered = [p.name for p in sorted(map(Path, names), key=natural_key)]
    assert ordered == ["9", "10", "a1", "a2", "A3", "a10", "b", "b 01", "b 1", "²"]


@pytest.mark.shared
def test_real_photo() -> None:
    path = SHARED / "clips" / "multi_face.jpg"
    if not path.is_file():
        pytest.skip("the photo is not beside the checkout")
    assert photo(path).shape == (667, 1000, 3)
