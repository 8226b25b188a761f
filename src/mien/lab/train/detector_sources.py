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
from mien.lab.train.detector_scene_faces import Marked, Portrait, Sources

WORDS = ("fer2013", "sfhq", "drawn", "backgrounds", "photos", "turned_sfhq", "turned_fer", "turned_ferself", "wider")
"""fer2013: the file fer2013.npz. sfhq: `mien lab pseudo --source sfhq`. drawn: `mien lab synth --task detect`.
backgrounds, photos: photographs without people; "photos" only around the faces of `detector_faces`.
turned_…: `mien.lab.pseudo.turned_set`, for `detector_faces`.
wider: a copy of WIDER FACE; with it fer2013 and backgrounds may be missing."""
_NEEDED = ("fer2013", "backgrounds")
_LEAST_SIDE = 128
_EVERY = 20


@dataclass(frozen=True, slots=True)
class Places:
    """What to read.

    Attributes:
        folders: word of `WORDS` → its files; all but "fer2013" and "backgrounds", or "wider", may be missing.
        held_out: names (without ending) of the photographs that nothing is trained on.
        memory: folder for what is found out about the data once.
    """

    folders: Mapping[str, Path]
    held_out: frozenset[str]
    memory: Path


def read_sources(places: Places, split: str, turned: Sequence[str] = ()) -> Sources:
    """Everything of one split, "train" or "val"; photographs and cut-out faces are kept in memory.

    Held-out photographs are those named; of the cut-out faces and of marked pictures every 20th is held out. Turned
    faces, by their words, are portraits too.

    Raises:
        ConfigError: a word that is needed has no folder, is of no use beside "wider" alone, or there is no such word.
        SourceError: a folder does not hold what it should.
    """
    if unknown := set(places.folders) - set(WORDS):
        raise ConfigError(f"--set {sorted(unknown)[0]}: there is no such source; there are: {', '.join(WORDS)}")
    needed = () if "wider" in places.folders and not set(_NEEDED) & set(places.folders) else _NEEDED
    if not needed and (unused := {*places.folders, *turned} - {"wider"}):
        word = sorted(unused)[0]
        raise ConfigError(f"{word} is used beside fer2013 and backgrounds only: give these two --set, or leave it out")
    if missing := [w for w in (*needed, *turned) if w not in places.folders]:
        raise ConfigError(f"the recipe needs --set {missing[0]}=PLACE")
    marked = None if "wider" not in places.folders else _marked(places.folders["wider"], split)
    if not needed:
        nothing = np.zeros((0, 48, 48), np.uint8), np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32)
        return Sources([], Cutouts(*nothing), [], None, marked)
    whole = read_cutouts(places.folders["fer2013"], places.memory / "cutouts.npz")
    turn = np.arange(len(whole)) % _EVERY == 0
    chosen = ~turn if split == "train" else turn
    cutouts = Cutouts(whole.images[chosen], whole.boxes_xyxy[chosen], whole.five_xy[chosen])
    faces = [places.folders[w] for w in ("sfhq", *turned) if w in places.folders]
    drawn = places.folders.get("drawn")
    return Sources(
        read_photos(places.folders["backgrounds"], places.held_out, held_out=split != "train"),
        cutouts,
        [portrait for folder in faces for portrait in _portraits(open_dataset("pseudo", folder).split(split))],
        None if drawn is None else open_dataset("synthetic", drawn).split(split),
        marked,
    )


def _marked(folder: Path, split: str) -> Marked:
    """Of the training pictures every 20th is held out; the published validation part is for the evaluation alone."""
    dataset = open_dataset("wider", folder).split("train")
    return Marked(dataset, [n for n in range(len(dataset)) if (n % _EVERY == 0) == (split != "train")])


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
        edges = sample.attributes["inside_xyxy"]
        inside = 0, 0, width, height  # a turned portrait has surroundings everywhere (NaN)
        if np.isfinite(edges).all():
            left, top, right, bottom = (round(float(v)) for v in edges)
            inside = max(left, 0), max(top, 0), min(right + 1, width), min(bottom + 1, height)
        box, five = face_of_points(sample.landmarks_xy)
        out.append(Portrait(image, inside, box, five))
    return out
