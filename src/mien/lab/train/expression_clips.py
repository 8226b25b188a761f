"""Labelled clips in memory, for networks that look and listen: aligned faces of a few moments, and the sound at each.

Reading a clip means decoding it and finding its face, so what was read is kept in files, one per clip; a run that goes
on, or an evaluation that is given the same folder, reads those.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mien.core.arrays import Float32, Float64, Int64, UInt8
from mien.core.record import FrameRecord, Stamp
from mien.errors import SourceError
from mien.expression.aligned import expression_region
from mien.lab.datasets.clip_moments import read_moments
from mien.lab.datasets.sample import Sample
from mien.lab.evaluate.chain import landmark_chain
from mien.lab.train.expression_clip_files import ReadClip, keep_clip, kept_file, load_clip
from mien.lab.train.expression_faces import ExpressionFaces, cut_around, unit_of, whole_picture
from mien.lab.train.expression_labels import known_labels, label_row, other_labels
from mien.pipeline.compose import Pipeline

log = logging.getLogger(__name__)

_PRESET = "balanced"
"""Whose detector and landmark network find the faces."""
_TOLD = 3
"""So many damaged clips are named."""


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionClips:
    """N clips of T moments.

    Attributes:
        faces: N · T pictures, clip after clip; each with the label and the name of its clip.
        moments: T.
        sound: (N, T, 1, 96, 64) float32 log-mel; 0 where there is none.
        has_sound: (N,) float32, 1 or 0.
    """

    faces: ExpressionFaces
    moments: int
    sound: Float32
    has_sound: Float32

    def __len__(self) -> int:
        return len(self.has_sound)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the expressions."""
        return self.faces.classes

    @property
    def names(self) -> tuple[str, ...]:
        """N names: of the subject, or of the clip where the data does not say who is shown."""
        return self.faces.names[:: self.moments]

    @property
    def probabilities(self) -> Float32:
        """(N, C), rows sum to 1."""
        return self.faces.probabilities[:: self.moments]

    @property
    def counts(self) -> Int64:
        """(C,) clips by likeliest class."""
        return np.bincount(self.probabilities.argmax(axis=1), minlength=len(self.classes)).astype(np.int64)

    def part(self, numbers: Int64) -> ExpressionClips:
        """Some of the clips."""
        at = (np.asarray(numbers)[:, None] * self.moments + np.arange(self.moments)).reshape(-1)
        return replace(self, faces=self.faces.part(at), sound=self.sound[numbers], has_sound=self.has_sound[numbers])


