"""Pixels of samples: files, moments of videos, rows of a csv."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tiny_copies import picture, video

from mien.errors import SourceError
from mien.lab.datasets import pictures
from mien.lab.datasets.pictures import PixelRow, VideoMoment, read_picture
from mien.lab.datasets.sample import FrameFiles, Sample


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tiff"])
def test_a_picture_is_rgb(suffix: str, tmp_path: Path) -> None:
    picture(tmp_path / f"a{suffix}", 120)
    image = read_picture(tmp_path / f"a{suffix}")
    assert image.shape == (8, 8, 3)
    assert abs(int(image.mean()) - 120) <= 2


def test_moments_of_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    video(path, frames=4, fps=20)
    for i in range(4):
        assert abs(int(VideoMoment(path, i / 20)().mean()) - (40 + 50 * i)) < 12
    with pytest.raises(SourceError, match="ends before"):
        VideoMoment(path, 9.0)()
    (tmp_path / "b.avi").write_bytes(b"RIFF")
    with pytest.raises(SourceError, match="not a video"):
        VideoMoment(tmp_path / "b.avi", 0.0)()


def test_what_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_picture(tmp_path / "none.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(SourceError, match="not a regular file"):
        read_picture(tmp_path / "pipe.jpg")
    picture(tmp_path / "a.png")
    monkeypatch.setattr(pictures, "MAX_PICTURE_BYTES", 10)
    with pytest.raises(SourceError, match="more than a picture may have"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0,1 2 3 4,x", None),
        ("0,1 2 3,x", "got 3"),
        ("0,1 2 3 256,x", "above 255"),
        ("0,1 2 3 -4,x", "expected 4"),
        ("0", "got 0"),
    ],
)
def test_pixels_as_text(line: str, words: str | None, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"head\n{line}\n", encoding="utf-8")
    row = PixelRow(tmp_path / "a.csv", 5, len(line), side=2)
    if words is None:
        assert row()[..., 0].tolist() == [[1, 2], [3, 4]]
    else:
        with pytest.raises(SourceError, match=words):
            row()


def test_a_sample_checks_its_shapes_and_names_itself(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="boxes_xyxy"):
        Sample("wider", "a", "train", boxes_xyxy=np.zeros(4, np.float32))
    with pytest.raises(SourceError, match=r"wider: a: .*none.jpg"):
        Sample("wider", "a", "train", path=tmp_path / "none.jpg").image()
    with pytest.raises(SourceError, match="has no frame 3"):
        FrameFiles(tmp_path, ("1.jpg",), (1,)).path(3)
