"""What the detector's crop is worth to the landmark network: the same network, started from other regions.

    python -m mien.lab.evaluate.landmark_crops --data wflw:FOLDER --preset balanced --out DIR

Seed 001 sets HRNet alone beside HRNet behind the cascade. Here the network looks from the whole given picture, from the
cascade's box, from the box that a perfect detector would give, and from that box shaken; once, or a second time in the
region of its own points. No answer is refused for want of presence, so that only the regions differ; a face for which
the cascade finds no box is missed.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.core.measures import Box
from mien.core.record import Face
from mien.lab.evaluate.landmark_finders import (
    belonging,
    detector_stage,
    landmark_stage,
    nothing,
    record_of,
    tight_box,
)
from mien.lab.evaluate.landmark_run import LandmarkRun, figures
from mien.lab.evaluate.landmarks import Request, open_samples, run_on, table
from mien.lab.train.detector_boxes import face_boxes
from mien.pipeline.stage import Stage

log = logging.getLogger(__name__)

SHIFT, GROWTH = 0.2, 0.3
"""How far a shaken box moves at most, in its longer sides, and the logarithm of how much it grows or shrinks."""

FindBox = Callable[[UInt8, Float32], "Face | None"]
"""The face to look at, of a picture and the true points; None = missed."""


class CropFinder:
    """See `landmark_finders.Finder`: the landmark network behind a way to find the first region."""

    def __init__(self, name: str, first: FindBox, landmarks: Stage) -> None:
        self.name, self._first, self._landmarks = name, first, landmarks

    def in_picture(self, image: UInt8, truth_xy: Float32) -> Float32:
        """See `Finder`."""
        face = self._first(image, truth_xy)
        if face is None:
            return nothing()
        self._landmarks.reset()
        faces = self._landmarks.step(replace(record_of(image), faces=(face,))).faces
        return faces[0].landmarks.xy if faces and faces[0].landmarks is not None else nothing()

    def in_true_crop(self, image: UInt8, truth_xy: Float32) -> Float32:
        """See `Finder`: as in the picture, for the first region is this finder's own."""
        return self.in_picture(image, truth_xy)

    def close(self) -> None:
        """Release the network."""
        self._landmarks.close()


def whole_picture(image: UInt8, truth_xy: Float32) -> Face:
    """The picture as if it were the face: HRNet alone."""
    height, width = image.shape[:2]
    return Face(Box(np.array([-0.5, -0.5, width - 0.5, height - 0.5], np.float32), 1.0))


def true_box(image: UInt8, truth_xy: Float32) -> Face:
    """The box that a perfect detector gives around the true points."""
    unknown = np.full((1, 5, 2), np.nan, np.float32)
    return Face(Box(face_boxes(tight_box(truth_xy)[None], unknown)[0], 1.0))


def shaken_box(image: UInt8, truth_xy: Float32) -> Face:
    """The same, moved and resized by chance that follows from the face alone."""
    left, top, right, bottom = true_box(image, truth_xy).box.xyxy.tolist()
    rng = np.random.default_rng(int(1000 * left) % 2**31)
    side = max(right - left, bottom - top)
    move = rng.uniform(-SHIFT, SHIFT, 2) * side
    centre = np.array([(left + right) / 2, (top + bottom) / 2]) + move
    half = np.array([right - left, bottom - top]) / 2 * np.exp(rng.uniform(-GROWTH, GROWTH))
    return Face(Box(np.concatenate([centre - half, centre + half]).astype(np.float32), 1.0))


def found_by(detector: Stage) -> FindBox:
    """The face that a detector stage finds where the true points are."""

    def first(image: UInt8, truth_xy: Float32) -> Face | None:
        detector.reset()
        return belonging(detector.step(record_of(image)).faces, truth_xy)

    return first


def compare(request: Request) -> list[LandmarkRun]:
    """Every first region with one look and with two, on the faces of a request (its checkpoint is not used).

    Raises:
        RequestError, SourceError, ConfigError, ModelError: nothing was measured.
    """
    samples, where = open_samples(request)
    detector, used = detector_stage(request.preset, request.detector)
    regions: dict[str, FindBox] = {
        "whole picture": whole_picture,
        "shaken true box": shaken_box,
        "true box": true_box,
        f"box of {used}": found_by(detector),
    }
    runs: list[LandmarkRun] = []
    try:
        for second_look in (False, True):
            how = {"second_look": second_look, "min_presence": 0.0, "min_presence_new": None, "min_evidence_new": None}
            stage, name = landmark_stage(request.preset, request.landmarks, how)
            try:
                for region, first in regions.items():
                    looks = "two looks" if second_look else "one look"
                    finder = CropFinder(f"{name} from the {region}, {looks}", first, stage)
                    runs += run_on(samples, finder, where, ("end to end",))
                    log.info("%s", finder.name)
            finally:
                stage.close()
    finally:
        detector.close()
    return runs


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, help="NAME:PATH, e.g. wflw:FOLDER")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cv2.setNumThreads(1)
    results: list[dict[str, Any]] = [
        figures(run) for run in compare(Request(options.data, count=options.count, preset=options.preset))
    ]
    options.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"runs": results}, indent=2, ensure_ascii=False)
    (options.out / "figures.json").write_text(text + "\n", encoding="utf-8")
    log.info("%s", table(results))


if __name__ == "__main__":
    main()