def read_clips(
    samples: Sequence[Sample],
    classes: Sequence[str],
    moments: int,
    kept: Path | None = None,
    *,
    aligned: bool = True,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> ExpressionClips:
    """Decode the clips among the samples; those without an expression of `classes` are left out.

    Args:
        samples: labelled clips; single pictures are left out.
        classes: names of the expressions.
        moments: per clip.
        kept: folder that keeps what was read; None = nothing is kept.
        aligned: crops follow the landmarks that Mien's own chain finds; False = the middle square of the pictures.
        told: called with clips done and their total.

    Raises:
        SourceError: no labelled clip, or clips that cannot be read: all of them are counted, the first are named.
    """
    rows = [(s, row) for s in samples if s.clip is not None and (row := label_row(s, classes)) is not None]
    if not rows:
        raise SourceError(
            f"no clip with one of the expressions {', '.join(classes)} was found; a network of clips needs videos: one "
            "folder per class, a csv with path and label, or AFEW"
        )
    clips: list[ReadClip] = []
    damaged: list[str] = []
    with ExitStack() as stack:
        chain = _Chain(stack) if aligned else None
        for done, (sample, _) in enumerate(rows, 1):
            try:
                clips.append(_kept_or_read(sample, moments, kept, chain))
            except SourceError as error:
                damaged.append(f"{sample.dataset}: {sample.name}: {error}")
            told(done, len(rows))
    if damaged:
        more = f"; and {len(damaged) - _TOLD} more" if len(damaged) > _TOLD else ""
        text = "; ".join(damaged[:_TOLD]) + more
        raise SourceError(f"{len(damaged)} of {len(rows)} clips cannot be read; mend them or take them out: {text}")
    _warn(clips, rows, aligned=aligned)
    return _together([s for s, _ in rows], np.stack([row for _, row in rows]), clips, tuple(classes))


def _together(
    samples: Sequence[Sample], rows: Float32, clips: Sequence[ReadClip], classes: tuple[str, ...]
) -> ExpressionClips:
    moments = len(clips[0].images)
    affect, _ = known_labels([other_labels(s) for s in samples])
    faces = ExpressionFaces(
        images=[image for clip in clips for image in clip.images],
        image_from_unit=np.concatenate([clip.places for clip in clips]),
        probabilities=rows.repeat(moments, axis=0),
        classes=classes,
        names=tuple(s.subject or s.name for s in samples for _ in range(moments)),
        affect=None if affect is None else affect.repeat(moments, axis=0),
    )
    has_sound = np.array([clip.has_sound for clip in clips], np.float32)
    return ExpressionClips(faces, moments, np.stack([clip.sound for clip in clips]), has_sound)


def _warn(clips: Sequence[ReadClip], rows: Sequence[tuple[Sample, Float32]], *, aligned: bool) -> None:
    silent = sum(not clip.has_sound for clip in clips)
    if silent:
        log.warning("%d of %d clips have no sound: what is heard counts as 0 there", silent, len(clips))
    faceless = [s.name for (s, _), clip in zip(rows, clips, strict=True) if aligned and not clip.found]
    if faceless:
        log.warning("no face found in %d clips (%s …): the middle of the picture is taken", len(faceless), faceless[0])
    if any(s.subject is None for s, _ in rows):
        log.warning("some clips do not say who is shown: parts are then made clip by clip, and may share people")


class _Chain:
    """Finds the largest face of pictures that do not follow each other closely."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._opened: Pipeline | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """Ids of its networks."""
        return self._pipeline.models

    @property
    def _pipeline(self) -> Pipeline:
        if self._opened is None:
            self._opened = self._stack.enter_context(landmark_chain(_PRESET))
        return self._opened

    def place(self, image: UInt8) -> Float64 | None:
        """(2, 3) aligned crop, 0–1 of its side → px; None without a face whose eyes and nose are known."""
        for _, stage in self._pipeline.stages:
            stage.reset()
        record = FrameRecord(Stamp("clip", 0, 0), (image.shape[1], image.shape[0]), image)
        for _, stage in self._pipeline.stages:
            record = stage.step(record)
        faces = sorted(record.faces, key=lambda f: -float(f.box.size_wh[0] * f.box.size_wh[1]))
        for face in faces:
            region = None if face.landmarks is None else expression_region(face.landmarks, 64)
            if region is not None:
                return unit_of(region)
        return None


def _kept_or_read(sample: Sample, moments: int, kept: Path | None, chain: _Chain | None) -> ReadClip:
    if kept is None:
        return _read(sample, moments, chain)
    path = kept_file(kept, sample, moments, None if chain is None else chain.models)
    clip = load_clip(path, moments)
    if clip is None:
        clip = _read(sample, moments, chain)
        keep_clip(path, clip)
    return clip


def _read(sample: Sample, moments: int, chain: _Chain | None) -> ReadClip:
    assert sample.clip is not None
    read = read_moments(sample.clip, moments)
    found = [chain.place(image) if chain is not None else None for image in read.images]
    known = [i for i, place in enumerate(found) if place is not None]
    images, places = [], []
    for i, image in enumerate(read.images):
        nearest = min(
            known, key=lambda k: abs(k - i), default=None
        )  # a face that is lost for a moment has not gone far
        place = found[nearest] if nearest is not None else None
        cut, moved = cut_around(image, whole_picture(image) if place is None else place)
        images.append(cut)
        places.append(moved)
    return ReadClip(tuple(images), np.stack(places), read.sound, read.has_sound, len(known))
