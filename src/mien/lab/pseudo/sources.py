"""Where real pixels come from, and what may be done with each source.

listing = list_source("sfhq", "photos/sfhq")
for picture in listing.pictures: picture.image(), picture.boxes_xyxy, ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from mien.core.arrays import Float32, UInt8
from mien.errors import RequestError
from mien.pipeline.registry import load, suggestion

Purpose = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class Permission:
    """What a source allows.

    Attributes:
        purposes: "train" = may be trained on (and everything else); "test" = tests and demonstration only.
        licence: one sentence.
        credit: whom to name.
    """

    purposes: tuple[Purpose, ...]
    licence: str
    credit: str

    def allow(self, purpose: Purpose, source: str) -> None:
        """Check a purpose.

        Raises:
            RequestError: the source does not allow it.
        """
        if purpose not in self.purposes:
            allowed = ", ".join(self.purposes)
            raise RequestError(f"{source} may not be used for {purpose}: its owners allow {allowed} only")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture of a source.

    Attributes:
        name: unique within the source, usable as a file name.
        subject: faces of one subject never lie in two splits.
        image: gives (H, W, 3) uint8 RGB; nothing of a caption or of a neighbour is in it.
        boxes_xyxy: where faces are, each (4,) px; None = ask the detector.
        split: where the source has one of its own; "" = by the subject's name.
        expression: class by the source's own label ("happiness"), "" = none.
        need_detection: False where the picture itself is a cut-out face.
        attributes: what else is known; text, numbers and flags.
    """

    name: str
    subject: str
    image: Callable[[], UInt8]
    boxes_xyxy: tuple[Float32, ...] | None = None
    split: str = ""
    expression: str = ""
    need_detection: bool = True
    attributes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """The pictures of a source.

    Attributes:
        source: name in `SOURCES`.
        pictures: in a fixed order.
        left_out: reason → how many were left out before the teacher saw them.
    """

    source: str
    pictures: tuple[Picture, ...]
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of source.

    Attributes:
        about: one line.
        reader: dotted name of a function (folder) → Listing.
        permission: what it allows.
    """

    about: str
    reader: str
    permission: Permission


SOURCES: dict[str, Source] = {
    "sfhq": Source(
        "collages of generated, photo-like faces with boxes.json",
        "mien.lab.pseudo.collages:list_collages",
        Permission(
            ("train", "test"), "MIT; its README names no privacy or licence issues.", "SelfishGene/SFHQ-dataset"
        ),
    ),
    "fer2013": Source(
        "fer2013.npz: 48×48 grey faces with expression classes",
        "mien.lab.pseudo.fer2013:list_fer2013",
        Permission(
            ("train", "test"),
            "Pictures from the web, collected for research; rights stay with their owners, never passed on.",
            "FER2013, ICML 2013 challenge",
        ),
    ),
    "clips": Source(
        "videos and GIFs of people who allowed tests and demonstration, not training",
        "mien.lab.pseudo.clips:list_clips",
        Permission(("test",), "Tests and demonstration only; credit per file.", "see the README beside the clips"),
    ),
}


def source_info(name: str) -> Source:
    """A source by name.

    Raises:
        RequestError: there is none of this name.
    """
    if name not in SOURCES:
        raise RequestError(f'there is no source "{name}"{suggestion(name, SOURCES)}')
    return SOURCES[name]


def list_source(name: str, folder: str | Path, purpose: Purpose = "test") -> Listing:
    """The pictures of a source.

    Args:
        name: in `SOURCES`.
        folder: where the user put it.
        purpose: what the labels are for.

    Raises:
        RequestError: unknown source, or one that does not allow the purpose.
        SourceError: the folder does not hold it.
    """
    info = source_info(name)
    info.permission.allow(purpose, name)
    listing = load(info.reader)(Path(folder))
    if not isinstance(listing, Listing):
        raise TypeError(f"{info.reader}: gives {type(listing).__name__}, expected a Listing")
    return listing
