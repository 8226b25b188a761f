"""Faces with the truth of their action units: drawn when asked for, or out of a stored drawn set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.errors import RequestError, SourceError
from mien.lab.datasets.dataset import Dataset
from mien.lab.datasets.sample import Sample
from mien.lab.models.au_regions import region_of, region_points
from mien.lab.render.assemble import stage
from mien.lab.render.random_scene import Wishes, choose
from mien.lab.render.sample import render_sample, units_of
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Rig
from mien.lab.rigs.units import load_units
from mien.lab.train.augment import Augmentation, make_crop
from mien.lab.train.faces import Face, make_face

NAMES = load_schema("facs").names
_HALF = 0.5
"""A unit of whose region less can be seen is not asked for."""


class AuFace(NamedTuple):
    """A face and its units: (U,) float32 0–5, schema "facs"; NaN = not known, or its rig cannot show it."""

    face: Face
    units: Float32


class AuFaceSet(Protocol):
    """Faces by number. Can be pickled."""

    def __len__(self) -> int: ...

    def face(self, i: int) -> AuFace:
        """Face i, 0 ≤ i < len."""
        ...

    def units(self, i: int) -> Float32:
        """Its units alone, at less cost."""
        ...


class RenderedAuFaces:
    """Face i is the sample of seed `seeds[i]`; see `train.faces.RenderedFaces`."""

    def __init__(self, rig: str, folder: str | Path | None, wishes: Wishes, seeds: range) -> None:
        self._name, self._folder, self._wishes, self._seeds = rig, folder, wishes, seeds

    def __len__(self) -> int:
        return len(self._seeds)

    def __getstate__(self) -> dict[str, object]:
        return {k: v for k, v in self.__dict__.items() if k != "_rig"}

    @cached_property
    def _rig(self) -> Rig:
        return load_rig(self._name, self._folder)

    def face(self, i: int) -> AuFace:
        """See `AuFaceSet`."""
        sample = render_sample(self._rig, self._seeds[i], self._wishes.size_px, self._wishes)
        face = make_face(sample.image, sample.landmarks.xy, sample.landmarks.confidence)
        return AuFace(face, shown(sample.action_units.values, self._name))

    def units(self, i: int) -> Float32:
        """See `AuFaceSet`; nothing is drawn."""
        return shown(units_of(stage(self._rig, choose(self._seeds[i], self._wishes))).values, self._name)


class StoredAuFaces:
    """The samples of a drawn dataset (`mien lab synth`)."""

    def __init__(self, dataset: Dataset | Sequence[Sample], numbers: Sequence[int] | None = None) -> None:
        """
        Args:
            dataset: samples with the truth of their units and 98 landmarks.
            numbers: which of them; None = all.
        """
        self._samples = dataset
        self._numbers = range(len(dataset)) if numbers is None else numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def face(self, i: int) -> AuFace:
        """See `AuFaceSet`.

        Raises:
            SourceError: the sample has no landmarks or no units.
        """
        sample = self._sample(i)
        if sample.landmarks_xy is None or sample.truth is None:
            raise SourceError(f"{sample.dataset}: {sample.name}: has no landmarks to place regions by")
        face = make_face(sample.image(), sample.landmarks_xy, sample.truth.landmarks_visible)
        return AuFace(face, self._units(sample))

    def units(self, i: int) -> Float32:
        """See `AuFaceSet`; the picture is not read."""
        return self._units(self._sample(i))

    def _sample(self, i: int) -> Sample:
        number = self._numbers[i]
        return self._samples.sample(number) if isinstance(self._samples, Dataset) else self._samples[number]

    def _units(self, sample: Sample) -> Float32:
        if sample.truth is None or sample.truth.action_units is None:
            raise SourceError(f"{sample.dataset}: {sample.name}: has no action units to learn from")
        return shown(sample.truth.action_units, str(sample.attributes.get("rig", "")))


def shown(units: Float32, rig: str) -> Float32:
    """The units with NaN where the rig cannot show them at all (`rigs.units`)."""
    absent = load_units(rig).absent if rig else {}
    out = np.asarray(units, dtype=np.float32).copy()
    out[[name.partition("_")[0] in absent for name in NAMES]] = np.nan
    return out


def mirrored(one: AuFace) -> AuFace:
    """The mirror image with its units."""
    face, schema = one.face, load_schema("wflw98").mirror
    width = face.image.shape[1]
    points = face.points_xy[schema] * np.array([-1, 1], np.float32) + np.array([width - 1, 0], np.float32)
    image = np.ascontiguousarray(face.image[:, ::-1])
    turned = Face(image, points, face.visible[schema], face.weight[schema])
    return AuFace(turned, one.units[load_schema("facs").mirror])


def au_crop(one: AuFace, size_px: int, how: Augmentation, rng: np.random.Generator) -> AuFace:
    """Cut and shake a face; units whose region is mostly hidden become NaN.

    Args:
        one: the face.
        size_px: side of the crop.
        how: as for landmarks; the mirror image takes its units along.
        rng: the only source of chance.
    """
    if rng.random() < how.mirror:
        one = mirrored(one)
    crop = make_crop(one.face, size_px, replace(how, mirror=0.0), rng)
    seen = np.nan_to_num(crop.visible, nan=1.0)
    hidden = np.array([seen[list(p)].mean() < _HALF for p in region_points()])
    units = one.units.copy()
    units[hidden[[region_of(n) for n in NAMES]]] = np.nan
    return AuFace(crop, units)


class AuMixture:
    """Several sets, drawn from by their shares."""

    def __init__(self, parts: Iterable[tuple[AuFaceSet, float]]) -> None:
        """
        Raises:
            RequestError: no part with a face and a positive share.
        """
        self._parts = [(faces, share) for faces, share in parts if len(faces) and share > 0]
        if not self._parts:
            raise RequestError("there is no face to learn from: every part of the mixture is empty or has share 0")
        shares = np.array([share for _, share in self._parts])
        self._chances = shares / shares.sum()

    def __len__(self) -> int:
        return sum(len(faces) for faces, _ in self._parts)

    def draw(self, rng: np.random.Generator) -> AuFace:
        """A random face."""
        faces = self._draw(rng)
        return faces.face(int(rng.integers(len(faces))))

    def draw_units(self, rng: np.random.Generator) -> Float32:
        """Units of a random face."""
        faces = self._draw(rng)
        return faces.units(int(rng.integers(len(faces))))

    def _draw(self, rng: np.random.Generator) -> AuFaceSet:
        return self._parts[int(rng.choice(len(self._parts), p=self._chances))][0]
