"""Who reads what: every field of a record must have been written before a stage reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mien.errors import WiringError
from mien.pipeline.stage import FIELDS, SourceInfo, Stage

WHERE = frozenset({"faces", "faces.keypoints", "faces.landmarks"})
"""Fields that say which faces there are and where: what detection and landmarks of the next frame begin with."""
OPTIONAL = frozenset({"faces.expression"})
"""Fields that a stage looks at if they are there, without naming them in `reads`."""


def check_wiring(stages: Sequence[tuple[str, Stage]], provided: Iterable[str]) -> frozenset[str]:
    """Everything read must have been written before. Returns the fields known at the end.

    Raises:
        WiringError: names the stage, the field and who would write it.
    """
    known = set(provided)
    for i, (slot, stage) in enumerate(stages):
        odd = (stage.reads | stage.writes) - FIELDS
        if odd:
            raise WiringError(f'stage "{slot}" declares unknown fields: {", ".join(sorted(odd))}')
        for field in sorted(stage.reads - known):
            later = [s for s, other in stages[i + 1 :] if field in other.writes]
            hint = f'; "{later[0]}" writes it but comes later' if later else "; no stage of this pipeline writes it"
            raise WiringError(f'stage "{slot}" reads {field} before anything writes it{hint}')
        for before, other in stages[:i]:
            if twice := stage.writes & other.writes - stage.reads - {"faces"}:  # what is read may be refined
                raise WiringError(f'stage "{slot}" writes {", ".join(sorted(twice))}, which "{before}" has written')
        known |= stage.writes
    return frozenset(known)


def in_order(stages: Sequence[tuple[str, Stage]]) -> list[tuple[str, Stage]]:
    """The stages as they were named, but one that reads what a later one measures goes behind that one: which of two
    measures comes first depends on how they are taken. What is only refined later (read and written) may be read
    before. The same order whether or not the source has old values of its own. What nobody writes is left to
    `check_wiring`."""
    waiting, out = list(stages), []
    while waiting:
        ready = next((pair for pair in waiting if not _reads_later(pair, waiting)), waiting[0])
        waiting.remove(ready)
        out.append(ready)
    return out


def _reads_later(one: tuple[str, Stage], waiting: Sequence[tuple[str, Stage]]) -> bool:
    return any(one[1].reads & (other.writes - other.reads) for slot, other in waiting if slot != one[0])


def measured_anew(stages: Sequence[tuple[str, Stage]], provided: Iterable[str]) -> frozenset[str]:
    """Fields of OPTIONAL that the source provides although a stage measures them: old values that none may see."""
    written = frozenset().union(*(stage.writes for _, stage in stages))
    return OPTIONAL & frozenset(provided) & written


def fields_of_source(info: SourceInfo) -> frozenset[str]:
    """What a source's records carry: pixels, or (replay) everything but pixels."""
    return FIELDS - {"image"} if info.kind == "replay" else frozenset({"image"})
