"""Faces to learn from: one picture, its 98 points, which of them can be seen and how much each is worth.

A `FaceSet` gives face i; the same i gives the same face. Anything that does so can be trained on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.errors import RequestError, SourceError
from mien.lab.datasets.dataset import Dataset
from mien.lab.datasets.pictures import read_picture
from mien.lab.datasets.sample import Sample
from mien.lab.render.random_scene import Wishes
from mien.lab.render.sample import render_sample
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Rig

POINTS = 98
DOUBTFUL_SPREAD = 0.02
"""A teacher's spread, as a share of the face's outer eye corners' distance, at which a point is worth half."""
CONTOUR_POINTS = 33
TURNED_DEG = (10.0, 30.0)
"""Yaw from which on a teacher's contour is worth less, and from which on nothing: the mesh stays on the head where
people mark the visible outline (on 18 turned marked faces the far cheek lies 24–39 % of the eye corners' distance
inside, on 50 others the whole face has an error of 5.3 %)."""

CONTOUR_RISE = (0.081, 0.068, 0.056, 0.041, 0.029, 0.016, 0.005)
"""Points 0–6 and 32–26 of our rigs and of MediaPipe's mesh lie lower than people mark them by so much of a frontal
face's outer eye corners' distance. Found by comparing 92 drawn frontal faces with the mean face of WFLW's training
marks that the PIPNet repository publishes (MIT): a convention of marking, taken from a published statistic."""
_EYES_TO_MOUTH = 0.784
"""Distance of the middle of the eyes from that of the mouth on frontal drawn faces, in distances of the outer eye
corners: unlike those it keeps its length when a head turns."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        points_xy: (98, 2) float32 px of the image; NaN = not known.
        visible: (98,) float32, 0–1; NaN = not known.
        weight: (98,) float32, how much each point is worth; 0 where it is not known.
    """

    image: UInt8
    points_xy: Float32
    visible: Float32
    weight: Float32


class FaceSet(Protocol):
    """Faces by number. Can be pickled."""

    def __len__(self) -> int: ...

    def face(self, i: int) -> Face:
        """Face i, 0 ≤ i < len."""
        ...


def make_face(image: UInt8, points_xy: Float32, visible: Float32 | None = None, weight: float = 1.0) -> Face:
    """A face whose known points are all worth the same."""
    known = np.isfinite(points_xy).all(axis=1)
    seen = np.full(POINTS, np.nan, np.float32) if visible is None else visible.astype(np.float32)
    return Face(image, points_xy.astype(np.float32), seen, (weight * known).astype(np.float32))


def raised_contour(points_xy: Float32) -> Float32:
    """The contour's upper ends moved up the face to where people mark them (`CONTOUR_RISE`); (98, 2) px, NaN stays.

    Up is from the mouth to the eyes; without them nothing is moved.
    """
    up = points_xy[60:76].mean(axis=0) - points_xy[76:88].mean(axis=0)
    if not np.isfinite(up).all():
        return points_xy
    out = points_xy.copy()
    rise = np.array(CONTOUR_RISE, np.float32)[:, None] * (up / np.float32(_EYES_TO_MOUTH))
    out[: len(rise)] += rise
    out[CONTOUR_POINTS - len(rise) : CONTOUR_POINTS] += rise[::-1]
    return out


class DatasetFaces:
    """The samples of a dataset that have 98 points."""

    def __init__(
        self,
        dataset: Dataset | Sequence[Sample],
        numbers: Sequence[int] | None = None,
        *,
        trusted_contour: bool = False,
        raised: bool = False,
    ) -> None:
        """
        Args:
            dataset: samples with `landmarks_xy` of schema "wflw98".
            numbers: which of them; None = all.
            trusted_contour: a teacher's contour counts on turned heads too: the teacher learnt the visible outline.
            raised: contour as people mark it, see `raised_contour`; for points of rigs and of MediaPipe's mesh.
        """
        self._samples = dataset
        self._trusted, self._raised = trusted_contour, raised
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._samples if self._numbers is None else self._numbers)

    def face(self, i: int) -> Face:
        """See `FaceSet`.

        Raises:
            SourceError: the sample has no 98 points.
        """
        number = i if self._numbers is None else self._numbers[i]
        sample = self._samples.sample(number) if isinstance(self._samples, Dataset) else self._samples[number]
        if sample.landmarks_xy is None or sample.landmark_schema != "wflw98":
            raise SourceError(f"{sample.dataset}: {sample.name}: has no 98 landmarks to learn from")
        truth = sample.truth
        points = raised_contour(sample.landmarks_xy) if self._raised else sample.landmarks_xy
        face = make_face(sample.image(), points, truth.landmarks_visible if truth else None)
        if truth is None or truth.landmark_spread_px is None:
            return face
        width = float(np.linalg.norm(face.points_xy[72] - face.points_xy[60]))
        doubt = np.nan_to_num(truth.landmark_spread_px / max(DOUBTFUL_SPREAD * width, 1e-3), nan=np.inf)
        weight = face.weight / (1 + doubt**2)
        if not self._trusted:
            weight[:CONTOUR_POINTS] *= contour_worth(truth.pose_ypr_deg)
        return Face(face.image, face.points_xy, face.visible, weight.astype(np.float32))


