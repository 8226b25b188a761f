"""Where the detectors' scenes come from: folders named on the command line, each cut into a part to train on and a part
that is held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mien.core.arrays import UInt8
from mien.errors import ConfigError
from mien.lab.datasets.dataset import Dataset, open_dataset
from mien.lab.datasets.pictures import read_picture
from mien.lab.render.surroundings import background_files
from mien.lab.train.detector_boxes import face_of_points
from mien.lab.train.detector_cutouts import Cutouts, read_cutouts
from mien.lab.train.detector_scene_faces import Portrait, Sources

WORDS = ("fer2013", "sfhq", "drawn", "backgrounds", "photos", "turned_sfhq", "turned_fer", "turned_ferself")
"""fer2013: the file fer2013.npz. sfhq: `mien lab pseudo --source sfhq`. drawn: `mien lab synth --task detect`.
backgrounds, photos: photographs without people; "photos" only around the faces of `detector_faces`.
turned_…: `mien.lab.pseudo.turned_set`, for `detector_faces`."""
_LEAST_SIDE = 128


@dataclass(frozen=True, slots=True)
class Places:
    """What to read.

    Attributes:
        folders: word of `WORDS` → its files; all but "fer2013" and "backgrounds" may be missing.
        held_out: names (without ending) of the photographs that nothing is trained on.
        memory: folder for what is found out about the data once.
    """

    folders: Mapping[str, Path]
    held_out: frozenset[str]
    memory: Path


def read_sources(places: Places, split: str) -> Sources:
    """Everything of one split, "train" or "val"; photographs and cut-out faces are kept in memory.

    Held-out photographs are those named; of the cut-out faces every 20th is held out.

    Raises:
        ConfigError: a word that is needed has no folder, or there is no such word.
        SourceError: a folder does not hold what it should.
    """
    if unknown := set(places.folders) - set(WORDS):
        raise ConfigError(f"--set {sorted(unknown)[0]}: there is no such source; there are: {', '.join(WORDS)}")
    if missing := [w for w in ("fer2013", "backgrounds") if w not in places.folders]:
        raise ConfigError(f"the recipe needs --set {missing[0]}=PLACE")
    whole = read_cutouts(places.folders["fer2013"], places.memory / "cutouts.npz")
    turn = np.arange(len(whole)) % 20 == 0
    chosen = ~turn if split == "train" else turn
    cutouts = Cutouts(whole.images[chosen], whole.boxes_xyxy[chosen], whole.five_xy[chosen])
    sfhq, drawn = places.folders.get("sfhq"), places.folders.get("drawn")
    return Sources(
        read_photos(places.folders["backgrounds"], places.held_out, held_out=split != "train"),
        cutouts,
        [] if sfhq is None else _portraits(open_dataset("pseudo", sfhq).split(split)),
        None if drawn is None else open_dataset("synthetic", drawn).split(split),
    )


def read_photos(folder: Path, names: frozenset[str], *, held_out: bool) -> Sequence[UInt8]:
    """The photographs that are held out, or the others.

    Raises:
        ConfigError: a name to hold out is not there.
        SourceError: no pictures there.
    """
    files = background_files(folder)
    if absent := names - {f.stem for f in files}:
        raise ConfigError(f"held_out: {folder} has no picture {sorted(absent)[0]}")
    chosen = [read_picture(f) for f in files if (f.stem in names) == held_out]
    return [_large_enough(image) for image in chosen]


def _large_enough(image: UInt8) -> UInt8:
    scale = _LEAST_SIDE / min(image.shape[:2])
    return image if scale <= 1 else np.asarray(cv2.resize(image, None, fx=scale, fy=scale), np.uint8)


def _portraits(dataset: Dataset) -> list[Portrait]:
    out = []
    for sample in dataset:
        if sample.landmarks_xy is None:
            continue
        image = sample.image()
        height, width = image.shape[:2]
        left, top, right, bottom = (round(float(v)) for v in sample.attributes["inside_xyxy"])
        inside = max(left, 0), max(top, 0), min(right + 1, width), min(bottom + 1, height)
        box, five = face_of_points(sample.landmarks_xy)
        out.append(Portrait(image, inside, box, five))
    return out
