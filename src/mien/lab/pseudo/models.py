"""Which files the teacher's networks are: their hashes, for the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from mien.errors import ModelError

_WHEEL = (
    "modules/face_detection/face_detection_short_range.tflite",
    "modules/face_detection/face_detection_full_range_sparse.tflite",
    "modules/face_landmark/face_landmark_with_attention.tflite",
)


@cache
def model_hashes() -> Mapping[str, str]:
    """File name → SHA-256 of the networks in MediaPipe's wheel.

    Raises:
        ModelError: a file is not in the wheel.
    """
    found = {}
    for name in _WHEEL:
        file = files("mediapipe") / name
        if not file.is_file():
            raise ModelError(f"mediapipe's wheel has no {name}: install mien[mediapipe] with its pinned version")
        found[name.rpartition("/")[2]] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found
