"""A take or a video beside what an iPhone recorded of the same face: aligned in time, then compared shape by shape.

Aligned by timecode where the video has one (or --start-timecode says it), else by the shift at which all curves
together correlate best; lags are then relative to that shift, because a common delay cannot be told from the clocks'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np

from mien.core.arrays import Float64
from mien.core.record import FrameRecord
from mien.core.schema import load_schema
from mien.errors import RequestError, SourceError
from mien.lab.evaluate.curves import Curves, CurveScore, in_words, score_curves, summary, table
from mien.lab.evaluate.livelink import read_livelink, timecode_s
from mien.lab.evaluate.synchrony import GRID_HZ, LEAST_OVERLAP_S, agreement, best_shift, resampled

Align = Literal["auto", "timecode", "correlation"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is compared.

    Attributes:
        livelink: the CSV.
        source: a take (file or folder), or a video that is captured now.
        preset: for a video.
        align: how the clocks are brought together.
        start_timecode: timecode of the take's first instant, "HH:MM:SS:FF.sss" on a base of 60; None = the video's own.
        face: track id; None = the face seen in the most frames.
        swap_mouth_sides: see `livelink.read_livelink`.
    """

    livelink: Path
    source: Path
    preset: str = "balanced"
    align: Align = "auto"
    start_timecode: str | None = None
    face: int | None = None
    swap_mouth_sides: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A face's shapes: (T,) seconds and (T, 52); NaN = not measured."""

    t_s: Float64
    weights: Float64


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the recordings were brought together.

    Attributes:
        by: "timecode" or "correlation".
        offset_s: time of the take minus time since the first row of the CSV.
        agreement: correlation of all curves together at that shift; NaN if no curve moves in both.
        overlap_s: time they share.
    """

    by: str
    offset_s: float
    agreement: float
    overlap_s: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it."""

    alignment: Alignment
    scores: tuple[CurveScore, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        a = self.alignment
        agreement = round(a.agreement, 4) if np.isfinite(a.agreement) else None
        aligned = {"by": a.by, "offset_s": round(a.offset_s, 4), "agreement": agreement}
        return {
            "alignment": {**aligned, "overlap_s": round(a.overlap_s, 3)},
            "summary": summary(self.scores),
            "shapes": {s.name: s.as_json() for s in self.scores},
        }

    def as_text(self) -> str:
        """Table and summary, for people."""
        a = self.alignment
        head = f"Aligned by {a.by}: take = CSV {a.offset_s:+.3f} s, {a.overlap_s:.1f} s in common"
        told = "" if np.isnan(a.agreement) else f", all curves together r {a.agreement:.2f}"
        words = in_words(summary(self.scores), "shapes")
        return f"{head}{told}\n{table(self.scores, 'shape')}\n{words}"


def compare(request: Request) -> Comparison:
    """Compare a recording with a take or a video.

    Raises:
        SourceError: a file is missing or damaged.
        RequestError: the recordings do not overlap or do not fit, or there is no timecode to go by.
    """
    if request.align not in ("auto", "timecode", "correlation"):
        raise RequestError(f"--align {request.align}: choose auto, timecode or correlation")
    phone = read_livelink(request.livelink, swap_mouth_sides=request.swap_mouth_sides)
    start_s = _start(request)
    take = measured_face(_records(request), request.face)
    since_s = phone.t_s - phone.t_s[0]
    seconds = float(since_s[-1])
    truth = resampled(since_s, phone.weights, np.arange(int(seconds * GRID_HZ) + 1) / GRID_HZ)
    length = int((take.t_s[-1] - take.t_s[0]) * GRID_HZ) + 1
    answer = resampled(take.t_s, take.weights, take.t_s[0] + np.arange(length) / GRID_HZ)
    if request.align == "correlation" or start_s is None:
        shift, by = best_shift(truth, answer), "correlation"
    else:
        # What the CSV wrote at its first row happened so long after the take's first measured instant.
        away = (float(phone.t_s[0]) - start_s - float(take.t_s[0]) + 43200.0) % 86400.0 - 43200.0
        shift, by = away * GRID_HZ, "timecode"
    offset_s = shift / GRID_HZ + float(take.t_s[0])
    grid_s = np.arange(len(truth)) / GRID_HZ
    moved = resampled(take.t_s, take.weights, grid_s + offset_s)
    inside = (grid_s + offset_s >= take.t_s[0]) & (grid_s + offset_s <= take.t_s[-1])
    if inside.sum() < LEAST_OVERLAP_S * GRID_HZ:
        raise RequestError(
            f"by {by} the two recordings share {inside.sum() / GRID_HZ:.1f} s; at least {LEAST_OVERLAP_S:g} s are "
            "needed: are they of the same performance? Try --align correlation"
        )
    curves = Curves("both", GRID_HZ, truth[inside], moved[inside])
    scores = score_curves([curves], load_schema("arkit52").names, 1.0)
    together = agreement(curves.truth, curves.answer)
    return Comparison(Alignment(by, offset_s, together, float(inside.sum() / GRID_HZ)), tuple(scores))


def _start(request: Request) -> float | None:
    """Seconds of the day of the take's zero, if known and wanted."""
    if request.start_timecode is not None:
        found = timecode_s(request.start_timecode)
        if found is None:
            raise RequestError(f"--start-timecode {request.start_timecode}: expected HH:MM:SS:FF.sss")
        return found
    start_s = None if _is_take(request.source) else video_timecode_s(request.source)
    if start_s is None and request.align == "timecode":
        raise RequestError(f"{request.source}: carries no timecode; give --start-timecode, or --align correlation")
    return start_s


def _is_take(path: Path) -> bool:
    return path.is_dir() or path.suffix == ".parquet"


def video_timecode_s(path: Path) -> float | None:
    """Seconds of the day at which a video starts, from its timecode track or tag; None if it has none.

    Raises:
        SourceError: it is no video.
    """
    try:
        with av.open(str(path)) as container:
            tags = [dict(s.metadata) for s in container.streams] + [dict(container.metadata)]
            rate = next((s.average_rate for s in container.streams.video if s.average_rate), None)
    except (OSError, ValueError) as error:  # av's errors are among them
        raise SourceError(f"{path}: cannot be opened as a video: {error}") from None
    text = next((t["timecode"] for t in tags if "timecode" in t), None)
    return None if text is None or rate is None else timecode_s(text, round(float(rate)))


def _records(request: Request) -> Iterable[FrameRecord]:
    if _is_take(request.source):
        from mien.take.reader import load_take

        return load_take(request.source).records()
    from mien.api import capture

    return (record.slim() for record in capture(request.source, preset=request.preset))


def measured_face(records: Iterable[FrameRecord], face: int | None = None) -> Measured:
    """The shapes of one face over time.

    Args:
        records: in order of time.
        face: track id; None = the one seen in the most frames.

    Raises:
        RequestError: there is no such face with shapes in at least two frames.
    """
    rows: dict[int | None, dict[int, Float64]] = {}
    seen: Counter[int | None] = Counter()
    for record in records:
        for one in record.faces:
            if one.blendshapes is not None and record.stamp.t_ns not in rows.get(one.track_id, {}):
                rows.setdefault(one.track_id, {})[record.stamp.t_ns] = one.blendshapes.values.astype(np.float64)
                seen[one.track_id] += 1
    chosen = face if face is not None or not seen else seen.most_common(1)[0][0]
    if seen[chosen] < 2:
        have = ", ".join(str(i) for i in seen) or "none"
        raise RequestError(f"no face {'' if face is None else face} with blendshapes in the take; there are: {have}")
    times = sorted(rows[chosen])
    return Measured(np.array(times) / 1e9, np.stack([rows[chosen][t] for t in times]))
