"""The main job on the built-in clip, whole: every output is there, and the character does what the face did."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

import mien
from mien.animate.performance import performance
from mien.core.schema import load_schema
from mien.recorder import Request, capture_to_folder
from mien.sources.synthetic import SyntheticSource

OUTPUTS = ["take.parquet", "take.csv", "overlay.mp4", "avatar.glb", "livelink.csv", "report.html"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    outcome = capture_to_folder(Request("demo", folder))
    assert outcome.error is None
    assert outcome.summary.state == "complete"
    return folder


def test_all_outputs_exist(demo: Path) -> None:
    assert [n for n in OUTPUTS if not (demo / n).stat().st_size > 1000] == []
    assert not list(demo.glob("*.tmp"))
    assert not (demo / "take.parts").exists()


def test_one_record_per_frame_with_one_face_and_one_id(demo: Path) -> None:
    source = SyntheticSource()
    take = mien.load_take(demo / "take.parquet")
    records = list(take.records())
    assert len(records) == source.info.frame_count
    assert {f.track_id for r in records for f in r.faces} == {0}
    assert all(len(r.faces) == 1 for r in records)


def test_the_character_does_what_the_face_did(demo: Path) -> None:
    """Correlation of measured shapes with the clip's known performance."""
    source = SyntheticSource()
    records = list(mien.load_take(demo).records())
    curves = performance(iter(records)).weights
    schema = load_schema("arkit52")
    for shape, at_least in (("jawOpen", 0.9), ("eyeBlinkLeft", 0.8), ("eyeBlinkRight", 0.8), ("mouthSmileLeft", 0.8)):
        truth = np.array([source.truth_weights(r.stamp.index).get(shape, 0.0) for r in records])
        measured = curves[:, schema.index(shape)]
        assert np.corrcoef(truth, measured)[0, 1] > at_least, shape
        assert measured[truth > 0.9 * truth.max()].max() > measured[truth < 0.05].mean() + 0.25, shape


def test_the_overlay_plays_with_the_stamps_of_the_take(demo: Path) -> None:
    records = list(mien.load_take(demo).records())
    with av.open(str(demo / "overlay.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        times = [float(f.pts * stream.time_base) for f in container.decode(stream)]
    assert len(times) == len(records)
    t0 = records[0].stamp.t_ns
    assert np.allclose(np.array(times) - times[0], [(r.stamp.t_ns - t0) / 1e9 for r in records], atol=1e-3)


def test_landmarks_only_mode_writes_no_pixel(tmp_path: Path) -> None:
    from mien.pipeline.stage import Span

    outcome = capture_to_folder(Request("demo", tmp_path, span=Span(end_ns=500_000_000), pixels=False))
    assert outcome.error is None
    names = {p.name for p in tmp_path.iterdir()}
    assert "overlay.mp4" not in names
    assert {"take.parquet", "report.html", "avatar.glb"} <= names
    take = mien.load_take(tmp_path)
    assert take.header.pixels is False
    assert json.dumps(dict(take.header.config))
    assert all(r.image is None for r in take.records())


def test_take_exports_again(demo: Path, tmp_path: Path) -> None:
    take = mien.load_take(demo)
    made = take.export("csv", tmp_path / "again.csv")
    assert made[0].read_text() == (demo / "take.csv").read_text()


def test_capture_as_a_generator_gives_records_in_order() -> None:
    stream = mien.capture("demo")
    first = [next(stream) for _ in range(3)]
    stream.close()
    assert [r.stamp.index for r in first] == [0, 1, 2]
    assert first[0].image is not None
    assert first[2].faces[0].landmarks is not None
