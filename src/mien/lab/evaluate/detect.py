"""Measure a face detector on marked pictures, and on pictures without people.

WIDER FACE's protocol: average precision at an overlap (IoU) of 0.5, per level where the data has levels. Beside it what
a user meets: recall, precision and false findings per picture by the face's size at one threshold, the best recall at a
precision of 90 %, and the time. Faces whose shorter side is below `least_px` are ignored, and so is a finding below it
that meets nothing: data of this kind leave small faces unmarked.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mien.core.arrays import Float32
from mien.errors import RequestError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.pictures import read_picture
from mien.lab.evaluate.detect_finders import FaceFinder
from mien.lab.metrics.boxes import BoxPicture, SizeBand, average_precision, box_overlaps, by_size
from mien.lab.render.surroundings import background_files

LEVELS = ("easy", "medium", "hard")
EDGES_PX = (0.0, 32.0, 64.0, 128.0, math.inf)
"""Bands of the face's height."""
PRECISION = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class DetectRun:
    """What a detector answered.

    Attributes:
        name: of the detector.
        data: of what it looked at.
        pictures: the marked pictures with its findings at its lowest threshold.
        levels: level → the pictures with only that level's faces counting; empty where the data has none.
        threshold: at which it is used.
        least_px: smaller faces are ignored.
        alone: file → scores of its findings in pictures without people, by the folder's order.
        ms: median milliseconds per marked picture.
    """

    name: str
    data: str
    pictures: Sequence[BoxPicture]
    levels: Mapping[str, Sequence[BoxPicture]]
    threshold: float
    least_px: float
    alone: Mapping[str, Float32]
    ms: float


def evaluate(
    finder: FaceFinder,
    data: str,
    *,
    least_px: float = 24.0,
    threshold: float | None = None,
    without_people: Path | None = None,
    told: Callable[[int, int], None] | None = None,
) -> DetectRun:
    """Let a detector look at everything.

    Args:
        finder: the detector, at a low threshold.
        data: NAME:PATH of a dataset with boxes.
        least_px: see the module.
        threshold: of use; None = the finder's own.
        without_people: folder of pictures in which every finding is false.
        told: called with (pictures done, of how many).

    Raises:
        RequestError: the data has no boxes.
    """
    dataset = open_dataset(data)
    files = background_files(without_people) if without_people is not None else ()
    count = len(dataset) + len(files)
    pictures, times = [], []
    levels: dict[str, list[BoxPicture]] = {}
    for i, sample in enumerate(dataset):
        if sample.boxes_xyxy is None:
            raise RequestError(f"{sample.dataset}: {sample.name}: has no boxes to compare with")
        image = sample.image()
        began = time.perf_counter()
        boxes, scores = finder.find(image)
        times.append(1000 * (time.perf_counter() - began))
        truth = sample.boxes_xyxy.astype(np.float64)
        counts = (truth[:, 2:] - truth[:, :2]).min(axis=1) >= least_px
        pictures.append(_judged(truth, counts, boxes, scores, least_px))
        for level in LEVELS:
            if level in sample.attributes:
                flags = counts & np.asarray(sample.attributes[level], bool)
                levels.setdefault(level, []).append(replace(pictures[-1], counts=flags))
        if told is not None:
            told(i + 1, count)
    alone = {}
    for i, file in enumerate(files):
        alone[file.name] = finder.find(read_picture(file))[1]
        if told is not None:
            told(len(dataset) + i + 1, count)
    used = finder.threshold if threshold is None else threshold
    name = data.partition(":")[0]
    return DetectRun(finder.name, name, pictures, levels, used, least_px, alone, float(np.median(times)))


def _judged(
    truth: np.ndarray[Any, np.dtype[np.float64]],
    counts: np.ndarray[Any, np.dtype[np.bool_]],
    boxes: Float32,
    scores: Float32,
    least_px: float,
) -> BoxPicture:
    found = boxes.astype(np.float64).reshape(-1, 4)
    small = (found[:, 2:] - found[:, :2]).min(axis=1) < least_px
    meets = box_overlaps(found, truth).max(axis=1, initial=0.0) >= 0.5
    keep = ~small | meets
    return BoxPicture(truth, counts, found[keep], scores[keep].astype(np.float64))


def best_recall(pictures: Sequence[BoxPicture], precision: float = PRECISION) -> tuple[float, float, float]:
    """(recall, precision, threshold): the most faces that are found with at least this precision; NaN if never."""
    scores = np.unique(np.concatenate([p.scores for p in pictures]))[::-1]
    best = (math.nan, math.nan, math.nan)
    for threshold in scores.tolist():
        band = totals(pictures, threshold)
        if band.precision >= precision and not band.recall <= best[0]:
            best = band.recall, band.precision, threshold
    return best


