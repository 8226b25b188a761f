"""The engine reads no model that is not as it was installed: a damaged one would end the process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mien.errors import ModelError

pytest.importorskip("mediapipe")


def test_a_damaged_model_is_refused_before_the_engine_sees_it(tmp_path: Path) -> None:
    from mien.runtime.mediapipe_graph import check_models, mediapipe

    root = Path(mediapipe.__file__).parent.parent
    check_models(root)
    name = "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"
    copy = tmp_path / name
    copy.parent.mkdir(parents=True)
    shutil.copy(root / name, copy)
    check_models(tmp_path)
    check_models.cache_clear()
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    with pytest.raises(ModelError, match=r"face_landmark_with_attention\.tflite is damaged.*pip install"):
        check_models(tmp_path)
    check_models.cache_clear()
