import pickle

import numpy as np
import pytest

from mien.core.measures import Box
from mien.core.record import Event, Face, FrameRecord, Stamp


def record(h: int = 4, w: int = 6) -> FrameRecord:
    return FrameRecord(Stamp("clip.mp4", 7, 280_000_000), (w, h), np.zeros((h, w, 3), np.uint8))


def test_slim_drops_pixels_and_keeps_the_rest() -> None:
    full = record()
    slim = full.slim()
    assert slim.image is None
    assert slim.stamp == full.stamp
    assert slim.size_wh == (6, 4)
    assert slim.slim() is slim
    assert pickle.loads(pickle.dumps(slim)).stamp == full.stamp


def test_image_must_fit_its_size() -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \(4, 6, 3\), got uint8 \(6, 4, 3\)"):
        FrameRecord(Stamp("x", 0, 0), (6, 4), np.zeros((6, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="float32"):
        FrameRecord(Stamp("x", 0, 0), (6, 4), np.zeros((4, 6, 3), np.float32))


def test_repr_shows_shapes_not_contents() -> None:
    text = repr(record())
    assert "clip.mp4 #7 at 0.280 s, 6×4, 0 faces" in text
    assert repr(Face(Box(np.array([0, 0, 1, 1], np.float32), 1.0))) == "Face(id None, box only)"


def test_an_event_is_in_order() -> None:
    with pytest.raises(ValueError, match="onset <= apex <= offset"):
        Event("blink", 0, 10, 5, 20, 1.0)
