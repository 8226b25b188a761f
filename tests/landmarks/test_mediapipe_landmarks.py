"""MediaPipe's landmark network as a stage, on the public-domain portrait and on WFLW faces where at hand."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from mien.core.arrays import UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.landmarks.mediapipe import MediaPipeLandmarks

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
BOX = (178.0, 87.0, 272.0, 178.0)


@pytest.fixture(scope="module")
def stage() -> MediaPipeLandmarks:
    return MediaPipeLandmarks()


def portrait() -> UInt8:
    return np.ascontiguousarray(skimage.data.astronaut())


def look(stage: MediaPipeLandmarks, image: UInt8, *faces: Face) -> tuple[Face, ...]:
    record = FrameRecord(Stamp("test", 0, 0), (image.shape[1], image.shape[0]), image, faces)
    return stage.step(record).faces


def face_at(xyxy: tuple[float, float, float, float] = BOX) -> Face:
    return Face(Box(np.array(xyxy, np.float32), 0.9))


def points(stage: MediaPipeLandmarks, image: UInt8, face: Face) -> Landmarks:
    (found,) = look(stage, image, face)
    assert found.landmarks is not None
    return found.landmarks


def test_points_lie_where_the_portrait_has_them(stage: MediaPipeLandmarks) -> None:
    (face,) = look(stage, portrait(), face_at())
    assert face.landmarks is not None
    # read off the picture by eye, enlarged 9 times
    for name, xy in {
        "right_eye_outer": (192.5, 100),
        "left_eye_outer": (258, 104),
        "right_pupil": (201.5, 100),
        "left_pupil": (246.5, 103.5),
        "nose_tip": (223, 127),
        "mouth_right": (202, 139.5),
        "mouth_left": (243, 140.5),
        "contour_chin": (223, 178),
    }.items():
        assert np.abs(face.landmarks[name] - xy).max() < 4, name
    assert (face.landmarks.confidence > 0.9).all()
    assert face.crop is not None
    assert face.crop.size_wh == (192, 192)
    assert np.allclose(face.box.xyxy[:2], face.landmarks.xy.min(axis=0))


def test_the_mirrored_picture_gives_mirrored_points(stage: MediaPipeLandmarks) -> None:
    image = portrait()
    width = image.shape[1]
    original = points(stage, image, face_at())
    flipped = points(
        stage, np.ascontiguousarray(image[:, ::-1]), face_at((width - 1 - BOX[2], BOX[1], width - 1 - BOX[0], BOX[3]))
    )
    away = np.linalg.norm(flipped.mirrored(width).xy - original.xy, axis=1)
    assert away.mean() < 0.02 * 94
    assert away.max() < 0.07 * 94


def test_a_turned_picture_gives_turned_points(stage: MediaPipeLandmarks) -> None:
    image = portrait()
    original = points(stage, image, face_at())
    turn = CropTransform.around((225, 132), 512, 512, roll_deg=-30)
    turned_image = np.asarray(
        cv2.warpAffine(
            image, turn.image_from_crop.astype(float), (512, 512), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        ),
        np.uint8,
    )
    middle = turn.to_crop((225, 132))
    face = face_at((*(middle - 48), *(middle + 48)))
    region = CropTransform.around(middle, 150, 192, roll_deg=30)
    away = np.linalg.norm(
        points(stage, turned_image, replace(face, crop=region)).xy - turn.to_crop(original.xy), axis=1
    )
    assert away.mean() < 2.0


def test_the_size_of_the_given_crop_does_not_matter(stage: MediaPipeLandmarks) -> None:
    regions = [CropTransform.around((225, 125), 150, size) for size in (96, 192, 256)]
    results = [
        points(stage, portrait(), replace(face_at(), keypoints=None, crop=region, track_id=0)).xy for region in regions
    ]
    assert np.abs(results[0] - results[1]).max() < 1e-2
    assert np.abs(results[2] - results[1]).max() < 1e-2


@pytest.mark.parametrize("xyxy", [(20, 300, 120, 400), (380, 20, 500, 140)])
def test_a_region_without_a_face_is_dropped(stage: MediaPipeLandmarks, xyxy: tuple[float, float, float, float]) -> None:
    faces = look(stage, portrait(), face_at(xyxy), face_at())
    assert len(faces) == 1
    assert faces[0].landmarks is not None
    assert np.abs(faces[0].landmarks["nose_tip"] - (223, 127)).max() < 4


def test_the_picture_is_not_changed_and_no_state_is_kept(stage: MediaPipeLandmarks) -> None:
    image = portrait()
    first = points(stage, image, face_at()).xy
    look(stage, np.zeros_like(image), face_at())
    assert np.array_equal(points(stage, image, face_at()).xy, first)
    assert np.array_equal(image, portrait())


@pytest.mark.shared
def test_error_on_wflw_faces_stays_where_it_was_measured(stage: MediaPipeLandmarks) -> None:
    folder = SHARED / "landmarks98"
    if not folder.exists():
        pytest.skip("the shared data folder is not beside the checkout")
    errors, confident = [], []
    for label in json.loads((folder / "validation.json").read_text())["faces"]:
        image = np.asarray(cv2.cvtColor(cv2.imread(str(folder / label["file"])), cv2.COLOR_BGR2RGB), np.uint8)
        x, y, w, h = label["box"]
        faces = look(stage, image, face_at((x, y, x + w, y + h)))
        if faces and faces[0].landmarks is not None:
            truth = np.array(label["pts"])
            away = np.linalg.norm(faces[0].landmarks.xy - truth, axis=1) / np.linalg.norm(truth[60] - truth[72])
            errors.append(away)
            confident.append(faces[0].landmarks.confidence > 0.9)
    error, sure = np.array(errors), np.array(confident)
    assert len(error) >= 66
    assert error.mean() < 0.078
    assert error[sure].mean() < 0.063
    assert error[~sure].mean() > 2 * error[sure].mean(), "low confidence means larger error"
