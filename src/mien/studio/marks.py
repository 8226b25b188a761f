"""Expressions as they are decided in a live run: the newest of them, and how many there were."""

from __future__ import annotations

from collections import Counter, deque

from mien.core.record import Event, FrameRecord
from mien.pipeline.config import load_config
from mien.studio.clock import server_ms
from mien.studio.messages import Mark, Marks

MOST_MARKS = 24
"""So many of the newest are told; the counts are of all."""
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
        self._counts: Counter[str] = Counter()
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
        for event in record.events:
            self._counts[event.kind] += 1
            self._newest.append(_mark(event, sum(self._counts.values()), record.stamp.t_ns))
        return first or bool(record.events)


def _mark(event: Event, number: int, decided_ns: int) -> Mark:
    return Mark(
        number=number,
        kind=event.kind,
        track_id=event.track_id,
        onset_ms=server_ms(event.onset_ns),
        apex_ms=server_ms(event.apex_ns),
        offset_ms=server_ms(event.offset_ns),
        decided_ms=server_ms(decided_ns),
        confidence=event.confidence,
        action_units=list(event.action_units),
        emotion=event.emotion,
    )
