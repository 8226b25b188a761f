"""Where an unfinished take stopped, so that a capture can go on behind its last record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mien.core.record import FrameRecord
from mien.errors import RequestError
from mien.take.reader import PARTS_FOLDER, TAKE_FILE, Take, load_take, part_files

TAIL = 30
"""Records handed to the stages' `feedback`, so that tracking goes on with the same ids."""


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """The end of what is there.

    Attributes:
        last_index: frame number of the last record; -1 if there is none.
        last_t_ns: its stamp, ns; None if there is none.
        frames: number of records.
        tail: the last records, oldest first, without images.
    """

    last_index: int
    last_t_ns: int | None
    frames: int
    tail: list[FrameRecord]


def unfinished_take(folder: Path) -> Take | None:
    """The take in `folder` if it can be continued; None if there is nothing yet.

    Raises:
        RequestError: the take is complete.
        SourceError: what is there cannot be read.
    """
    if not (folder / TAKE_FILE).exists() and not part_files(folder / PARTS_FOLDER):
        return None
    take = load_take(folder)
    if take.summary.state == "complete":
        raise RequestError(
            f"the take in {folder} is complete ({len(take)} frames): nothing to resume; "
            "choose another folder or overwrite it"
        )
    return take


def resume_point(folder: str | Path) -> ResumePoint:
    """Where to go on in `folder`; an empty or missing folder starts at the beginning.

    Raises:
        RequestError: the take is complete.
        SourceError: what is there cannot be read.
    """
    take = unfinished_take(Path(folder))
    tail = take.tail(TAIL) if take else []
    if take is None or not tail:
        return ResumePoint(-1, None, 0, [])
    return ResumePoint(tail[-1].stamp.index, tail[-1].stamp.t_ns, len(take), tail)
