"""Drawn events beside real ones: `python -m mien.lab.synth.sequence_report STATS.json --events 20000`.

STATS.json holds aggregated figures of label tables, the same that `fit_statistics` reads. Events are drawn by
`micro_event` and `macro_event`, nothing is rendered. Prints Markdown.

A real share of units or pairs is that of the clips that have any unit the character can do. How many clips have none
is not in the aggregated figures; the fitted model's estimate (`UnitSets`, only `UNSEEN`) is taken.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import Float64
from mien.lab.synth.expression_events import Event, macro_event, micro_event
from mien.lab.synth.fit_statistics import MERGED, MICRO_SETS, MICRO_TIMES
from mien.lab.synth.fit_timing import shares_below
from mien.lab.synth.fit_unit_sets import Counts, read_counts
from mien.lab.synth.sequence import random_sequence
from mien.lab.synth.unit_sets import MOST_UNITS, UNSEEN, exclusive_units, load_unit_sets

PERCENTILES = (5, 25, 50, 75, 95)
_LONG_S = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the real events and of the drawn ones, in the unit of its table."""

    name: str
    real: float
    drawn: float


@dataclass(frozen=True, slots=True)
class Report:
    """All tables of one kind of event.

    Attributes:
        kind: "micro" or "macro".
        events: how many real clips and how many drawn events.
        units, pairs: percent of events with a unit, with a pair; pairs by their real share, largest first.
        numbers: percent of events with 1, 2, … `MOST_UNITS` or more units. Real ones count undoable units too.
        emotions: percent of events (micro only).
        one_sided: percent of a unit's events, of units with 30 real events or more.
        timing: milliseconds at `PERCENTILES` of rise, fall and whole.
        per_minute: events of long videos per minute: all real videos together, drawn ones.
        excluded: pairs that the character cannot do.
        undone: undoable units and their percent of real clips.
        only_undone: percent of clips that have none but undoable units, as the model has it.
    """

    kind: str
    events: tuple[int, int]
    units: tuple[Row, ...]
    pairs: tuple[Row, ...]
    numbers: tuple[Row, ...]
    emotions: tuple[Row, ...]
    one_sided: tuple[Row, ...]
    timing: tuple[Row, ...]
    per_minute: Row
    excluded: tuple[Row, ...]
    undone: Mapping[str, float]
    only_undone: float

    @property
    def pair_correlation(self) -> float:
        """Pearson, real against drawn, over all pairs that the character can do."""
        return float(np.corrcoef([r.real for r in self.pairs], [r.drawn for r in self.pairs])[0, 1])


def compare(stats: Mapping[str, Any], kind: str, events: int, videos: int = 300, seed: int = 1) -> Report:
    """Draw events of a kind and set them beside the real ones.

    Args:
        stats: parsed STATS.json.
        kind: "micro" or "macro".
        events: how many are drawn.
        videos: long sequences of a minute for the events per minute.
        seed: of everything drawn.
    """
    tables, timing, counts = _real(stats, kind)
    rng = np.random.default_rng([seed, kind == "micro"])
    drawn = [micro_event(rng, 0.0) if kind == "micro" else macro_event(rng, 0.0) for _ in range(events)]
    sets = [frozenset(entry.split("_")[0] for entry in e.units) for e in drawn]
    only = load_unit_sets(kind).only_unseen()
    scale = 100.0 / (counts.events * (1.0 - only))
    seen = Counter(u for units in sets for u in units)
    seen_pairs = Counter(frozenset(two) for units in sets for two in combinations(units, 2))
    units = counts.units[:-1]
    bad = {frozenset(two) for two in exclusive_units(units)}
    share = {
        frozenset((a, b)): Row(
            f"{a}+{b}",
            scale * float(counts.pairs[counts.units.index(a), counts.units.index(b)]),
            100.0 * seen_pairs[frozenset((a, b))] / events,
        )
        for a, b in combinations(units, 2)
    }
    by_size = sorted(share.items(), key=lambda item: -item[1].real)
    total: Counter[str] = Counter()
    for table in tables:
        total.update(table["count"])
    number = np.bincount([min(len(s), MOST_UNITS) - 1 for s in sets], minlength=MOST_UNITS) * 100.0 / events
    return Report(
        kind=kind,
        events=(int(counts.events), events),
        units=tuple(Row(u, scale * total[u], 100.0 * seen[u] / events) for u in units),
        pairs=tuple(row for two, row in by_size if two not in bad),
        numbers=tuple(
            Row(str(n + 1), float(100.0 * counts.number[n] / counts.events), float(number[n]))
            for n in range(MOST_UNITS)
        ),
        emotions=_emotions(counts, drawn) if kind == "micro" else (),
        one_sided=_one_sided(counts, drawn),
        timing=_timing(timing, drawn),
        per_minute=_per_minute(stats, kind, videos, seed),
        excluded=tuple(row for two, row in by_size if two in bad and row.real > 0),
        undone={u: 100.0 * n / counts.events for u, n in sorted(total.items()) if u not in units},
        only_undone=100.0 * only,
    )


