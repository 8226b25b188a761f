"""One pass over a copy: readers add samples here and say what is odd; they raise only when nothing can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32
from mien.lab.datasets.au_labels import AuLabels, parse_au_text
from mien.lab.datasets.catalogue import DatasetInfo
from mien.lab.datasets.findings import Findings
from mien.lab.datasets.folder import Folder
from mien.lab.datasets.labels import LabelSchema, load_labels
from mien.lab.datasets.sample import Clip, ExpressionLabel, FrameFiles, Sample
from mien.lab.datasets.splits import hashed_split, subject_fold
from mien.lab.datasets.tables import whole


@dataclass(frozen=True, slots=True)
class Block:
    """Samples of one split and one subject that are made when asked for (the frames of a video, the rows of a table).

    Attributes:
        length: how many.
        make: gives sample 0 … length - 1.
        split: of all of them.
        subject: of all of them, or None if unknown.
    """

    length: int
    make: Callable[[int], Sample]
    split: str
    subject: str | None = None


class Reading:
    """What a reader writes to.

    Args:
        info: the dataset.
        path: the copy: its folder, or one file of it.
    """

    def __init__(self, info: DatasetInfo, path: str | Path) -> None:
        self.info = info
        self.findings = Findings()
        self.folder = Folder(path, self.findings)
        self.blocks: list[Block] = []
        self.subset_reason: str | None = None
        self._frames: dict[str, FrameFiles | None] = {}

    @property
    def labels(self) -> LabelSchema:
        """The dataset's label schema."""
        if self.info.labels is None:
            raise KeyError(f"{self.info.name} has no label schema")
        return load_labels(self.info.labels)

    def problem(self, kind: str, example: str) -> None:
        """The copy is not as published."""
        self.findings.problem(kind, example)

    def note(self, kind: str, example: str) -> None:
        """Corrected, ignored, or worth knowing."""
        self.findings.note(kind, example)

    def subset(self, reason: str) -> None:
        """The copy is a part or a rearrangement, so that the published counts are no measure for it."""
        self.subset_reason = reason
        self.note("not the published layout", reason)

    def add(self, name: str, split: str, **fields: Any) -> None:
        """Add one sample; `fields` as in `Sample`."""
        sample = Sample(self.info.name, name, split, **fields)
        self.blocks.append(Block(1, lambda _: sample, split, sample.subject))

    def add_block(self, length: int, make: Callable[[int], Sample], split: str, subject: str | None = None) -> None:
        """Add samples that are made when asked for."""
        if length:
            self.blocks.append(Block(length, make, split, subject))

    def split_of(self, subject: str | None, name: str) -> str:
        """The frozen split of an item by the dataset's protocol, where the copy itself does not say."""
        if self.info.protocol == "loso":
            return "all"
        if self.info.protocol == "folds" and subject is not None:
            return subject_fold(self.info.name, subject, self.info.folds)
        return hashed_split(self.info.name, subject or name)

    def picture(self, relative: str, where: str) -> Path | None:
        """Path of a picture that a label names, if it is there; else a problem."""
        if relative in self.folder:
            return self.folder.path(relative)
        self.problem("missing image", f"{relative} ({where})")
        return None

    def expression_of_id(self, text: str, where: str) -> ExpressionLabel | None:
        """The class of a number in the dataset's files; a number that stands for nothing is a problem."""
        number = whole(text)
        name = None if number is None else self.labels.of_id(number)
        return self._expression(name, text, where)

    def expression_of_word(self, text: str, where: str) -> ExpressionLabel | None:
        """The class of a word in the dataset's files; an unknown word is a problem."""
        return self._expression(self.labels.of_word(text), text, where)

    def _expression(self, name: str | None, text: str, where: str) -> ExpressionLabel | None:
        if name is None:
            self.problem("label out of range", f"{text!r} ({where}); known: {', '.join(self.labels.spelled)}")
            return None
        return None if name in self.labels.unlabelled else ExpressionLabel(name, self.labels.name)

    def action_units(self, text: str, where: str) -> AuLabels | None:
        """Units of a coder's text; None for an empty one. What cannot be read is noted."""
        parsed = parse_au_text(text)
        for part in parsed.unread:
            self.note("action unit text not understood", f"{part!r} in {text!r} ({where})")
        return AuLabels.of_codes(parsed.codes) if parsed.codes else None

    def frame_files(self, folder: str) -> FrameFiles | None:
        """The pictures of a folder as frames, numbered by the last digits of their names; None if there are none.
        Clips of one long video share the answer."""
        if folder not in self._frames:
            self._frames[folder] = self._frame_files(folder)
        return self._frames[folder]

    def _frame_files(self, folder: str) -> FrameFiles | None:
        numbered = []
        for name in self.folder.pictures(folder):
            digits = last_number(name)
            if digits is None:
                self.note("picture without a frame number", f"{folder}/{name}")
            else:
                numbered.append((digits, name))
        numbered.sort()
        if not numbered:
            return None
        numbers, names = zip(*numbered, strict=True)
        if len(set(numbers)) != len(numbers):
            self.problem("frame number given twice", folder)
        return FrameFiles(self.folder.path(folder), names, numbers)

    def clip_frame(self, clip: Clip, where: str) -> Path | None:
        """The picture that stands for a clip: apex, else the middle of onset and offset, else of what is there."""
        frames = clip.frames
        if frames is None:
            return clip.video
        middle = (clip.onset + clip.offset) // 2 if clip.onset is not None and clip.offset is not None else None
        wanted = clip.apex if clip.apex is not None else middle
        for number in (wanted, middle):
            if number is not None and number in frames.numbers:
                return frames.path(number)
        if wanted is not None:
            self.problem("missing frame", f"frame {wanted} of {where}")
        return frames.folder / frames.names[len(frames) // 2]

    def check_order(self, clip: Clip, where: str) -> None:
        """Onset <= apex <= offset, as far as they are known; else a problem."""
        known = [n for n in (clip.onset, clip.apex, clip.offset) if n is not None]
        if known != sorted(known) or any(n < 0 for n in known):
            text = f"onset {clip.onset}, apex {clip.apex}, offset {clip.offset} ({where})"
            self.problem("onset, apex and offset out of order", text)


def last_number(name: str) -> int | None:
    """The last run of digits in a file name, its suffix left out: "img46.jpg" → 46."""
    stem = name.rpartition(".")[0] or name
    digits = ""
    for character in reversed(stem):
        if character.isascii() and character.isdigit():
            digits = character + digits
        elif digits:
            break
    return int(digits) if digits and len(digits) <= 15 else None


def xywh_to_xyxy(xywh: npt.ArrayLike) -> Float32:
    """(N, 4) left, top, width, height → left, top, right, bottom, px."""
    boxes = np.asarray(xywh, dtype=np.float32).reshape(-1, 4).copy()
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def unlabelled_pictures(reading: Reading, folder: str, labelled: Mapping[str, Any] | set[str]) -> None:
    """Note pictures directly in a folder that no label names."""
    for name in reading.folder.pictures(folder):
        if f"{folder}/{name}".lstrip("/") not in labelled:
            reading.note("picture without a label", f"{folder}/{name}")
