"""MediaPipe's detectors on the public-domain portrait and, where they are at hand, on shared pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from skimage.transform import rotate

from mien.core.arrays import UInt8
from mien.core.record import FrameRecord, Stamp
from mien.detect.mediapipe import MediaPipeDetector, Options

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="module")
def detector() -> MediaPipeDetector:
    return MediaPipeDetector()


def record_of(image: UInt8) -> FrameRecord:
    return FrameRecord(Stamp("test", 0, 0), (image.shape[1], image.shape[0]), image)


def portrait() -> UInt8:
    return np.ascontiguousarray(skimage.data.astronaut())


def test_finds_the_portrait_with_named_key_points(detector: MediaPipeDetector) -> None:
    (face,) = detector.step(record_of(portrait())).faces
    assert face.track_id is None
    assert face.crop is None
    assert np.abs((face.box.xyxy[:2] + face.box.xyxy[2:]) / 2 - [225, 130]).max() < 12
    assert face.keypoints is not None
    assert face.keypoints["right_eye"][0] < face.keypoints["nose_tip"][0] < face.keypoints["left_eye"][0]
    assert detector.models == (
        "mediapipe-0.10.21/face_detection_short_range",
        "mediapipe-0.10.21/face_detection_full_range",
    )


@pytest.mark.parametrize("scale", [0.8, 3.0])
def test_small_and_large_faces(detector: MediaPipeDetector, scale: float) -> None:
    if scale > 1:  # the face fills the picture
        image = np.asarray(cv2.resize(portrait()[40:220, 130:320], None, fx=scale, fy=scale), np.uint8)
    else:  # a face of 6 % of the picture's side
        image = np.full((720, 1280, 3), 128, np.uint8)
        image[200:600, 500:900] = cv2.resize(portrait(), (400, 400))
    assert len(detector.step(record_of(image)).faces) == 1


def test_a_weak_finding_on_its_side_is_not_believed() -> None:
    image = (rotate(portrait(), 90) * 255).astype(np.uint8)
    for face in MediaPipeDetector(Options(model="short")).step(record_of(image)).faces:
        assert face.box.confidence >= 0.75


def test_max_faces_keeps_the_most_confident(detector: MediaPipeDetector) -> None:
    image = np.concatenate([portrait(), portrait()[:, ::-1]], axis=1)
    both = detector.step(record_of(image)).faces
    assert len(both) == 2
    one = MediaPipeDetector(Options(max_faces=1)).step(record_of(image)).faces
    assert one[0].box.confidence == pytest.approx(both[0].box.confidence)


def test_starting_up_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    detector = MediaPipeDetector()
    detector.step(record_of(portrait()))
    detector.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.shared
def test_all_five_of_the_group(detector: MediaPipeDetector) -> None:
    path = SHARED / "clips" / "multi_face.jpg"
    if not path.exists():
        pytest.skip("the shared data folder is not beside the checkout")
    image = np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8)
    assert len(detector.step(record_of(image)).faces) == 5
