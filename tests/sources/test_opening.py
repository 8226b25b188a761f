from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from made_clips import make_numbered, numbered
from PIL import Image
from served_files import serve_bytes

from mien.errors import ConfigError, SourceError
from mien.pipeline.stage import Span
from mien.sources.opening import open_source
from small_takes import write_take


def test_each_kind_by_what_is_there(tmp_path: Path) -> None:
    clip = make_numbered(tmp_path / "clip.mp4", 3, container_options={"movflags": "faststart"})
    Image.fromarray(numbered(0)).save(tmp_path / "a.JPG")
    kinds = {
        str(clip): "video",
        clip: "video",
        f"file://{clip}": "video",
        str(tmp_path / "a.JPG"): "photo",
        tmp_path: "images",
        serve_bytes(clip.read_bytes()): "stream",
        "demo": "synthetic",
        "builtin": "synthetic",
    }
    for spec, kind in kinds.items():
        source = open_source(spec)
        assert source.info.kind == kind, spec
        source.close()


def test_the_folder_of_a_capture_is_its_take(tmp_path: Path) -> None:
    write_take(tmp_path / "a", 5)
    Image.fromarray(numbered(0)).save(tmp_path / "a" / "beside.png")
    source = open_source(tmp_path / "a")
    assert source.info.kind == "replay"
    assert len(list(source)) == 5
    (tmp_path / "b" / "take.parts").mkdir(parents=True)
    with pytest.raises(SourceError, match="no take"):
        open_source(tmp_path / "b")


@pytest.mark.parametrize("spec", [93, "camera:93", "93", "/dev/video93"])
def test_cameras(spec: str | int) -> None:
    with pytest.raises(SourceError, match=r"(camera 93|video93|/dev/video93).*cannot be opened"):
        open_source(spec)


def test_a_file_wins_over_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    Image.fromarray(numbered(0)).save(tmp_path / "demo" / "a.png")
    assert open_source("demo").info.kind == "images"


def test_span_and_options_arrive(tmp_path: Path) -> None:
    Image.fromarray(numbered(0)).save(tmp_path / "a.png")
    Image.fromarray(numbered(1)).save(tmp_path / "b.png")
    (record,) = open_source(tmp_path, span=Span(first_index=1), options={"fps": 10})
    assert record.stamp.t_ns == 100_000_000


def test_wrong_options_are_a_request_error(tmp_path: Path) -> None:
    Image.fromarray(numbered(0)).save(tmp_path / "a.png")
    with pytest.raises(ConfigError, match=r"source\.speed: .*options of images: fps, max_megapixels"):
        open_source(tmp_path, options={"speed": 3})
    with pytest.raises(ConfigError, match=r"source\.fps"):
        open_source(tmp_path, options={"fps": -1})


def test_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_numbered(tmp_path / "clip.mp4", 2)
    with pytest.raises(SourceError, match=r"^clpi\.mp4: no such file; did you mean clip\.mp4\?$"):
        open_source("clpi.mp4")
    with pytest.raises(SourceError, match="no such file"):
        open_source("take.parquet")
    with pytest.raises(SourceError, match="no source named"):
        open_source(" ")
    with pytest.raises(SourceError, match="gopher"):
        open_source("gopher://somewhere/clip")
    with pytest.raises(SourceError):
        open_source("a\0b.mp4")


def test_importing_it_loads_no_heavy_module() -> None:
    code = "import sys, mien.sources.opening; print([m for m in ('av', 'cv2', 'PIL', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_camera_that_is_no_number_is_explained() -> None:
    with pytest.raises(SourceError, match="camera:x: cameras have numbers: camera:0 is the first"):
        open_source("camera:x")
