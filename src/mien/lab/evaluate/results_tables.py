"""Tables of the results page, from the data that are kept of evaluations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mien.lab.evaluate.clips import ClipFigures, clip_table
from mien.lab.evaluate.jitter import Jitter, jitter_table
from mien.lab.evaluate.landmark_report import worst_table
from mien.lab.evaluate.landmark_run import GROUPS, SUBSETS
from mien.lab.evaluate.landmarks import shown, with_interval
from mien.lab.evaluate.published import PUBLISHED, QUOTED

_MEASURES = (("nme", "NME %", 2), ("fr10", "FR@0.1 %", 1), ("auc10", "AUC@0.1", 3))
Entry = Mapping[str, Any]
Entries = Sequence[Entry]
Render = Callable[[Entries], str]


def table_1(entries: Entries) -> str:
    """Seed 001's Table 1 beside ours: one table per measure, a column per subset, 95 % intervals."""
    runs = [e for e in entries if e["table"] == "main"]
    out = []
    for key, title, digits in _MEASURES:
        lines = [f"| {title} | faces | all | {' | '.join(SUBSETS)} |", "|" + "---|" * (3 + len(SUBSETS))]
        for name, measures in PUBLISHED.items():
            values = [f"{v:.{4 if key == 'auc10' else 2}f}" for v in measures[key]]
            lines.append(f"| {name}, as printed | 2500 | {' | '.join(values)} |")
        for name, quoted in QUOTED.items():
            figure = f"{quoted[key]:.{digits}f}" if key in quoted else "–"
            lines.append(f"| {name}, quoted | 70 | {figure} |" + " – |" * len(SUBSETS))
        for run in runs:
            parts = [run, *(run["subsets"][s] for s in SUBSETS)]
            cells = [with_interval(p[key], digits) for p in parts]
            lines.append(f"| {run['method']}, {run['protocol']} | {run['faces']} | {' | '.join(cells)} |")
        out.append("\n".join(lines))
    support = ", ".join(f"{s} {runs[0]['subsets'][s]['faces']}" for s in SUBSETS) if runs else ""
    out.append(f"Faces of ours by subset: {support}." if support else "")
    return "\n\n".join(out)


def all_runs(table: str) -> Render:
    """Every kept run of a table: figures, groups of points, and what they rest on."""

    def render(entries: Entries) -> str:
        runs = [e for e in entries if e["table"] == table]
        if not runs:
            return ""
        head = ("method", "protocol", "found", "NME %", "FR@0.1 % (faces)", "AUC@0.1", "NME box %", *GROUPS)
        lines = [f"| {' | '.join(head)} | data, seen in training |", "|" + "---|" * (1 + len(head))]
        for r in runs:
            cells = [r["method"], r["protocol"], f"{r['found']} of {r['faces']}", with_interval(r["nme"])]
            cells += [f"{with_interval(r['fr10'], 1)} ({r['failures']})", with_interval(r["auc10"], 3)]
            cells += [shown(r["nme_box"]), *(shown(r["groups"][g], 1) for g in GROUPS), f"{r['data']}; {r['seen']}"]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)

    return render


def robustness(entries: Entries) -> str:
    """NME % / failure rate % per level, one table per degradation."""
    out = []
    for kind in dict.fromkeys(e["kind"] for e in entries):
        own = [e for e in entries if e["kind"] == kind]
        lines = [f"| {kind}: {own[0]['unit']} | {' | '.join(f'{v:g}' for v in own[0]['levels'])} |"]
        lines.append("|---|" + "---|" * len(own[0]["levels"]))
        for e in own:
            cells = [f"{shown(n, 1)} / {f:.0f}" for n, f in zip(e["nme"], e["failures"], strict=True)]
            lines.append(f"| {e['method']}, {e['protocol']}, {e['faces']} faces | {' | '.join(cells)} |")
        out.append("\n".join(lines))
    return "\n\n".join(out)


def worst_faces(entries: Entries) -> str:
    """The worst faces of the last end-to-end run that says its causes, else of the last one."""
    runs = [e for e in entries if e["table"] == "main" and e["protocol"] == "end to end" and e.get("worst")]
    if not runs:
        return ""
    run = ([e for e in runs if e.get("causes")] or runs)[-1]
    return f"{run['method']}, {run['protocol']}, {run['data']}:\n\n{worst_table(run['worst'], run.get('causes'))}"


def jitter(entries: Entries) -> str:
    """Jitter of still and of moving faces."""
    return jitter_table([(str(e["what"]), [Jitter.of_json(f) for f in e["faces"]]) for e in entries])


def clips(entries: Entries) -> str:
    """Faces found in clips, by preset."""
    fields = set(ClipFigures.__slots__)
    return clip_table([ClipFigures(**{k: v for k, v in e.items() if k in fields}) for e in entries])


def action_units(entries: Entries) -> str:
    """The synthetic loop, by preset: within 30° of yaw and over all poses."""
    head = (*("preset", "people, frames", "view", "judged", "mean r", "MAE", "lag ms", "r ≥ 0.7"), "dead", "unmeasured")
    out = []
    for what, title in (("units", "action units, 0–5"), ("shapes", "shapes, 0–1")):
        lines = [f"| {title}: {' | '.join(head)} |", "|" + "---|" * len(head)]
        for e in entries:
            name = f"{e.get('method', e['preset'])}{', calibrated' if e.get('calibrated') else ''}"
            for view, words in (("frontal", "within 30°"), ("all", "all poses")):
                s = e[f"{what}_{view}"]["summary"]
                cells = [name, f"{len(e['people'])}, {e['frames']}", words, str(s["judged"]), shown(s["mean_r"], 3)]
                cells += [shown(s["mean_mae"], 3), shown(s["median_lag_ms"], 0), str(len(s["follows"]))]
                cells += [", ".join(s[k]) or "none" for k in ("dead", "never_measured")]
                lines.append(f"| {' | '.join(cells)} |")
        out.append("\n".join(lines))
    return "\n\n".join(out)


SECTIONS: Mapping[str, tuple[str, Render]] = {
    "landmarks-table-1": ("landmarks", table_1),
    "landmarks-all": ("landmarks", all_runs("main")),
    "landmarks-ablation": ("landmarks", all_runs("ablation")),
    "landmarks-worst": ("landmarks", worst_faces),
    "landmarks-robustness": ("robustness", robustness),
    "landmarks-jitter": ("jitter", jitter),
    "clips": ("clips", clips),
    "action-units": ("action-units", action_units),
}
"""Name of a section → which data it is made of, and how."""
