"""Clips for recognition: a sample of any micro-expression dataset as upright grey frames of one size with its
labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import Float64, UInt8
from mien.core.record import FrameRecord, Stamp
from mien.errors import MienError, SourceError
from mien.lab.datasets.pictures import read_picture
from mien.lab.datasets.sample import Clip, Sample
from mien.lab.datasets.synthetic_clips import frame_labels
from mien.micro import face_crop

MARGIN = 4
"""Frames before the onset and behind the offset that belong to a clip."""
THREE = {
    **dict.fromkeys(("happiness", "positive"), "positive"),
    **dict.fromkeys(("disgust", "repression", "sadness", "anger", "contempt", "fear", "negative"), "negative"),
    "surprise": "surprise",
}
"""MEGC 2019's classes; what is not named is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class MicroClip:
    """One micro-expression, ready for a recogniser.

    Attributes:
        sample: where it is from.
        subject, label: whose face; class.
        units: names of the units coded present; None = not coded.
        frames: (T, S, S) uint8 grey, upright.
        onset, apex, offset: positions in `frames`.
    """

    sample: Sample
    subject: str
    label: str
    units: frozenset[str] | None
    frames: UInt8
    onset: int
    apex: int
    offset: int


def label_of(sample: Sample, *, three: bool) -> str | None:
    """A sample's class; None = it has none in this scheme."""
    name = sample.expression.name if sample.expression is not None else str(sample.attributes.get("emotion", ""))
    if not name:
        return None
    return THREE.get(name) if three else name


def strongest_unit(sample: Sample) -> str | None:
    """A class for movement of any kind: the unit with most intensity, without its side (of equal ones the first); where
    none is coded the emotion."""
    coded = sample.action_units
    if coded is None or not (coded.presence > 0).any():
        return label_of(sample, three=False)
    level = np.where(coded.presence > 0, np.nan_to_num(coded.intensity), -1.0)
    return coded.names[int(np.argmax(level))].split("_")[0]


def micro_samples(samples: Sequence[Sample], *, macro: bool = False) -> list[Sample]:
    """Those that are micro-expressions with frames and a span; `macro`: macro-expressions instead."""
    return [
        s
        for s in samples
        if s.clip is not None
        and (s.clip.kind == "macro") == macro
        and s.clip.onset is not None
        and s.clip.offset is not None
        and (s.clip.frames is not None or s.clip.video is not None)
        and s.subject is not None
    ]


def read_clips(samples: Sequence[Sample], side: int, label: Callable[[Sample], str | None]) -> Iterator[MicroClip]:
    """Clips of samples, one after another.

    Args:
        samples: out of `micro_samples`.
        side: of the pictures, px.
        label: a sample's class; those without are left out.

    Raises:
        SourceError: a frame cannot be read.
    """
    places = _Places()
    try:
        for sample in samples:
            name = label(sample)
            if name is not None:
                yield read_clip(sample, name, side, places)
    finally:
        places.close()


def read_clip(sample: Sample, label: str, side: int, places: _Places | None = None) -> MicroClip:
    """One clip; see `read_clips`."""
    clip = sample.clip
    if clip is None or clip.onset is None or clip.offset is None:
        raise SourceError(f"{sample.dataset}: {sample.name}: no onset and offset")
    first, last = clip.onset - MARGIN, clip.offset + MARGIN
    numbered = dict(_frames(clip, first, last))
    if len(numbered) < 2:
        raise SourceError(f"{sample.dataset}: {sample.name}: fewer than two of its frames can be read")
    numbers = sorted(numbered)
    crop = _crop(sample, numbered, places)
    frames = np.stack([_upright(numbered[n], crop, side) for n in numbers])
    apex = clip.apex if clip.apex is not None else (clip.onset + clip.offset) // 2
    at = [int(np.argmin(np.abs(np.array(numbers) - n))) for n in (clip.onset, apex, clip.offset)]
    units = None
    if sample.action_units is not None:
        present = zip(sample.action_units.names, sample.action_units.presence, strict=True)
        units = frozenset(n.split("_")[0] for n, p in present if p > 0)
    return MicroClip(sample, str(sample.subject), label, units, frames, at[0], at[1], at[2])


def _frames(clip: Clip, first: int, last: int) -> Iterator[tuple[int, UInt8]]:
    """(number, RGB picture) of the frames first … last that are there."""
    if clip.frames is not None:
        for number in clip.frames.numbers:
            if first <= number <= last:
                yield number, read_picture(clip.frames.path(number))
        return
    from mien.sources.video import VideoSource

    if clip.video is None:
        return
    source = VideoSource(clip.video)
    try:
        for record in source:
            if record.stamp.index > last:
                return
            if record.stamp.index >= first and record.image is not None:
                yield record.stamp.index, record.image
    finally:
        source.close()


def _crop(sample: Sample, numbered: dict[int, UInt8], places: _Places | None) -> Float64 | None:
    """The crop of the clip's first frame, held for all: a crop that follows jitters."""
    number = min(numbered)
    if "frame_labels" in sample.attributes:
        points = frame_labels(sample)["landmarks_xy"]
        return face_crop.crop_from_landmarks(points[min(number, len(points) - 1)].reshape(98, 2))
    return places.crop(numbered[number]) if places is not None else None


def _upright(image: UInt8, crop: Float64 | None, side: int) -> UInt8:
    """Without a crop the whole picture is taken for a cut face."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if crop is None else face_crop.cut(image, crop)
    return np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)


class _Places:
    """Finds a face with Mien's own detector and landmarks; opened when first asked."""

    def __init__(self) -> None:
        self._pipeline: object | None = None

    def crop(self, image: UInt8) -> Float64 | None:
        """None = no face found: a published, already cut face fills its picture."""
        from mien.pipeline.compose import Pipeline, compose
        from mien.pipeline.config import load_config
        from mien.pipeline.stage import SourceInfo

        h, w = image.shape[:2]
        if self._pipeline is None:
            config = load_config("balanced", ())
            config["stages"] = ["detect", "landmarks"]
            self._pipeline = compose(config, SourceInfo("clips", "images", (w, h)))
        assert isinstance(self._pipeline, Pipeline)
        record = FrameRecord(Stamp("clips", 0, 0), (w, h), image)
        try:
            faces = self._pipeline.process(record).faces
        except MienError:
            return None
        points = next((f.landmarks for f in faces if f.landmarks is not None), None)
        return None if points is None else face_crop.crop_from_landmarks(points.xy)

    def close(self) -> None:
        """Release the networks."""
        close = getattr(self._pipeline, "close", None)
        if callable(close):
            close()