def _real(stats: Mapping[str, Any], kind: str) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]], Counts]:
    """Tables of units, tables of times, and the counts as they were fitted."""
    if kind == "micro":
        clips = stats["clips"]
        tables = [clips[n]["action_units"] for n in MICRO_SETS]
        emotions: Counter[str] = Counter()
        for name in MICRO_SETS:
            emotions.update(clips[name]["emotion_count"])
        return tables, [clips[n]["timing"] for n in MICRO_TIMES], read_counts(tables, emotions, MERGED)
    videos = [v[kind] for v in stats["long_videos"].values()]
    tables = [v["action_units"] for v in videos]
    counts = read_counts(tables, {"any": sum(v["events"] for v in videos)}, {})
    return tables, [v["timing"] for v in videos], counts


def _emotions(counts: Counts, drawn: Sequence[Event]) -> tuple[Row, ...]:
    seen = Counter(e.emotion for e in drawn)
    share = 100.0 * counts.emotion / counts.emotion.sum()
    rows = zip(counts.emotions, share, strict=True)
    return tuple(Row(name, float(real), 100.0 * seen[name] / len(drawn)) for name, real in rows)


def _one_sided(counts: Counts, drawn: Sequence[Event]) -> tuple[Row, ...]:
    single: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for event in drawn:
        entries = Counter(entry.split("_")[0] for entry in event.units if "_" in entry)
        every.update(entries.keys())
        single.update(u for u, n in entries.items() if n == 1)
    out = []
    for unit in counts.units:
        row = counts.sides.get(unit, {})
        if unit != UNSEEN and every[unit] and sum(row.values()) >= 30:
            real = 100.0 * (row.get("left", 0) + row.get("right", 0)) / sum(row.values())
            out.append(Row(unit, real, 100.0 * single[unit] / every[unit]))
    return tuple(out)


def _timing(tables: Sequence[Mapping[str, Any]], drawn: Sequence[Event]) -> tuple[Row, ...]:
    times = np.array([(e.apex_s - e.onset_s, e.offset_s - e.apex_s, e.offset_s - e.onset_s) for e in drawn])
    out = []
    for name, (edges, below), made in zip(("rise", "fall", "whole"), shares_below(tables), times.T, strict=True):
        for p in PERCENTILES:
            real = _percentile(edges, below, p / 100)
            out.append(Row(f"{name}, {p} %", 1e3 * real, 1e3 * float(np.percentile(made, p))))
    return tuple(out)


def _percentile(edges: Float64, below: Float64, share: float) -> float:
    """Of a histogram, even within its bins; NaN where it lies above the last edge."""
    if share > below[-1]:
        return float("nan")
    return float(np.interp(share, np.concatenate([[0.0], below]), np.concatenate([[0.0], edges])))


def _per_minute(stats: Mapping[str, Any], kind: str, videos: int, seed: int) -> Row:
    long = list(stats["long_videos"].values())
    real = sum(v[kind]["events"] for v in long) / sum(v["minutes_up_to_last_event"] for v in long)
    made = 0
    for k in range(videos):
        clip = random_sequence(1000 * seed + k, "long", 5.0, seconds=_LONG_S)
        made += sum(e.kind == kind for e in clip.expressions)
    return Row(f"{kind} per minute", real, made / (videos * _LONG_S / 60.0))


def markdown(report: Report) -> str:
    """The report as Markdown tables."""
    pairs = sum(r.real > 0 for r in report.pairs)
    undone = ", ".join(f"{u} {v:.1f}" for u, v in sorted(report.undone.items(), key=lambda i: -i[1])[:8])
    excluded = ", ".join(f"{r.name} {r.real:.1f}" for r in report.excluded) or "none"
    lines = [
        f"### {report.kind}: {report.events[0]:,} real, {report.events[1]:,} drawn",
        *_table("unit", "% of events", report.units),
        *_table("pair", "% of events, the ten largest", report.pairs[:10]),
        f"All {len(report.pairs)} pairs ({pairs} of them seen in reality): correlation {report.pair_correlation:.4f}, "
        f"largest difference {max(abs(r.real - r.drawn) for r in report.pairs):.2f} points.",
        *_table("units at once", "% of events", report.numbers),
        *(_table("emotion", "% of events", report.emotions) if report.emotions else []),
        *_table("one-sided", "% of the unit's events", report.one_sided),
        *_table("duration", "ms", report.timing),
        *_table("long videos", "events", (report.per_minute,)),
        f"Left out: undoable units (% of real clips: {undone}; clips with no other unit, by the model: "
        f"{report.only_undone:.1f} %); pairs that exclude each other (% of real clips: {excluded}).",
        "",
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _table(first: str, of: str, rows: Sequence[Row]) -> list[str]:
    lines = ["", f"| {first} ({of}) | real | drawn | difference |", "|---|---|---|---|"]
    digits = 0 if of == "ms" else 1
    for row in rows:
        off = round(row.drawn - row.real, digits) + 0.0  # no "-0.0"
        real = f"{row.real:.{digits}f}" if np.isfinite(off) else "above the histogram"
        difference = f"{off:+.{digits}f}" if np.isfinite(off) else ""
        lines.append(f"| {row.name} | {real} | {row.drawn:.{digits}f} | {difference} |")
    return [*lines, ""]


def main(arguments: list[str]) -> int:
    """Print the tables. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m mien.lab.synth.sequence_report", description=__doc__)
    parser.add_argument("stats", type=Path, help="aggregated figures of real label tables (JSON)")
    parser.add_argument("--events", type=int, default=20000, help="how many of each kind are drawn")
    options = parser.parse_args(arguments)
    stats = json.loads(options.stats.read_text(encoding="utf-8"))
    for kind in ("micro", "macro"):
        sys.stdout.write(markdown(compare(stats, kind, options.events)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
