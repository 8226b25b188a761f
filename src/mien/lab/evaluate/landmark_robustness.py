"""How landmarks fare as pictures get worse and as heads turn: curves of NME and failure rate.

    python -m mien.lab.evaluate.landmark_robustness --data wflw:FOLDER --method balanced --out DIR

Pixels of marked faces are made worse by known amounts (`degrade`); turned heads are drawn, with exact truth: the
silhouette's contour, hidden points where they are. Drawn faces come from rigs that training also uses: of them only
the shape of the curve says something.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.lab.datasets.sample import Sample
from mien.lab.evaluate.charts import COLOURS, new_figure, plain_axes, write_chart
from mien.lab.evaluate.degrade import DEGRADATIONS, Degradation
from mien.lab.evaluate.landmark_finders import Finder
from mien.lab.evaluate.landmark_run import PROTOCOLS, Protocol
from mien.lab.evaluate.landmarks import Request, open_samples
from mien.lab.evaluate.methods import HELP, finder_of
from mien.lab.metrics.landmarks import face_errors, face_lengths, failure_rate, nme
from mien.lab.render.assemble import stage
from mien.lab.render.camera import take
from mien.lab.render.random_scene import Wishes, choose
from mien.lab.render.rasterize import draw
from mien.lab.render.sample import label
from mien.lab.rigs.catalogue import NAMES, load_rig
from mien.lab.rigs.rig import Rig

log = logging.getLogger(__name__)

YAWS_DEG = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0)
_MOST_NME = 30.0
"""Upper end of the charts' scale, per cent: beyond, a face is lost."""
YAW_UNIT = "yaw, degrees (drawn faces)"
Marked = tuple[UInt8, Float32]


