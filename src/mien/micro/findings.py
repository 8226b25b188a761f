"""From what the network says of every moment to expressions, each told once, with its times and what moved.

Neighbouring moments speak of the same expression. The surest one leads; those that see nearly the same span vote on its
times and on its kind, weighted by the square of how sure they are. The threshold is asked of the leading moment only:
who votes does not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float32
from mien.micro.decision import Verdict
from mien.micro.regions import load_regions
from mien.micro.sides import sided
from mien.micro.signals import STEP_S, STRIDE, Signals
from mien.micro.threshold import FLOOR, checked

SHARED = 0.3
"""Two findings that share more than this of the shorter one are the same; the surer one stays."""
FAINT = 0.05
"""What moves a region further, in distances between the outer eye corners, is no micro-expression however brief it is:
of 288 made ones of people that are not held out 99 % stayed below 0.047."""
_VOTES = 0.5
"""Overlap (intersection over union) from which a moment votes with the surest one."""
_VOTES_SURE = 0.3
_STRONGEST = 4
BLINK, BLINK_SHARE = 0.01, 1.25
"""Upper lids that come down by more than the one (in distances between the outer eye corners) and by more than the
other times the largest movement off the eyes are a blink. Of 111 micro-expressions found of people not trained on none
was."""
_NOT_LIDS = np.array([not n.startswith("lid") for n in load_regions().names])
_OFF_EYES = np.array([not n.startswith(("lid", "eye", "pouch")) for n in load_regions().names])
_UPPER_LIDS = [load_regions().index(f"lid_upper_{side}") for side in "RL"]


@dataclass(frozen=True, slots=True)
class Told:
    """When an expression is.

    Attributes:
        kind: "micro" or "macro".
        onset_s, apex_s, offset_s: seconds since the first row of the signals, ascending.
        confidence: probability of an expression at the surest moment.
        row: of the verdict at that moment.
    """

    kind: str
    onset_s: float
    apex_s: float
    offset_s: float
    confidence: float
    row: int


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """An expression and what moved.

    Attributes:
        told: kind, times, confidence.
        units, emotions: probabilities at the surest moment, as in `Verdict`; units by `sided`.
        moved: (R, 2) displacement from the level of onset and offset to the apex, in eye distances.
        z: (R,) its length in noises of the region.
        height: root mean square of the four largest `z` that are no lids.
    """

    told: Told
    units: Float32
    emotions: Float32
    moved: Float32
    z: Float32
    height: float


def tell(verdict: Verdict, threshold: float, first: int = 0) -> list[Told]:
    """Expressions by onset.

    Args:
        verdict: of the signals' rows from `first` on.
        threshold: probability from which the surest moment of an expression counts.
        first: row of the signals that the verdict begins with.

    Raises:
        RequestError: a threshold below `FLOOR` or above 1.
    """
    checked(threshold)
    sure = verdict.kinds[:, 1:].sum(axis=1).astype(np.float64)
    rows = np.flatnonzero(sure >= FLOOR)
    at_s = (first + rows) * (STRIDE * STEP_S)
    spans = verdict.spans[rows].astype(np.float64)
    begins, ends, sure = at_s - spans[:, 0], at_s + spans[:, 1], sure[rows]
    left, out = np.ones(len(rows), dtype=np.bool_), list[Told]()
    for k in np.argsort(-sure, kind="stable").tolist():
        if sure[k] < threshold:
            break
        if not left[k]:
            continue
        shared = np.minimum(ends, ends[k]) - np.maximum(begins, begins[k])
        whole = np.maximum(ends, ends[k]) - np.minimum(begins, begins[k])
        votes = (shared >= _VOTES * whole) & (sure >= _VOTES_SURE * sure[k])
        left &= shared <= SHARED * np.minimum(ends - begins, ends[k] - begins[k])
        left[k] = False
        weight = sure[votes] ** 2 + 1e-12
        said = np.column_stack([begins, ends, spans[:, 2], verdict.kinds[rows, 1:]])[votes]
        onset, offset, rise, micro, macro = (weight / weight.sum() @ said).tolist()
        kind = "micro" if micro >= macro else "macro"
        out.append(Told(kind, onset, onset + rise * (offset - onset), offset, min(sure[k], 1.0), int(rows[k])))
    return _without_doubles(out)


def find(signals: Signals, verdict: Verdict, threshold: float, first: int = 0) -> list[Finding]:
    """`tell`, with what moved; what is brief but not faint counts as macro, and what is told as micro but is a blink is
    left out. `signals`: of the whole grid."""
    last = (len(signals.smooth) - 1) * STEP_S
    out = []
    for t in tell(verdict, threshold, first):
        onset, apex, offset = (min(max(s, 0.0), last) for s in (t.onset_s, t.apex_s, t.offset_s))
        start, top, end = (signals.smooth[round(s / STEP_S)] for s in (onset, apex, offset))
        moved = top - (start + end) / 2
        size = np.linalg.norm(moved, axis=1)
        z = size / signals.noise
        if t.kind == "micro" and is_blink(moved):
            continue
        told = Told(t.kind if size.max() <= FAINT else "macro", onset, apex, offset, t.confidence, t.row)
        height = float(np.sqrt(np.mean(np.sort(z[_NOT_LIDS])[-_STRONGEST:] ** 2)))
        out.append(Finding(told, sided(verdict.units[t.row], moved), verdict.emotions[t.row], moved, z, height))
    return out


def is_blink(moved: Float32) -> bool:
    """Whether (R, 2) movement to the apex, y down, is little but both upper lids that come down."""
    down = float(moved[_UPPER_LIDS, 1].mean())
    return down > max(BLINK, BLINK_SHARE * float(np.linalg.norm(moved[_OFF_EYES], axis=1).max()))


def _without_doubles(found: list[Told]) -> list[Told]:
    """Of what is the same the surest, by onset: votes may have moved two into one another."""
    kept: list[Told] = []
    for one in sorted(found, key=lambda t: -t.confidence):
        if not any(_same(one, other) for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda t: t.onset_s)


def _same(a: Told, b: Told) -> bool:
    common = min(a.offset_s, b.offset_s) - max(a.onset_s, b.onset_s)
    return common > SHARED * max(1e-9, min(a.offset_s - a.onset_s, b.offset_s - b.onset_s))
