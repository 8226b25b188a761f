"""Expressions as they are decided in a live run: the newest of them, and how many there were."""

from __future__ import annotations

from collections import Counter, deque

from mien.core.record import Event, FrameRecord
from mien.pipeline.config import load_config
from mien.studio.clock import server_ms
from mien.studio.messages import LONGEST_WORD, MOST_MARKS, MOST_UNITS, Mark, MarkKind, Marks

KINDS: dict[str, MarkKind] = {"micro": "micro", "macro": "macro"}
"""Events that are expressions. A take that is played may hold others, such as blinks."""
_SPOTTERS = "micro/"


def marks_expressions(preset: str) -> bool:
    """Whether a preset has a stage that marks micro- and macro-expressions.

    Raises:
        ConfigError: there is no such preset.
    """
    config = load_config(preset)
    return any(str(config[slot].get("use", "")).startswith(_SPOTTERS) for slot in config["stages"])


class MarkList:
    """The expressions of one run; not for several threads.

    Args:
        watched: whether something in the pipeline looks for them.

    Attributes:
        watched: as given.
    """

    def __init__(self, *, watched: bool) -> None:
        self.watched = watched
        self._began_ms: float | None = None
        self._counts: Counter[MarkKind] = Counter()
        self._newest: deque[Mark] = deque(maxlen=MOST_MARKS)

    @property
    def said(self) -> Marks:
        """All that pages are told, the newest expression first."""
        return Marks(
            watched=self.watched, began_ms=self._began_ms, counts=dict(self._counts), newest=list(self._newest)[::-1]
        )

    def see(self, record: FrameRecord) -> bool:
        """A finished record; whether there is something new to tell."""
        first = self._began_ms is None
        if self._began_ms is None:
            self._began_ms = server_ms(record.stamp.t_ns)
        expressions = [(KINDS[e.kind], e) for e in record.events if e.kind in KINDS]
        for kind, event in expressions:
            self._counts[kind] += 1
            self._newest.append(_mark(kind, event, sum(self._counts.values()), record.stamp.t_ns))
        return first or bool(expressions)


def _mark(kind: MarkKind, event: Event, number: int, decided_ns: int) -> Mark:
    return Mark(
        number=number,
        kind=kind,
        track_id=event.track_id,
        onset_ms=server_ms(event.onset_ns),
        apex_ms=server_ms(event.apex_ns),
        offset_ms=server_ms(event.offset_ns),
        decided_ms=server_ms(decided_ns),
        confidence=event.confidence,
        action_units=[unit[:LONGEST_WORD] for unit in event.action_units[:MOST_UNITS]],
        emotion=None if event.emotion is None else event.emotion[:LONGEST_WORD],
    )
