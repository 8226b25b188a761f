"""Detection, tracking and landmarks together on real clips: found ratios and ids."""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mien.core.record import FrameRecord, Stamp
from mien.pipeline.compose import Pipeline, build_stage
from mien.pipeline.config import load_config, preset_names

CLIPS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "clips"
pytestmark = pytest.mark.shared


def frames(name: str) -> Iterator[FrameRecord]:
    if not (CLIPS / name).exists():
        pytest.skip("the shared data folder is not beside the checkout")
    with av.open(str(CLIPS / name)) as container:
        for i, picture in enumerate(container.decode(video=0)):
            image = np.ascontiguousarray(picture.to_ndarray(format="rgb24"))
            t_ns = round((picture.time or 0) * 1e9)
            yield FrameRecord(Stamp(name, i, t_ns), (image.shape[1], image.shape[0]), image)


@pytest.fixture(params=[p for p in ("balanced", "fast", "mediapipe") if p in preset_names()])
def preset(request: pytest.FixtureRequest) -> str:
    if request.param == "mediapipe":
        pytest.importorskip("mediapipe")
    return str(request.param)


def chain(preset: str, max_faces: int) -> Pipeline:
    """Detection and landmarks of a preset."""
    config = load_config(preset, [f"detect.max_faces={max_faces}"])
    return Pipeline([(slot, build_stage(config[slot], slot)) for slot in ("detect", "landmarks")])


def ids_over_time(preset: str, name: str, max_faces: int) -> list[tuple[int | None, ...]]:
    with chain(preset, max_faces) as pipeline:
        return [tuple(f.track_id for f in pipeline.process(record).faces) for record in frames(name)]


def test_one_actress_one_id_in_every_frame(preset: str) -> None:
    ids = ids_over_time(preset, "pexels_emotions.mp4", 1)
    assert len(ids) == 472
    assert sum(i == (0,) for i in ids) >= 0.99 * len(ids)
    assert {i for per_frame in ids for i in per_frame} == {0}


def test_two_people_who_turn_their_heads_keep_their_ids(preset: str) -> None:
    assert set(ids_over_time(preset, "head-pose-face-detection-female-and-male.gif", 3)) == {(0, 1)}


def test_five_people_in_a_photo(preset: str) -> None:
    assert ids_over_time(preset, "multi_face.jpg", 5) == [(0, 1, 2, 3, 4)]


@pytest.mark.parametrize(("name", "first", "last"), [("face_noface.mov", 0, 71), ("noface_face.mov", 96, 167)])
def test_a_face_that_comes_or_goes(preset: str, name: str, first: int, last: int) -> None:
    found = [i for i, ids in enumerate(ids_over_time(preset, name, 1)) if ids]
    assert found[0] <= first + 8  # within the search interval of 300 ms
    assert abs(found[-1] - last) <= 1
    assert len(found) >= 0.85 * (last - first + 1)


def test_no_face_no_face(preset: str) -> None:
    assert set(ids_over_time(preset, "no_face.mp4", 5)) == {()}


def test_portraits_in_a_folder_are_different_people(preset: str) -> None:
    from mien.sources.images import PhotoSource

    folder = CLIPS.parent / "photos" / "portraits"
    if not folder.is_dir():
        pytest.skip("the shared data folder is not beside the checkout")
    found = []
    names = ["astronaut.png", "biden_official.jpg", "obama_official.jpg", "tfjs_portrait.jpg"]
    with chain(preset, 1) as pipeline:
        for i, name in enumerate(names):
            (photo,) = PhotoSource(folder / name)
            assert photo.image is not None
            side = min(photo.image.shape[:2])
            image = np.asarray(
                cv2.resize(photo.image[:side, :side], (480, 480), interpolation=cv2.INTER_AREA), np.uint8
            )
            record = pipeline.process(FrameRecord(Stamp("folder", i, i * 40_000_000), (480, 480), image))
            found.append([f.track_id for f in record.faces])
    assert found == [[0], [1], [2], [3]]
