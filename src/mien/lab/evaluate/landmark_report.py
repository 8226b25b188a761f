"""What `mien lab evaluate landmarks --out` writes: figures, cumulative error curves, the worst faces.

`worst-*.jpg` shows the pictures, `worst-points-*.png` the marked points: both are the data's. `worst-errors-*.png`
shows only what was found and how far off it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mien.core.arrays import Float32, Float64, UInt8
from mien.errors import SinkError
from mien.lab.datasets.sample import Sample
from mien.lab.datasets.sheet import grid, write_sheet
from mien.lab.evaluate.charts import curves, error_drawings, point_drawings, small_curves, write_chart
from mien.lab.evaluate.landmark_finders import tight_box
from mien.lab.evaluate.landmark_run import GROUPS, SUBSETS, LandmarkRun, errors_of, group_points
from mien.lab.evaluate.landmarks import shown, tables
from mien.lab.metrics.landmarks import LIMIT, cumulative_errors, face_lengths

WORST = 20
_TILE_PX, _COLUMNS = 320, 5
_MOST = 25.0
"""Error, per cent of the outer eye corners' distance, from which on points are drawn red."""
_ACROSS, _UP = "NME, % of the outer eye corners' distance", "faces, %"
_TRUE, _FOUND, _TEXT = (60, 230, 90), (255, 60, 60), (255, 255, 255)


def write_report(
    samples: Sequence[Sample], runs: Sequence[LandmarkRun], results: Sequence[Mapping[str, Any]], out: Path
) -> list[Path]:
    """Write everything into a folder (made if it is not there); the files.

    Args:
        samples: the faces of the runs, in their order.
        runs: of the same faces.
        results: `landmark_run.figures` of each.
        out: the folder.

    Raises:
        SinkError: a file cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        rows = [worst_rows(run) for run in runs]
        figures = {"runs": [{**r, "worst": own} for r, own in zip(results, rows, strict=True)]}
        (out / "figures.json").write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        lists = "\n\n".join(f"{_title(run)}\n\n{worst_table(own)}" for run, own in zip(runs, rows, strict=True))
        (out / "tables.md").write_text(f"{tables(results)}\n\n{lists}\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{out}: {error.strerror or error}") from error
    write_error_curves({_title(run): run.errors for run in runs}, out / "ced.png")
    write_subset_curves({_title(run): own for run, own in zip(runs, results, strict=True)}, out / "ced-subsets.png")
    files = [out / name for name in ("figures.json", "tables.md", "ced.png", "ced-subsets.png")]
    for run in runs:
        name = run.protocol.replace(" ", "-")
        write_worst_points(run, out / f"worst-points-{name}.png")
        write_worst_errors(run, out / f"worst-errors-{name}.png")
        write_sheet(worst_pictures(run, samples), out / f"worst-{name}.jpg")
        files += [out / f"worst-{name}.jpg", *(out / f"worst-{what}-{name}.png" for what in ("points", "errors"))]
    return files


def write_error_curves(errors: Mapping[str, Float64], path: Path) -> None:
    """Cumulative error curves up to 0.1 of faces' NME (a share; infinity = missed), by title."""
    lines = {title: _cumulated(e) for title, e in errors.items()}
    write_chart(curves(lines, _ACROSS, _UP, steps=True), path)


