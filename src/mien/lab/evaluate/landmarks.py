"""Measure landmarks on marked faces: end to end, and with the region of the true points given.

    python -m mien.lab.evaluate.landmarks --data wflw:FOLDER --checkpoint runs/hrnet128/best.pt --flip

As `mien lab evaluate landmarks`. Validation data only: nothing is learnt or chosen here.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import Float32
from mien.errors import RequestError
from mien.lab.datasets.dataset import Dataset, open_dataset
from mien.lab.datasets.sample import Sample
from mien.lab.evaluate.landmark_finders import Finder, detector_stage, stage_finder
from mien.lab.evaluate.landmark_run import (
    GROUPS,
    PROTOCOLS,
    SUBSETS,
    LandmarkRun,
    Protocol,
    cluster_of,
    figures,
    marked_samples,
)

log = logging.getLogger(__name__)

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What is measured.

    Attributes:
        data: NAME:PATH of a dataset with 98 points.
        split: only this part; "" = everything.
        count: faces, evenly spread; 0 = all.
        preset: whose detector and landmark stage are taken where none is named.
        detector, landmarks: names of stages; None = the preset's.
        checkpoint: best.pt of a training run, in the landmark stage's place.
        flip, turned, decoding: see `landmark_checkpoint.NetFinder` (`turned` = its `upright`).
        protocols: which of the two.
        threads: of a checkpoint's network; on busy cores one is fastest.
    """

    data: str
    split: str = ""
    count: int = 0
    preset: str = "balanced"
    detector: str | None = None
    landmarks: str | None = None
    checkpoint: Path | None = None
    flip: bool = False
    turned: bool = True
    decoding: str | None = None
    protocols: tuple[Protocol, ...] = PROTOCOLS
    threads: int = 1


def make_finder(request: Request) -> Finder:
    """The method that is asked for.

    Raises:
        RequestError: options that do not go together.
        ConfigError, ModelError: no such stage, preset or checkpoint.
    """
    if request.checkpoint is None:
        if request.flip or request.decoding is not None:
            raise RequestError("--flip and --decoding are for a --checkpoint; a stage has options of its own")
        return stage_finder(request.preset, request.detector, request.landmarks)
    if request.landmarks is not None:
        raise RequestError("--landmarks and --checkpoint: name one of them")
    import torch

    from mien.lab.evaluate.landmark_checkpoint import NetFinder, load_checkpoint

    torch.set_num_threads(request.threads)
    net, spec = load_checkpoint(request.checkpoint)
    detector, used = detector_stage(request.preset, request.detector)
    names = used, request.checkpoint.parent.name, "flip" if request.flip else "", request.decoding or ""
    how: Any = request.decoding
    name = " + ".join(n for n in names if n)
    return NetFinder(net, spec, detector, name=name, flip=request.flip, upright=request.turned, decoding=how)


def open_samples(request: Request) -> tuple[list[Sample], str]:
    """The marked faces that are asked for, and what they are in words.

    Raises:
        RequestError, SourceError: there are none.
    """
    dataset = open_dataset(request.data)
    if request.split:
        dataset = dataset.split(request.split)
    samples = marked_samples(dataset, request.count)
    return samples, _words(dataset, request, len(samples))


def evaluate(request: Request, told: Told | None = None) -> list[LandmarkRun]:
    """Look at every marked face, once per protocol.

    Raises:
        RequestError, SourceError, ConfigError, ModelError: nothing was measured.
    """
    samples, where = open_samples(request)
    finder = make_finder(request)
    try:
        return run_on(samples, finder, where, request.protocols, told)
    finally:
        finder.close()


def _words(dataset: Dataset, request: Request, count: int) -> str:
    """E.g. "WFLW, test, 70 faces"."""
    splits = request.split or ", ".join(dataset.split_counts)
    return f"{dataset.info.title}, {splits}, {count} faces"


