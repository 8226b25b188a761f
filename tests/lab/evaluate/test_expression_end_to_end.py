"""Aligned crops and whole pictures side by side: the same pictures, a face that is not found is a mistake."""

from pathlib import Path

import cv2
import numpy as np
from skimage.data import astronaut

from mien.lab.evaluate.expression import Request, evaluate, figures


def test_aligned_crops_and_the_whole_chain_on_the_same_pictures(tmp_path: Path) -> None:
    smiling = astronaut()[:360, 40:400, ::-1]
    for label, image in (("happy", smiling), ("sad", np.full_like(smiling, 120))):
        (tmp_path / label).mkdir()
        cv2.imwrite(str(tmp_path / label / "1.png"), image)
    request = Request(f"folder:{tmp_path}", ("expression48",), end_to_end="fast")
    aligned, whole = (figures(run) for run in evaluate(request))
    assert (aligned["protocol"], whole["protocol"]) == ("aligned crop", "end to end: preset fast")
    assert aligned["faces"] == whole["faces"] == 2
    assert whole["not_found"] == 1
    assert whole["recall"] == {"happiness": 1.0, "sadness": 0.0}
    assert whole["confusion"][1] == [0, 0, 1], "a missed face has a column of its own"
    assert aligned["recall"]["happiness"] == 1.0