def write_subset_curves(results: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Cumulative error curves up to 0.1, a small chart of all faces and one per subset that has any.

    Args:
        results: title → `landmark_run.figures`, all of the same faces.
        path: of the picture.
    """
    first = next(iter(results.values()))
    panels = {_count("all", first): {title: _cumulated(errors_of(r)) for title, r in results.items()}}
    for name in SUBSETS:
        if first["subsets"][name]["faces"]:
            own = {title: _cumulated(errors_of(r["subsets"][name])) for title, r in results.items()}
            panels[_count(name, first["subsets"][name])] = own
    write_chart(small_curves(panels, _ACROSS, _UP), path)


def _cumulated(errors: Float64) -> tuple[Float64, Float64]:
    at = np.linspace(0.0, LIMIT, 401)
    return 100 * at, 100 * cumulative_errors(errors, at)


def _count(name: str, figures: Mapping[str, Any]) -> str:
    return f"{name}, {figures['faces']} face{'s' * (figures['faces'] != 1)}"


def _title(run: LandmarkRun) -> str:
    return f"{run.method}, {run.protocol}"


def worst(run: LandmarkRun, count: int = WORST) -> list[int]:
    """Numbers of the worst faces, missed ones first."""
    order = np.argsort(-np.nan_to_num(run.errors, nan=-1.0, posinf=np.inf), kind="stable")
    return [int(i) for i in order[:count]]


def worst_rows(run: LandmarkRun, count: int = WORST) -> list[dict[str, Any]]:
    """The worst faces as plain data: face, NME % (None = missed), subsets, NME % by group of points."""
    out = []
    for i in worst(run, count):
        only = run.only(np.arange(len(run.names)) == i)
        groups = {g: float(only.point_errors(group_points(g))[0]) for g in GROUPS}
        out.append(
            {
                "face": run.names[i],
                "nme": _per_cent(float(only.errors[0])),
                "subsets": [s for s in SUBSETS if only.subset(s)[0]],
                "groups": {g: _per_cent(v) for g, v in groups.items()},
            }
        )
    return out


def _per_cent(share: float) -> float | None:
    return round(100 * share, 3) if np.isfinite(share) else None


def worst_table(rows: Sequence[Mapping[str, Any]], causes: Mapping[str, str] | None = None) -> str:
    """A Markdown table of `worst_rows`, with causes, by name of the face, where they are given."""
    head = ["face", "NME %", "subsets", *GROUPS, *(["cause"] if causes else [])]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in rows:
        nme = shown(row["nme"], 1) if row["nme"] is not None else "missed"
        cells = [row["face"], nme, ", ".join(row["subsets"]) or "–", *(shown(row["groups"][g], 1) for g in GROUPS)]
        cells += [causes.get(row["face"], "–")] if causes else []
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write_worst_points(run: LandmarkRun, path: Path, count: int = WORST) -> None:
    """The worst faces as drawings of the marked points (grey) and the found ones (red), without pixels."""
    chosen = worst(run, count)
    titles = [_caption(run, i) for i in chosen]
    write_chart(point_drawings(titles, run.truth[chosen], run.found[chosen]), path)


def write_worst_errors(run: LandmarkRun, path: Path, count: int = WORST) -> None:
    """The worst faces as drawings of the found points alone, coloured by their errors."""
    chosen = worst(run, count)
    lengths = face_lengths(run.truth[chosen], "inter_ocular")[:, None]
    distances = 100 * np.linalg.norm(run.found[chosen] - run.truth[chosen], axis=2) / lengths
    write_chart(error_drawings([_caption(run, i) for i in chosen], run.found[chosen], distances, _MOST), path)


def _caption(run: LandmarkRun, i: int) -> str:
    error = run.errors[i]
    subsets = ", ".join(s for s in SUBSETS if run.subset(s)[i])
    figure = f"{100 * error:.1f} %" if np.isfinite(error) else "missed"
    return f"{Path(run.names[i].split('#')[0]).stem}: {figure}" + (f"\n{subsets}" if subsets else "")


def worst_pictures(run: LandmarkRun, samples: Sequence[Sample], count: int = WORST) -> UInt8:
    """(rows · 320, 5 · 320, 3) uint8 RGB: the worst faces' pictures with true (green) and found (red) points.

    Shows the data's pixels: where it may be shown is a matter of the data's licence.
    """
    tiles = [_tile(samples[i].image(), run.truth[i], run.found[i], _caption(run, i)) for i in worst(run, count)]
    return grid(tiles, _TILE_PX, _COLUMNS)


def _tile(image: UInt8, truth: Float32, found: Float32, caption: str) -> UInt8:
    left, top, right, bottom = (float(v) for v in tight_box(truth))
    side = 1.6 * max(right - left, bottom - top)
    scale = _TILE_PX / side
    corner = np.array([(left + right - side) / 2, (top + bottom - side) / 2])
    matrix = np.array([[scale, 0.0, -scale * corner[0]], [0.0, scale, -scale * corner[1]]])
    tile = np.ascontiguousarray(cv2.warpAffine(image, matrix, (_TILE_PX, _TILE_PX)), dtype=np.uint8)
    for points, colour in ((truth, _TRUE), (found, _FOUND)):
        for x, y in (points - corner) * scale:
            if np.isfinite(x + y):
                cv2.circle(tile, (round(float(x) * 16), round(float(y) * 16)), 24, colour, -1, cv2.LINE_AA, 4)
    for row, text in enumerate(caption.split("\n")):
        place = (6, 16 + 16 * row)
        cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, _TEXT, 1, cv2.LINE_AA)
    return tile