def run_on(
    samples: Sequence[Sample], finder: Finder, data: str, protocols: Sequence[Protocol], told: Told | None = None
) -> list[LandmarkRun]:
    """One run per protocol; `told` hears (faces done, of how many)."""
    found: dict[Protocol, list[Float32]] = {p: [] for p in protocols}
    sizes: list[tuple[int, int]] = []
    truths = [np.asarray(s.landmarks_xy, np.float32) for s in samples]
    for number, (sample, truth) in enumerate(zip(samples, truths, strict=True)):
        image = sample.image()
        sizes.append((image.shape[1], image.shape[0]))
        for protocol in protocols:
            look = finder.in_picture if protocol == "end to end" else finder.in_true_crop
            found[protocol].append(look(image, truth))
        if told is not None:
            told(number + 1, len(samples))
    names, attributes = tuple(s.name for s in samples), tuple(s.attributes for s in samples)
    clusters = tuple(cluster_of(s) for s in samples)

    def run(protocol: Protocol) -> LandmarkRun:
        points = np.stack(found[protocol])
        return LandmarkRun(
            finder.name, data, protocol, names, tuple(sizes), np.stack(truths), points, attributes, clusters
        )

    return [run(p) for p in protocols]


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table of `landmark_run.figures`: one row per run."""
    head = ("method", "protocol", "faces", "found", "NME %", "median %", "FR@0.1 %", "AUC@0.1", "NME box %", *GROUPS)
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for r in results:
        cells = [
            *(r["method"], r["protocol"], r["faces"], r["found"], with_interval(r["nme"]), shown(r["median"])),
            f"{with_interval(r['fr10'], 1)} ({r['failures']})",
            *(with_interval(r["auc10"], 3), shown(r["nme_box"]), *(shown(r["groups"][g]) for g in GROUPS)),
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def tables(results: Sequence[Mapping[str, Any]]) -> str:
    """What was looked at, `table` and `subset_table`."""
    return f"{results[0]['data']}\n\n{table(results)}\n\n{subset_table(results)}"


def subset_table(results: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table by subset: NME % (found faces), FR@0.1 % (misses count), AUC@0.1, and failures of faces."""
    lines = ["| method, protocol | all | " + " | ".join(SUBSETS) + " |", "|---|" + "---|" * (1 + len(SUBSETS))]
    for r in results:
        parts = [r, *(r["subsets"][s] for s in SUBSETS)]
        cells = [
            f"{shown(p['nme']['value'])} / {shown(p['fr10']['value'], 1)} / {shown(p['auc10']['value'], 3)} "
            f"({p['failures']} of {p['faces']})"
            for p in parts
        ]
        lines.append(f"| {r['method']}, {r['protocol']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def shown(value: float | None, digits: int = 2) -> str:
    """A figure, or – where it is not defined."""
    return "–" if value is None else f"{value:.{digits}f}"


def with_interval(figure: Mapping[str, float | None], digits: int = 2) -> str:
    """A figure with its interval in brackets."""
    text = shown(figure["value"], digits)
    if figure["low"] is None:
        return text
    return f"{text} [{shown(figure['low'], digits)}, {shown(figure['high'], digits)}]"


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, help="NAME:PATH, e.g. wflw:FOLDER")
    parser.add_argument("--split", default="")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--detector")
    parser.add_argument("--landmarks")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--flip", action="store_true")
    parser.add_argument("--straight", action="store_true", help="crops stay parallel to the picture")
    parser.add_argument("--decoding", choices=("argmax", "quarter", "dark", "soft"))
    parser.add_argument("--protocol", action="append", choices=PROTOCOLS, help="default: both")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    request = Request(
        *(options.data, options.split, options.count, options.preset, options.detector, options.landmarks),
        *(options.checkpoint, options.flip, not options.straight, options.decoding),
        *(tuple(options.protocol or PROTOCOLS), options.threads),
    )
    results = [figures(run) for run in evaluate(request)]
    if options.json:
        log.info("%s", json.dumps(results, indent=2))
        return
    log.info("%s", tables(results))


if __name__ == "__main__":
    main()