def totals(pictures: Sequence[BoxPicture], threshold: float) -> SizeBand:
    """All sizes together."""
    return by_size(pictures, (0.0, math.inf), threshold)[0]


def figures(run: DetectRun) -> dict[str, Any]:
    """Everything measured, as JSON holds it; `scores` fits a model's card."""
    band = totals(run.pictures, run.threshold)
    recall, precision, threshold = best_recall(run.pictures)
    false_alone = {n: int((s >= run.threshold).sum()) for n, s in run.alone.items()}
    out: dict[str, Any] = {
        "detector": run.name,
        "data": run.data,
        "pictures": len(run.pictures),
        "faces": band.faces,
        "least_px": run.least_px,
        "threshold": run.threshold,
        "average_precision": average_precision(run.pictures).value,
        "levels": {n: average_precision(p).value for n, p in run.levels.items()},
        "recall": band.recall,
        "precision": band.precision,
        "false_per_picture": band.false_per_picture,
        "best": {"precision_at_least": PRECISION, "recall": recall, "precision": precision, "threshold": threshold},
        "by_height": [_band(b) for b in by_size(run.pictures, EDGES_PX, run.threshold)],
        "without_people": {
            "pictures": len(run.alone),
            "false": sum(false_alone.values()),
            "where": {n: k for n, k in false_alone.items() if k},
        },
        "ms_per_picture": run.ms,
    }
    protocol = f"overlap 0.5, faces with a shorter side of {run.least_px:g} px, probability from {run.threshold:g}"
    values = {"average precision": out["average_precision"], "recall": band.recall, "precision": band.precision}
    rows = [{"metric": m, "value": round(float(v), 4), "protocol": protocol} for m, v in values.items()]
    out["scores"] = [
        {**row, "data": f"{run.data}, {len(run.pictures)} pictures", "support": band.faces} for row in rows
    ]
    return out


def _band(band: SizeBand) -> dict[str, Any]:
    return {
        "low_px": band.low_px,
        "high_px": band.high_px if math.isfinite(band.high_px) else None,
        "faces": band.faces,
        "recall": _number(band.recall),
        "precision": _number(band.precision),
        "false_per_picture": _number(band.false_per_picture),
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def table(found: Mapping[str, Any]) -> str:
    """The figures as text."""
    best = found["best"]
    lines = [
        f"{found['detector']} on {found['data']}: {found['pictures']} pictures, {found['faces']} faces with a "
        f"shorter side of {found['least_px']:g} px or more",
        "average precision "
        + ", ".join(f"{n} {v:.3f}" for n, v in {"all": found["average_precision"], **found["levels"]}.items()),
        f"at probability {found['threshold']:g}: recall {found['recall']:.3f}, precision {found['precision']:.3f}, "
        f"{found['false_per_picture']:.2f} false per picture",
        f"best recall at a precision of {best['precision_at_least']:g}: {best['recall']:.3f} (precision "
        f"{best['precision']:.3f}, probability {best['threshold']:.3f})",
        f"{found['ms_per_picture']:.1f} ms per picture (median)",
        "",
        "height px   faces  recall  precision  false/picture",
    ]
    for band in found["by_height"]:
        span = f"{band['low_px']:g}–{band['high_px']:g}" if band["high_px"] is not None else f"{band['low_px']:g}+"
        cells = [f"{band[k]:.3f}" if band[k] is not None else "–" for k in ("recall", "precision", "false_per_picture")]
        lines.append(f"{span:10}  {band['faces']:5}  {cells[0]:>6}  {cells[1]:>9}  {cells[2]:>13}")
    alone = found["without_people"]
    if alone["pictures"]:
        where = ", ".join(f"{n} {k}" for n, k in alone["where"].items())
        lines += [
            "",
            f"{alone['false']} false in {alone['pictures']} pictures without people" + (f": {where}" * bool(where)),
        ]
    return "\n".join(lines)


def write_pictures(run: DetectRun, data: str, folder: Path) -> None:
    """Every marked picture with the true boxes in green (ignored ones grey) and the findings at the run's threshold in
    red, as FOLDER/0000.jpg …"""
    folder.mkdir(parents=True, exist_ok=True)
    for i, (sample, picture) in enumerate(zip(open_dataset(data), run.pictures, strict=True)):
        image = np.ascontiguousarray(sample.image()[..., ::-1])
        green = [
            (b, (0, 200, 0) if c else (128, 128, 128)) for b, c in zip(picture.truth_xyxy, picture.counts, strict=True)
        ]
        found = zip(picture.found_xyxy, picture.scores, strict=True)
        red = [(b, (40, 40, 255)) for b, s in found if s >= run.threshold]
        for box, colour in (*green, *red):
            left, top, right, bottom = (round(float(v)) for v in box)
            cv2.rectangle(image, (left, top), (right, bottom), colour, 2)
        cv2.imwrite(str(folder / f"{i:04d}.jpg"), image)
