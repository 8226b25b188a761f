"""Where an unfinished take stopped, so that a capture can go on behind its last record, and with the same settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mien.core.record import FrameRecord
from mien.core.text import counted
from mien.core.timebase import NS_PER_S, timecode
from mien.errors import ConfigError, RequestError
from mien.pipeline.stage import Span, TakeHeader
from mien.take.reader import PARTS_FOLDER, TAKE_FILE, Take, load_take, part_files
from mien.take.stored_config import PROFILE, PROFILE_SUM, stored_config

TAIL_NS = 20 * NS_PER_S
"""Records of this time are handed to the stages' `feedback`: longer than any stage remembers."""
TAIL_RECORDS = 4096
"""... but at most so many."""

_ABSENT = "nothing"


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """The end of what is there.

    A capture that goes on shows `tail` to `Pipeline.feedback` and hands `ids_used` to every stage that has a
    method `reserve_ids`: a face that was gone before the tail began must not lend its id to somebody else.

    Attributes:
        last_index: frame number of the last record; -1 if there is none.
        last_t_ns: its stamp, ns; None if there is none.
        frames: number of records.
        tail: the records of the last 20 s (at most 4096), oldest first, without images.
        ids_used: every track id of the whole take, in faces and in events.
        header: what the take says about itself (see `check_same`); None if there is none.
    """

    last_index: int
    last_t_ns: int | None
    frames: int
    tail: list[FrameRecord]
    ids_used: frozenset[int] = frozenset()
    header: TakeHeader | None = None

    @property
    def last_track_id(self) -> int | None:
        """The highest track id of the take; None if it has none."""
        return max(self.ids_used, default=None)


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
            f"the take in {folder} is complete ({counted(len(take), 'frame')}): nothing to resume; "
            "choose another folder or overwrite it"
        )
    return take


def is_finished(folder: Path) -> bool:
    """Whether the folder holds a take that is complete: nothing is left to capture.

    Raises:
        SourceError: what is there cannot be read.
    """
    return (folder / TAKE_FILE).exists() and load_take(folder).summary.state == "complete"


def span_to_resume(header: TakeHeader, asked: Span) -> Span:
    """The span of a take; whoever resumes it says the same or nothing, or there would be a hole in it.

    Raises:
        RequestError: another span is asked for.
    """
    before = replace(header.span, first_index=0)
    if asked not in (Span(), before):
        raise RequestError(
            f"the take cannot be resumed: it was begun {_in_words(before)}, and is to go on {_in_words(asked)}; "
            "leave --start and --end as they were (or out), or choose another folder"
        )
    return before


def _in_words(span: Span) -> str:
    end = "the end" if span.end_ns is None else timecode(span.end_ns)
    return "for the whole source" if span == Span() else f"from {timecode(span.start_ns)} to {end}"


def resume_point(folder: str | Path) -> ResumePoint:
    """Where to go on in `folder`; an empty or missing folder starts at the beginning.

    Raises:
        RequestError: the take is complete.
        SourceError: what is there cannot be read; names the file and what to do.
    """
    take = unfinished_take(Path(folder))
    if take is None:
        return ResumePoint(-1, None, 0, [])
    take.check()  # now rather than when the parts are merged
    tail = take.tail(TAIL_RECORDS, TAIL_NS)
    if not tail:
        return ResumePoint(-1, None, 0, [], header=take.header)
    last = tail[-1].stamp
    return ResumePoint(last.index, last.t_ns, len(take), tail, take.track_ids(), take.header)


def check_same(header_before: TakeHeader, header_now: TakeHeader) -> None:
    """Refuse to put records of another source, or made with other settings, behind those of a take.

    Compared are the source (name, kind, size, length, number of frames), whether pixels are kept, and the
    stages with their tables; of a profile also what is in it, if both know. Outputs may differ.

    Raises:
        ConfigError: they differ; names the first key that does.
    """
    before, now = _compared(header_before), _compared(header_now)
    for key in dict.fromkeys((*before, *now)):
        old, new = before.get(key, _ABSENT), now.get(key, _ABSENT)
        if key.endswith(f".{PROFILE_SUM}"):
            _check_profile(key, before, now)
        elif old != new:
            raise ConfigError(
                f"the take cannot be resumed: {key} was {old!r} and is {new!r} now; "
                "resume with the same source and settings, or choose another folder"
            )


def _check_profile(key: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """The same profile, if both sides know what is in theirs: takes of earlier versions know its name only.

    Raises:
        ConfigError: another one of the same name.
    """
    name_key = key.removesuffix(PROFILE_SUM) + PROFILE
    if before.get(name_key) != now.get(name_key):
        return  # the names differ, which is said of that key
    if key in before and key in now and before[key] != now[key]:
        raise ConfigError(
            f"the take cannot be resumed: {name_key} {now.get(name_key)!r} is another profile of the same name than "
            "the one it was begun with (of another person, or calibrated anew); resume with that one, or choose "
            "another folder"
        )


def _compared(header: TakeHeader) -> dict[str, Any]:
    """Dotted key → value, for everything that must stay the same within a take."""
    source = header.source
    size = list(source.size_wh) if source.size_wh else None
    out: dict[str, Any] = {
        "source.name": source.name,
        "source.kind": source.kind,
        "source.size_wh": size,
        "source.duration_ns": source.duration_ns,
        "source.frame_count": source.frame_count,
        "pixels": header.pixels,
    }
    config = stored_config(header.config)
    stages = config.get("stages", [])
    out["stages"] = stages
    for slot in stages:
        out |= _flat(slot, config.get(slot))
    return out


def _flat(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {key: value}
    out: dict[str, Any] = {}
    for name in value:
        out |= _flat(f"{key}.{name}", value[name])
    return out
