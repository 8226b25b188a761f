"""Spotting: intervals in long videos, as in the Micro-Expression Grand Challenges, and spot-then-recognise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mien.errors import RequestError
from mien.lab.metrics.classes import confusion_matrix, precision_recall_f1
from mien.lab.metrics.score import Score, ratio

IOU = 0.5


@dataclass(frozen=True, slots=True)
class Interval:
    """Frames onset … offset of a video, both inclusive.

    Attributes:
        onset, offset: frame numbers; onset <= offset.
        kind: "micro", "macro", or "".
        label: expression, for spot-then-recognise; "" = none.
        score: how sure; the surer is matched first.
    """

    onset: int
    offset: int
    kind: str = ""
    label: str = ""
    score: float = 0.0

    def __post_init__(self) -> None:
        if self.offset < self.onset:
            raise RequestError(f"interval {self.onset}–{self.offset} ends before it begins")


@dataclass(frozen=True, slots=True)
class Match:
    """One true interval and the one that found it; either may be None (missed, false)."""

    truth: Interval | None
    found: Interval | None


Videos = Mapping[str, Sequence[Interval]]


def interval_overlap(a: Interval, b: Interval) -> float:
    """|A ∩ B| / |A ∪ B| in frames, ends included: 1–10 and 1–5 overlap by 0.5."""
    shared = max(0, min(a.offset, b.offset) - max(a.onset, b.onset) + 1)
    return shared / ((a.offset - a.onset + 1) + (b.offset - b.onset + 1) - shared)


def match_intervals(truth: Sequence[Interval], found: Sequence[Interval], iou: float = IOU) -> list[Match]:
    """One-to-one, greedy: the pair that overlaps most first, of equal ones the higher score, then the earlier.

    Kinds are not looked at: filter before. Not the largest possible number of pairs, which is what
    the challenges' own code does not seek either.
    """
    pairs = [
        (-overlap, -f.score, f.onset, t.onset, i, j)
        for i, t in enumerate(truth)
        for j, f in enumerate(found)
        if (overlap := interval_overlap(t, f)) >= iou
    ]
    by_truth: dict[int, int] = {}
    used: set[int] = set()
    for *_, i, j in sorted(pairs):
        if i not in by_truth and j not in used:
            by_truth[i] = j
            used.add(j)
    matches = [Match(t, found[by_truth[i]] if i in by_truth else None) for i, t in enumerate(truth)]
    return matches + [Match(None, f) for j, f in enumerate(found) if j not in used]


def match_videos(truth: Videos, found: Videos, iou: float = IOU) -> list[Match]:
    """`match_intervals` video by video. A video without true intervals must be a key of `truth` too.

    Raises:
        RequestError: intervals were found in a video that is not one of `truth`.
    """
    strange = sorted(set(found) - set(truth))
    if strange:
        raise RequestError(f"found intervals in videos the truth does not name: {', '.join(strange[:3])}")
    return [m for video, own in truth.items() for m in match_intervals(own, found.get(video, ()), iou)]


def _of_kind(videos: Videos, kind: str) -> Videos:
    return {video: [i for i in own if i.kind == kind] for video, own in videos.items()}


def _f1(name: str, matches: Sequence[Match]) -> Score:
    hits = sum(m.truth is not None and m.found is not None for m in matches)
    there, given = sum(m.truth is not None for m in matches), sum(m.found is not None for m in matches)
    precision, recall = ratio(hits, given), ratio(hits, there)
    parts = {"precision": Score("precision", precision, given), "recall": Score("recall", recall, there)}
    value = 2 * hits / (there + given) if there else float("nan")
    return Score(name, value, there, MappingProxyType(parts))


def spotting_f1(truth: Videos, found: Videos, iou: float = IOU) -> Score:
    """F1 = 2 TP / (2 TP + FP + FN), counts added over all videos; NaN without a true interval.

    `parts`: precision and recall over all, then "micro" and "macro" where the truth has such kinds, each matched
    within its kind (challenge rule: a micro-expression found as a macro-expression is a miss and a false one);
    the value over all adds the counts of the kinds.

    Raises:
        RequestError: the truth has kinds and a found interval has none of them; or an unknown video.
    """
    kinds = sorted({i.kind for own in truth.values() for i in own} | {i.kind for own in found.values() for i in own})
    if len(kinds) > 1 and "" in kinds:
        raise RequestError(f"some intervals have a kind ({', '.join(kinds[1:])}), others none: name it in all")
    matches: list[Match] = []
    parts: dict[str, Score] = {}
    for kind in kinds or [""]:
        of_kind = match_videos(_of_kind(truth, kind), _of_kind(found, kind), iou)
        matches += of_kind
        if kind:
            parts[kind] = _f1(kind, of_kind)
    whole = _f1("spotting_f1", matches)
    return Score("spotting_f1", whole.value, whole.support, MappingProxyType({**whole.parts, **parts}))


def spot_then_recognise(truth: Videos, found: Videos, classes: Sequence[str], iou: float = IOU) -> Score:
    """STRS = F1 of spotting × F1 of recognition over the intervals that were spotted rightly (MEGC 2022).

    F1 of recognition = harmonic mean of macro precision and macro recall of the labels. (The published code takes
    a mean of precisions for the recall; this takes the recall.) 0 if something is to be spotted and nothing was;
    NaN if nothing is to be spotted. `parts`: "spotting", "recognition".

    Raises:
        RequestError: a label that is none of `classes`.
    """
    spotting = spotting_f1(truth, found, iou)
    pairs = []
    for kind in sorted({i.kind for own in truth.values() for i in own}):
        for m in match_videos(_of_kind(truth, kind), _of_kind(found, kind), iou):
            if m.truth is not None and m.found is not None:
                pairs.append((m.truth.label, m.found.label))
    matrix = confusion_matrix([t for t, _ in pairs], [f for _, f in pairs], classes)
    recognition = Score("recognition", precision_recall_f1(matrix, classes), len(pairs))
    value = spotting.value * (recognition.value if recognition.defined else 0.0)
    parts = {"spotting": spotting, "recognition": recognition}
    return Score("strs", value, spotting.support, MappingProxyType(parts))
