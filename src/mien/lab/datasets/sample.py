"""`Sample`: one labelled picture or clip of any dataset. Nothing is decoded until `image()` is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from mien.core.arrays import Float32, UInt8, as_float32
from mien.errors import SourceError
from mien.lab.datasets.au_labels import AuLabels
from mien.lab.datasets.face_truth import FaceTruth

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Pixels(Protocol):
    """Gives a picture that is no file of its own (a row of a table, an entry of an array). Can be pickled."""

    def __call__(self) -> UInt8:
        """(H, W, 3) uint8 RGB."""


@dataclass(frozen=True, slots=True)
class ExpressionLabel:
    """An expression class.

    Attributes:
        name: common name ("happiness"), a class of `schema`.
        schema: name of the label schema it comes from; see `labels.load_labels`.
        votes: how many raters chose each class, by common name, where the dataset says so.
    """

    name: str
    schema: str
    votes: Mapping[str, float] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class FrameFiles:
    """The frames of a clip as picture files, in order of their numbers.

    Attributes:
        folder: where they are.
        names: file names, one per entry of `numbers`.
        numbers: frame numbers as the dataset counts them.
    """

    folder: Path
    names: tuple[str, ...]
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.names)

    def path(self, number: int) -> Path:
        """File of a frame number.

        Raises:
            SourceError: there is no such frame.
        """
        try:
            return self.folder / self.names[self.numbers.index(number)]
        except ValueError:
            raise SourceError(f"{self.folder}: has no frame {number}; is the copy complete?") from None


@dataclass(frozen=True, slots=True)
class Clip:
    """Where in time a sample lies. Frame numbers are the dataset's own; None = it does not say.

    Attributes:
        onset, apex, offset: frame numbers, first, strongest and last (inclusive).
        fps: nominal frame rate of the recording, Hz.
        kind: "micro", "macro", or "" where the dataset does not tell them apart.
        frames: the frames as files, if they are files.
        video: the video file, if it is one.
    """

    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    fps: float = float("nan")
    kind: str = ""
    frames: FrameFiles | None = None
    video: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One labelled item. A label that the dataset does not give is None.

    Attributes:
        dataset: name in the catalogue.
        name: unique within the dataset, e.g. the relative path.
        split: "train", "val", "test", "fold1"…, or "all" where the protocol leaves one subject out at a time.
        subject: whose face; None = the dataset does not say.
        path: picture file; of a clip: the frame that stands for it (apex, else middle, else the video itself).
        pixels: gives the picture where it is no file.
        boxes_xyxy: (N, 4) float32, px: left, top, right, bottom.
        landmarks_xy: (P, 2) float32, px, origin top-left.
        landmark_schema: names of the P points ("wflw98", "ibug68").
        expression: class.
        action_units: labelled units.
        valence_arousal: each −1…1.
        clip: place in time.
        truth: what else is known about the first face, of synthetic and of pseudo-labelled pictures.
        attributes: everything else, by name; arrays of length N belong to the boxes.
    """

    dataset: str
    name: str
    split: str
    subject: str | None = None
    path: Path | None = None
    pixels: Pixels | None = None
    boxes_xyxy: Float32 | None = None
    landmarks_xy: Float32 | None = None
    landmark_schema: str | None = None
    expression: ExpressionLabel | None = None
    action_units: AuLabels | None = None
    valence_arousal: tuple[float, float] | None = None
    clip: Clip | None = None
    truth: FaceTruth | None = None
    attributes: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        if self.boxes_xyxy is not None:
            object.__setattr__(self, "boxes_xyxy", as_float32(self.boxes_xyxy, (None, 4), "Sample.boxes_xyxy"))
        if self.landmarks_xy is not None:
            object.__setattr__(self, "landmarks_xy", as_float32(self.landmarks_xy, (None, 2), "Sample.landmarks_xy"))

    def __repr__(self) -> str:
        label = f", {self.expression.name}" if self.expression else ""
        return f"Sample({self.dataset}: {self.name}, {self.split}{label})"

    def image(self) -> UInt8:
        """Decode the picture: (H, W, 3) uint8 RGB; of a video its first frame.

        Raises:
            SourceError: there is none, or it cannot be read; the message names the sample.
        """
        from mien.lab.datasets.pictures import read_picture

        try:
            if self.pixels is not None:
                return self.pixels()
            if self.path is None:
                raise SourceError("the copy holds no picture for it")
            return read_picture(self.path)
        except (SourceError, OSError) as error:
            raise SourceError(f"{self.dataset}: {self.name}: {error}") from error