def more_turned(dataset: Dataset, numbers: Sequence[int], times: int) -> list[int]:
    """The numbers, those of faces turned by more than `TURNED_DEG[1]` so many times."""
    out: list[int] = []
    for number in numbers:
        truth = dataset.sample(number).truth
        turned = truth is not None and truth.pose_ypr_deg is not None and abs(truth.pose_ypr_deg[0]) > TURNED_DEG[1]
        out += [number] * (times if turned else 1)
    return out


def contour_worth(pose_ypr_deg: Float32 | None) -> float:
    """What a teacher's contour is worth at a head pose, 0–1; an unknown pose counts as turned."""
    yaw = np.nan if pose_ypr_deg is None else abs(float(pose_ypr_deg[0]))
    low, high = TURNED_DEG
    return float(np.clip((high - yaw) / (high - low), 0, 1)) if np.isfinite(yaw) else 0.0


class RenderedFaces:
    """Faces drawn when they are asked for; face i is the sample of seed `first + i`."""

    def __init__(self, rig: str, folder: str | Path | None, wishes: Wishes, seeds: range) -> None:
        """
        Args:
            rig: a name of `rigs.catalogue`, with the folder of its files.
            folder: None for the built-in head.
            wishes: size and what is asked of the samples.
            seeds: which samples there are. Persons are numbered, and other seeds show the same ones: validate on the
                val split of a stored set, not on other seeds.
        """
        self._place = (rig, folder)
        self._wishes = wishes
        self._seeds = seeds

    def __len__(self) -> int:
        return len(self._seeds)

    def __getstate__(self) -> dict[str, object]:
        return {k: v for k, v in self.__dict__.items() if k != "_rig"}

    @cached_property
    def _rig(self) -> Rig:
        return load_rig(*self._place)

    def face(self, i: int) -> Face:
        """See `FaceSet`."""
        sample = render_sample(self._rig, self._seeds[i], self._wishes.size_px, self._wishes)
        return make_face(sample.image, sample.landmarks.xy, sample.landmarks.confidence)


class KeptFaces:
    """Faces in memory, e.g. a validation set or the first N of any stream."""

    def __init__(self, faces: Iterable[Face]) -> None:
        self._faces = list(faces)

    def __len__(self) -> int:
        return len(self._faces)

    def face(self, i: int) -> Face:
        """See `FaceSet`."""
        return self._faces[i]


def read_marked_faces(folder: str | Path) -> KeptFaces:
    """Hand-marked validation faces: a folder with `validation.json` (faces: file, pts) and its pictures.

    Raises:
        SourceError: it is not such a folder.
    """
    file = Path(folder) / "validation.json"
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))["faces"]
        points = [np.array(e["pts"], np.float32).reshape(POINTS, 2) for e in entries]
        names = [str(e["file"]) for e in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{file}: no list of marked faces: {error}") from error
    root = file.parent.resolve()
    paths = [(root / name).resolve() for name in names]
    if outside := [n for n, p in zip(names, paths, strict=True) if root not in p.parents]:
        raise SourceError(f"{file}: names a picture outside its folder: {outside[0]}")
    return KeptFaces(make_face(read_picture(p), xy) for p, xy in zip(paths, points, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """One part of a mixture.

    Attributes:
        faces: the part.
        share: how often it is drawn, relative to the others.
        weight: its points' weights are multiplied by this.
    """

    faces: FaceSet
    share: float = 1.0
    weight: float = 1.0


class Mixture:
    """Several sets; which face comes next is a matter of the draw's random generator alone."""

    def __init__(self, parts: Sequence[Share]) -> None:
        """
        Raises:
            RequestError: no part with a face and a positive share.
        """
        self._parts = [p for p in parts if len(p.faces) and p.share > 0]
        if not self._parts:
            raise RequestError("there is no face to learn from: every part of the mixture is empty or has share 0")
        shares = np.array([p.share for p in self._parts])
        self._chances = shares / shares.sum()

    def __len__(self) -> int:
        return sum(len(p.faces) for p in self._parts)

    def draw(self, rng: np.random.Generator) -> Face:
        """A random face."""
        part = self._parts[int(rng.choice(len(self._parts), p=self._chances))]
        face = part.faces.face(int(rng.integers(len(part.faces))))
        return Face(face.image, face.points_xy, face.visible, face.weight * np.float32(part.weight))