@dataclass(frozen=True, slots=True)
class Curve:
    """Figures of one method over the levels of one degradation.

    Attributes:
        kind, unit: which degradation.
        method, protocol: who looked, and how.
        faces: per level.
        levels: L.
        nme: L, per cent, of the faces that were found; NaN = none was.
        failures: L, per cent of all faces with NME above 0.1 or missed.
    """

    kind: str
    unit: str
    method: str
    protocol: Protocol
    faces: int
    levels: tuple[float, ...]
    nme: tuple[float, ...]
    failures: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data; NaN becomes None."""
        return {
            **{k: getattr(self, k) for k in ("kind", "unit", "method", "protocol", "faces")},
            "levels": list(self.levels),
            "nme": [round(v, 4) if np.isfinite(v) else None for v in self.nme],
            "failures": [round(v, 4) for v in self.failures],
        }

    @classmethod
    def of_json(cls, plain: Mapping[str, Any]) -> Curve:
        """What `as_json` wrote."""
        nme = tuple(float("nan") if v is None else v for v in plain["nme"])
        names = {k: plain[k] for k in ("kind", "unit", "method", "protocol", "faces")}
        return cls(**names, levels=tuple(plain["levels"]), nme=nme, failures=tuple(plain["failures"]))


def pixel_curve(
    finder: Finder, samples: Sequence[Sample], kind: str, protocol: Protocol, how: Degradation | None = None
) -> Curve:
    """Make the pictures of marked faces worse, step by step. Chance depends on face and level only."""
    degradation = how or DEGRADATIONS[kind]

    def at(level: float) -> Iterator[Marked]:
        for number, sample in enumerate(samples):
            rng = np.random.default_rng((number, round(1000 * level)))
            yield degradation.apply(sample.image(), np.asarray(sample.landmarks_xy, np.float32), level, rng)

    return _curve(finder, (kind, degradation.unit), protocol, {level: at(level) for level in degradation.levels})


def yaw_curve(finder: Finder, rig: Rig, faces: int, protocol: Protocol, wishes: Wishes | None = None) -> Curve:
    """Turn drawn heads to the left and to the right, step by step; everything else about them stays."""
    asked = wishes or Wishes(attributes={"occlusion": False, "blur": False, "illumination": False})

    def at(yaw: float) -> Iterator[Marked]:
        for seed in range(faces):
            yield turned(rig, seed, yaw if seed % 2 else -yaw, asked)

    return _curve(finder, ("yaw", YAW_UNIT), protocol, {yaw: at(yaw) for yaw in YAWS_DEG})


def turned(rig: Rig, seed: int, yaw_deg: float, wishes: Wishes) -> Marked:
    """The face of a seed with its head turned by `yaw_deg`, hardly nodding; picture and 98 points."""
    choices = choose(seed, wishes)
    view = replace(
        choices.view, yaw_deg=yaw_deg, pitch_deg=choices.view.pitch_deg / 4, roll_deg=choices.view.roll_deg / 4
    )
    choices = replace(choices, view=view)
    staged = stage(rig, choices)
    drawing = draw(staged.scene)
    sample = label(rig.name, take(drawing.linear, choices.faults), choices, staged, drawing)
    return sample.image, sample.landmarks.xy


def _curve(
    finder: Finder, what: tuple[str, str], protocol: Protocol, levels: Mapping[float, Iterable[Marked]]
) -> Curve:
    look = finder.in_picture if protocol == "end to end" else finder.in_true_crop
    means, failed, count = [], [], 0
    for faces in levels.values():
        pairs = [(truth, look(image, truth)) for image, truth in faces]
        truth, found = (np.stack(column) for column in zip(*pairs, strict=True))
        errors = face_errors(truth, found, face_lengths(truth, "inter_ocular"))
        means.append(100 * nme(errors).value)
        failed.append(100 * failure_rate(errors).value)
        count = len(errors)
    return Curve(*what, finder.name, protocol, count, tuple(levels), tuple(means), tuple(failed))


def curve_table(curves: Sequence[Curve]) -> str:
    """Markdown tables, one per degradation: NME % of the faces found / failure rate %, per level."""
    out = []
    for kind in dict.fromkeys(c.kind for c in curves):
        own = [c for c in curves if c.kind == kind]
        lines = [f"| {kind}: {own[0].unit} | " + " | ".join(f"{v:g}" for v in own[0].levels) + " |"]
        lines.append("|---|" + "---|" * len(own[0].levels))
        for c in own:
            cells = [
                f"{n:.1f} / {f:.0f}" if np.isfinite(n) else f"– / {f:.0f}"
                for n, f in zip(c.nme, c.failures, strict=True)
            ]
            lines.append(f"| {c.method}, {c.protocol}, {c.faces} faces | {' | '.join(cells)} |")
        out.append("\n".join(lines))
    return "\n\n".join(out)


def write_curves(curves: Sequence[Curve], path: Path) -> None:
    """A chart: a column per degradation, NME above, failure rate below."""
    kinds = list(dict.fromkeys(c.kind for c in curves))
    figure = new_figure(2.6 * len(kinds), 5.0)
    axes = figure.subplots(2, len(kinds), squeeze=False, sharey="row")
    names = list(dict.fromkeys((c.method, c.protocol) for c in curves))
    for column, kind in enumerate(kinds):
        for row, values in enumerate(("nme", "failures")):
            plain_axes(axes[row, column], kind if row else "", ("NME, %", "failures, %")[row] if column == 0 else "")
            for c in (c for c in curves if c.kind == kind):
                i = names.index((c.method, c.protocol))
                axes[row, column].plot(
                    range(len(c.levels)), getattr(c, values), "o-", markersize=3, color=COLOURS[i % len(COLOURS)]
                )
            axes[row, column].set_ylim(0, (_MOST_NME, 102)[row])
            axes[row, column].set_xticks(range(len(c.levels)), [f"{v:g}" for v in c.levels], fontsize=7)
    figure.legend(
        handles=[axes[0, 0].lines[i] for i in range(len(names))],
        labels=[f"{m}, {p}" for m, p in names],
        loc="outside lower center",
        ncols=3,
        fontsize=8,
        frameon=False,
    )
    write_chart(figure, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, help="NAME:PATH of marked faces")
    parser.add_argument("--split", default="")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--method", action="append", required=True, help=HELP)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="end to end")
    parser.add_argument("--kind", action="append", choices=[*DEGRADATIONS, "yaw"], help="default: all")
    parser.add_argument("--rig", choices=NAMES, default="builtin", help="of the turned heads")
    parser.add_argument("--rig-folder", type=Path)
    parser.add_argument("--turned", type=int, default=40, help="drawn faces per angle")
    parser.add_argument("--out", type=Path, required=True, help="folder for robustness.json, .md and .png")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    samples, words = open_samples(Request(options.data, options.split, options.count))
    curves = []
    for method in options.method:
        finder = finder_of(method, options.preset)
        try:
            for kind in options.kind or [*DEGRADATIONS, "yaw"]:
                if kind == "yaw":
                    rig = load_rig(options.rig, options.rig_folder)
                    curves.append(yaw_curve(finder, rig, options.turned, options.protocol))
                else:
                    curves.append(pixel_curve(finder, samples, kind, options.protocol))
        finally:
            finder.close()
    options.out.mkdir(parents=True, exist_ok=True)
    facts = {"kind": "robustness", "data": words, "rig": options.rig, "curves": [c.as_json() for c in curves]}
    (options.out / "robustness.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (options.out / "robustness.md").write_text(curve_table(curves) + "\n", encoding="utf-8")
    write_curves(curves, options.out / "robustness.png")
    log.info("%s\n\n%s", words, curve_table(curves))


if __name__ == "__main__":
    main()
