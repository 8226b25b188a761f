"""`Spotter`: faces over time in; micro- and macro-expressions out, with when, where, what and how sure.

The same judgement serves a recorded clip (`finish` looks at everything at once) and a running camera (`decide` tells at
most 0.6 s after an expression has ended, or not at all). One threshold: the probability from which a movement counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mien.core.arrays import UInt8
from mien.core.record import Event
from mien.core.schema import load_schema
from mien.core.timebase import frame_rate_hz
from mien.micro.decision import EMOTIONS, MODEL, Decision
from mien.micro.findings import SHARED, Finding, find
from mien.micro.grid import STEP_NS, Grid, to_grid
from mien.micro.history import History, pieces
from mien.micro.movement import FaceMovement, Moved
from mien.micro.regions import load_regions
from mien.micro.signals import STRIDE, has_noise, signals_of
from mien.micro.threshold import THRESHOLD, checked

DECIDED_AFTER_NS = 400_000_000
"""A running spotter speaks of what ended so long ago; with `LATE_NS` and `LOOK_NS` at most 0.6 s."""
LATE_NS = 60_000_000
"""What could have been told so long before the last look is told no more: a running source needs it at once."""
LOOK_NS = 135_000_000
"""From look to look at most, as long as frames are no further apart."""
_WINDOW_NS = 10_000_000_000
_CHUNK_NS, _OVERLAP_NS = 60_000_000_000, 12_000_000_000
_LOOK_BACK_NS = 6_000_000_000
"""A running spotter judges so much; what is older lends its noise and level only."""
_UNIT_LEAST, _STANDS_OUT = 0.25, 3.0
DEGRADED_HZ, REFUSED_HZ = 50.0, 25.0


@dataclass(frozen=True, slots=True, eq=False)
class Spotted:
    """An expression that was found.

    Attributes:
        event: kind, track, times, confidence, units and emotion, as records carry them.
        units: entry of schema "facs" → probability that it took part, the likely ones, strongest first.
        emotions: name → probability, given that it is a micro-expression; empty for others.
        regions: region → how far it moved from the level around to the apex, % of the distance between the outer eye
            corners; those that stand out of their noise, largest first.
        strength: of the common movement, in its own noise.
    """

    event: Event
    units: Mapping[str, float]
    emotions: Mapping[str, float]
    regions: Mapping[str, float]
    strength: float


def rate_warning(rate_hz: float) -> str | None:
    """What to say about a frame rate; None if it carries micro-expressions."""
    if not np.isfinite(rate_hz) or rate_hz >= DEGRADED_HZ:
        return None
    shown = f"{rate_hz:.1f} frames per second"
    if rate_hz >= REFUSED_HZ:
        return f"{shown}: a micro-expression can rise within two frames; below {DEGRADED_HZ:.0f} many are missed"
    return f"{shown}: too slow for micro-expressions (at least {REFUSED_HZ:.0f}, better 100 and more)"


@dataclass(slots=True)
class _Track:
    movement: FaceMovement = field(default_factory=FaceMovement)
    moves: History = field(default_factory=History)
    told: list[tuple[int, int]] = field(default_factory=list)
    looked_ns: int | None = None
    asked_ns: int | None = None


class Spotter:
    """Spots expressions of every face of one source.

    Args:
        threshold: probability from which a movement counts, `FLOOR` to 1; higher = fewer false alarms, fewer found.
        model: name of a shipped model, or a folder.
        backend: inference backend; None = the best installed.
        keep: keep everything for `finish`; False = a bounded window, for running sources.

    Raises:
        ModelError: the model cannot be used.
        RequestError: a threshold below `FLOOR` or above 1.
    """

    def __init__(
        self, threshold: float = THRESHOLD, *, model: str = MODEL, backend: str | None = None, keep: bool = True
    ) -> None:
        self.threshold = checked(threshold)
        self._keep = keep
        self._decision = Decision(model, backend)
        self._tracks: dict[int, _Track] = {}

    @property
    def model_id(self) -> str:
        """Name and version of the model."""
        return self._decision.model_id

    def watch(self, track_id: int, image: UInt8 | None, landmarks_xy: npt.ArrayLike, t_ns: int) -> None:
        """Take one face of one frame: pixels (or None) and its (98, 2) landmarks."""
        track = self._tracks.setdefault(track_id, _Track())
        moved = track.movement.step(image, landmarks_xy, t_ns)
        if moved is not None:
            self.follow(track_id, moved)

    def follow(self, track_id: int, moved: Moved) -> None:
        """`watch` with movement that is known already."""
        moves = self._tracks.setdefault(track_id, _Track()).moves
        moves.append(moved)
        if not self._keep:
            moves.forget_before(moved.t_ns - _WINDOW_NS)

    def decide(self, now_ns: int) -> list[Spotted]:
        """What can be said now of what ended 0.4 to 0.6 s ago; every expression is told at most once.

        Never told: what is found only now, or whose end is estimated anew, if that end could have been told more than
        `LATE_NS` before the last look. The 0.6 s hold for frames up to `LOOK_NS` apart.
        """
        out: list[Spotted] = []
        if not self._keep:  # faces that are gone are looked at no more
            near = now_ns - _WINDOW_NS
            self._tracks = {k: t for k, t in self._tracks.items() if not len(t.moves) or t.moves.t_ns[-1] >= near}
        for track_id, track in self._tracks.items():
            if _soon_enough(track, now_ns):
                continue
            before_ns = now_ns - _WINDOW_NS if track.looked_ns is None else track.looked_ns
            since = before_ns - DECIDED_AFTER_NS - LATE_NS
            track.looked_ns = now_ns
            for found in self._judged(track_id, _recent(track.moves)):
                event = found.event
                if since < event.offset_ns <= now_ns - DECIDED_AFTER_NS and not _told(track, event):
                    track.told.append((event.onset_ns, event.offset_ns))
                    out.append(found)
            track.told = [t for t in track.told if now_ns - t[1] < 2 * _WINDOW_NS]
        return sorted(out, key=lambda s: s.event.onset_ns)

    def finish(self) -> list[Spotted]:
        """Everything in what was kept, by onset."""
        out: list[Spotted] = []
        for track_id, track in self._tracks.items():
            found: list[Spotted] = []
            for part in pieces(track.moves, _CHUNK_NS, _OVERLAP_NS):
                found += self._judged(track_id, part)
            out += _without_doubles(found)
        return sorted(out, key=lambda s: (s.event.onset_ns, s.event.track_id))

    def rate_hz(self) -> float:
        """Frame rate of the faces seen; NaN for none."""
        rates = [frame_rate_hz(t.moves.t_ns) for t in self._tracks.values() if len(t.moves) > 2]
        return float(np.median(rates)) if rates else float("nan")

    def grids(self) -> dict[int, Grid]:
        """Track → its movement on the grid, of what was kept."""
        grids = {k: to_grid(t.moves, frame_rate_hz(t.moves.t_ns)) for k, t in self._tracks.items()}
        return {k: g for k, g in grids.items() if g is not None}

    def forget(self, track_id: int | None = None) -> None:
        """Forget one face, or everything."""
        if track_id is None:
            self._tracks.clear()
        else:
            self._tracks.pop(track_id, None)

    def close(self) -> None:
        """Release the model."""
        self._decision.close()

    def _judged(self, track_id: int, moves: History) -> list[Spotted]:
        grid = to_grid(moves, frame_rate_hz(moves.t_ns) if len(moves) > 2 else float("nan"))
        back = None if self._keep else _LOOK_BACK_NS
        return [] if grid is None else judge(grid, self._decision, track_id, self.threshold, back)


def judge(
    grid: Grid, decision: Decision, track_id: int, threshold: float, look_back_ns: int | None = None
) -> list[Spotted]:
    """Every expression on a grid, or in its last part; none if the face was hardly followed (`has_noise`)."""
    if not has_noise(grid):
        return []
    rows = -(-len(grid) // STRIDE)
    first = 0 if look_back_ns is None else max(0, rows - look_back_ns // (STRIDE * STEP_NS))
    signals = signals_of(grid, first)
    found = find(signals, decision.of(signals.rows), threshold, first)
    return [_spotted(grid, finding, track_id) for finding in found]


def _spotted(grid: Grid, f: Finding, track_id: int) -> Spotted:
    start, names, units = int(grid.t_ns[0]), load_schema("facs").names, f.units.tolist()
    onset, apex, offset = (start + round(1e9 * s) for s in (f.told.onset_s, f.told.apex_s, f.told.offset_s))
    likely = sorted((k for k, p in enumerate(units) if p >= _UNIT_LEAST), key=lambda k: -units[k])
    likely = likely or [int(np.argmax(units))]
    by_unit = {names[k]: round(units[k], 3) for k in likely}
    said = zip(EMOTIONS, f.emotions.tolist(), strict=True)
    by_emotion = {name: round(p, 3) for name, p in said if f.told.kind == "micro"}
    size = np.linalg.norm(f.moved, axis=1) * 100
    order = np.argsort(-size)
    regions = {load_regions().names[r]: round(float(size[r]), 2) for r in order.tolist() if f.z[r] > _STANDS_OUT}
    event = Event(
        *(f.told.kind, track_id, onset, max(onset, apex), max(apex, offset), f.told.confidence),
        action_units=tuple(by_unit),
        emotion=max(by_emotion, key=by_emotion.__getitem__, default=None),
    )
    return Spotted(event, by_unit, by_emotion, dict(list(regions.items())[:8]), f.height)


def _without_doubles(found: Iterable[Spotted]) -> list[Spotted]:
    """Pieces of a long clip overlap: of two findings that are the same the surer one."""
    kept: list[Spotted] = []
    for one in sorted(found, key=lambda s: -s.event.confidence):
        if not any(_shared(one.event, other.event) > SHARED for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda s: s.event.onset_ns)


def _shared(a: Event, b: Event) -> float:
    common = min(a.offset_ns, b.offset_ns) - max(a.onset_ns, b.onset_ns)
    return common / max(1, min(a.offset_ns - a.onset_ns, b.offset_ns - b.onset_ns))


def _soon_enough(track: _Track, now_ns: int) -> bool:
    """True if the next frame, as far away as the last one, will do for a look."""
    before_ns, track.asked_ns = track.asked_ns, now_ns
    if track.looked_ns is None or before_ns is None:
        return False
    return now_ns + (now_ns - before_ns) - track.looked_ns <= LOOK_NS


def _told(track: _Track, event: Event) -> bool:
    return any(event.onset_ns < offset and onset < event.offset_ns for onset, offset in track.told)


def _recent(moves: History) -> History:
    return moves.since(int(moves.t_ns[-1]) - _WINDOW_NS) if len(moves) else moves


__all__ = ["THRESHOLD", "Spotted", "Spotter", "judge", "rate_warning"]
