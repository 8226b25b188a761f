"""Points of cut-out faces by Mien's own landmark network, found once and kept in a file beside the run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import CropTransform
from mien.core.regions import tight_region_of_landmarks
from mien.errors import ModelError
from mien.lab.datasets.dataset import Dataset
from mien.lab.datasets.sample import Sample
from mien.lab.train.expression_faces import FoundPoints, box_of
from mien.landmarks.hrnet98 import HeatmapLandmarks, Options

_FACE = (0.485, 0.61, 1.07)
"""Middle and side of the first look in a cut-out face, shares of its side: where the points of FER2013's faces lie."""
_LOOK_AGAIN = 0.16
"""Share of the region's side by which the points' own region may differ before they are looked for again."""


class PointFinder:
    """Finds the 98 points of faces that were cut out by somebody else."""

    def __init__(self, model: str = "hrnet98-128") -> None:
        self._stage = HeatmapLandmarks(Options(model=model, threads=1))

    def __call__(self, image: UInt8, box_xyxy: Float32 | None = None) -> FoundPoints:
        """Points in a picture (H, W, 3); `box_xyxy`: where the face is, else the picture shows little else."""
        height, width = image.shape[:2]
        side = float(min(height, width))
        left, top = (width - side) / 2, (height - side) / 2
        if box_xyxy is not None:
            left, top = float(box_xyxy[0]), float(box_xyxy[1])
            side = float(max(box_xyxy[2:] - box_xyxy[:2]))
        x, y, share = _FACE
        size = self._stage.size_px
        first = CropTransform.around([left + x * side - 0.5, top + y * side - 0.5], share * side, size)
        look = self._stage.look(image, [first])[0]
        second = tight_region_of_landmarks(look.landmarks, size)
        if second is not None and _differ(first, second) > _LOOK_AGAIN:
            look = max(look, self._stage.look(image, [second])[0], key=lambda one: one.presence)
        return FoundPoints(look.landmarks.xy, look.presence)

    def close(self) -> None:
        """Release the network."""
        self._stage.close()


def _differ(a: CropTransform, b: CropTransform) -> float:
    """Largest distance of corresponding corners, in sides of the first."""
    side = float(np.hypot(*(a.corners_xy[1] - a.corners_xy[0])))
    return float(np.hypot(*(a.corners_xy.mean(axis=0) - b.corners_xy.mean(axis=0)))) / side


def points_of(
    samples: Dataset | Sequence[Sample], kept: Path | None, told: Callable[[int, int], None] = lambda done, total: None
) -> Mapping[str, FoundPoints]:
    """Points of every sample by name, from the file or found now; the file grows every 2,000 faces. None = nothing is
    kept.

    Raises:
        ModelError: the file cannot be read.
    """
    found = _read(kept) if kept is not None and kept.is_file() else {}
    missing = [i for i, s in enumerate(samples) if s.name not in found]
    if not missing:
        return found
    finder = PointFinder()
    try:
        for done, i in enumerate(missing, 1):
            sample = samples.sample(i) if isinstance(samples, Dataset) else samples[i]
            found[sample.name] = finder(sample.image(), box_of(sample))
            told(done, len(missing))
            if kept is not None and (done % 2000 == 0 or done == len(missing)):
                _write(kept, found)
    finally:
        finder.close()
    return found


def _read(path: Path) -> dict[str, FoundPoints]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            names, xy, presence = arrays["names"], arrays["xy"], arrays["presence"]
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise ModelError(f"{path}: holds no points of faces ({error}); delete it and they are found anew") from error
    if xy.shape != (len(names), 98, 2) or presence.shape != (len(names),):
        raise ModelError(f"{path}: expected ({len(names)}, 98, 2) points, got {xy.shape}; delete it")
    return {str(n): FoundPoints(p, float(c)) for n, p, c in zip(names, xy, presence, strict=True)}


def _write(path: Path, found: Mapping[str, FoundPoints]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")  # several processes may keep theirs at once
    with unfinished.open("wb") as file:
        xy = np.stack([p.xy for p in found.values()])
        np.savez(file, names=np.array(list(found)), xy=xy, presence=np.array([p.presence for p in found.values()]))
    unfinished.replace(path)
