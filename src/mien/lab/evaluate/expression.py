"""Measure readers of expressions: accuracy, macro F1, support, confusion, calibration, latency; aligned and end to end.

Nothing is learnt or chosen here. Of FER2013 the validation part is the one to ask for; faces that Mien's landmark
network does not find in a cut-out picture are read from the whole picture, so that every face counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import Float32, Int64
from mien.core.record import FrameRecord, Stamp
from mien.errors import RequestError
from mien.lab.datasets.dataset import Dataset, open_dataset
from mien.lab.datasets.sample import Sample
from mien.lab.evaluate.expression_clip_readers import looks_at_clips, moments_of, read_on_clips
from mien.lab.evaluate.expression_parts import learnt_from, measured, warn_if_learnt
from mien.lab.evaluate.expression_readers import Reader, by_name, reader_of
from mien.lab.metrics.calibration import reliability
from mien.lab.metrics.classes import accuracy, class_recall, confusion_matrix, macro_f1
from mien.lab.metrics.score import Score
from mien.lab.metrics.uncertainty import by_subject
from mien.lab.train.expression_clips import read_clips
from mien.lab.train.expression_faces import ExpressionFaces, read_faces
from mien.lab.train.expression_plan import classes_of
from mien.lab.train.expression_points import points_of
from mien.pipeline.compose import Pipeline, compose
from mien.pipeline.config import load_config
from mien.pipeline.stage import SourceInfo

Told = Callable[[int, int], None]
MISSED = "not found"


@dataclass(frozen=True, slots=True)
class Request:
    """What is measured.

    Attributes:
        data: NAME:PATH.
        models: words of `expression_readers.reader_of`; all see the same faces.
        split: only this split, fold or person; "" = everything.
        count: faces, evenly spread; 0 = all.
        aligned: crops follow the landmarks; False = whole pictures.
        points: file that keeps the points found, with networks of clips the folder that keeps what was read of the
            clips; None = they are found anew.
        flip: mean with the mirror image.
        end_to_end: also run this preset on whole pictures; "" = not.
    """

    data: str
    models: tuple[str, ...]
    split: str = ""
    count: int = 0
    aligned: bool = True
    points: Path | None = None
    flip: bool = True
    end_to_end: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What one reader said.

    Attributes:
        name: of the reader.
        protocol: "aligned crop", "whole picture" or "end to end".
        classes: what is told apart.
        truth: (N,) numbers of the true classes.
        found: (N, C) probabilities; NaN rows = the face was not found.
        clusters: whose each face is, or a name of its own.
        latency_ms: of one face; NaN = not measured.
        facts: of a checkpoint; else empty.
        learnt: see `expression_parts.learnt_from`.
    """

    name: str
    protocol: str
    classes: tuple[str, ...]
    truth: Int64
    found: Float32
    clusters: tuple[str, ...]
    latency_ms: float = float("nan")
    facts: Mapping[str, Any] = field(default_factory=dict)
    learnt: int | None = None


def evaluate(request: Request, told: Told = lambda done, total: None) -> list[Run]:
    """Every reader on the same faces; then the preset on the whole pictures, if asked for.

    Raises:
        RequestError: no such data or split; nothing to measure.
        SourceError, ModelError: they cannot be read.
    """
    if not request.models and not request.end_to_end:
        raise RequestError("nothing to measure: name a model, or a preset for end to end")
    dataset = open_dataset(request.data)
    samples = measured(dataset, request.split, request.count)
    classes = classes_of([dataset], ())
    if any(looks_at_clips(word) for word in request.models):
        return _on_clips(request, dataset, samples, told)
    runs = []
    if request.models:
        faces = _faces(request, samples, classes)
        protocol = "aligned crop" if request.aligned else "whole picture"
        truth = faces.probabilities.argmax(axis=1).astype(np.int64)
        for done, word in enumerate(request.models, 1):
            reader: Reader = reader_of(word, flip=request.flip)
            try:
                found = by_name(reader.read(faces), reader.classes, classes)
                ms, shown = reader.latency_ms(), "whole picture" if word == "fer" else protocol
                learnt = learnt_from(reader.facts, dataset, samples)
                warn_if_learnt(reader.name, learnt, len(samples))
                runs.append(Run(reader.name, shown, classes, truth, found, faces.names, ms, reader.facts, learnt))
            finally:
                reader.close()
            told(done, len(request.models))
    if request.end_to_end:
        runs.append(_in_pictures(request, samples, classes, told))
    return runs


def _on_clips(request: Request, dataset: Dataset, samples: Sequence[Sample], told: Told) -> list[Run]:
    """Networks of clips, each also without the sound, and networks of pictures: their mean over the same moments."""
    if request.end_to_end:
        raise RequestError("clips are read by the whole chain anyway: leave --preset out with a network of clips")
    classes = classes_of([dataset], ())
    moments = next(n for word in request.models if (n := moments_of(word)))
    clips = read_clips(samples, classes, moments, request.points, aligned=request.aligned, told=told)
    truth = clips.probabilities.argmax(axis=1).astype(np.int64)
    protocol = f"clips, {moments} moments, " + ("aligned crops" if request.aligned else "whole pictures")
    runs = []
    for word in request.models:
        for said in read_on_clips(word, clips, flip=request.flip):
            found = by_name(said.found, said.classes, classes)
            learnt = learnt_from(said.facts, dataset, samples)
            warn_if_learnt(said.name, learnt, len(clips))
            shown = protocol + ", sound taken away" * said.muted
            names, ms = clips.names, said.latency_ms
            runs.append(Run(said.name, shown, classes, truth, found, names, ms, said.facts, learnt))
    return runs


def _faces(request: Request, samples: Sequence[Sample], classes: Sequence[str]) -> ExpressionFaces:
    points = points_of(samples, request.points) if request.aligned else None
    return read_faces(samples, classes, points, originals="fer" in request.models)


def _in_pictures(request: Request, samples: Sequence[Sample], classes: tuple[str, ...], told: Told) -> Run:
    """The preset's whole chain on each picture by itself; of several faces the largest counts."""
    config = load_config(request.end_to_end)
    truth, rows, names = [], [], []
    with compose(config, SourceInfo(name="pictures", kind="images")) as pipeline:
        if "faces.expression" not in pipeline.fields:
            raise RequestError(f'preset "{request.end_to_end}" has no stage that reads expressions')
        for i, sample in enumerate(samples):
            label = sample.expression
            assert label is not None
            if label.name in classes:
                rows.append(_one(pipeline, sample, i, classes))
                truth.append(classes.index(label.name))
                names.append(sample.subject or sample.name)
            told(i + 1, len(samples))
    where = f"end to end: preset {request.end_to_end}"
    return Run("Mien", where, classes, np.array(truth, np.int64), np.stack(rows), tuple(names))


def _one(pipeline: Pipeline, sample: Sample, number: int, classes: Sequence[str]) -> Float32:
    image = sample.image()
    for _, stage in pipeline.stages:
        stage.reset()
    height, width = image.shape[:2]
    record = FrameRecord(Stamp(sample.dataset, number, 0), (width, height), image)
    for _, stage in pipeline.stages:
        record = stage.step(record)
    read = [f for f in record.faces if f.expression is not None and np.isfinite(f.expression.values).any()]
    if not read:
        return np.full(len(classes), np.nan, np.float32)
    largest = max(read, key=lambda f: f.box.size_wh[0] * f.box.size_wh[1])
    assert largest.expression is not None
    values = np.nan_to_num(largest.expression.values)[None]
    found: Float32 = by_name(values, largest.expression.names, classes)[0]
    return found


def figures(run: Run) -> dict[str, Any]:
    """Everything about a run, as plain data; a missed face is a mistake, in a column of its own."""
    classes = run.classes
    missed = ~np.isfinite(run.found).all(axis=1)
    guessed = np.where(missed, len(classes), np.nan_to_num(run.found, nan=-1.0).argmax(axis=1))
    names = (*classes, MISSED)
    whole = confusion_matrix([names[i] for i in run.truth], [names[i] for i in guessed], names)

    def right(items: Int64) -> float:
        return float((guessed[items] == run.truth[items]).mean())

    def f1(items: Int64) -> float:
        matrix = np.zeros_like(whole)
        np.add.at(matrix, (run.truth[items], guessed[items]), 1)
        return macro_f1(matrix, names).value

    sure, fair = by_subject(right, run.clusters, repeats=300), by_subject(f1, run.clusters, repeats=300)
    scores: list[Score] = [accuracy(whole, names), macro_f1(whole, names)]
    out: dict[str, Any] = {
        "name": run.name,
        "network": str(run.facts.get("model", {}).get("name", "")),
        "taught": {k: v for k, v in run.facts.items() if k != "seed"},
        "seed": run.facts.get("seed"),
        "learnt_from": run.learnt,
        "protocol": run.protocol,
        "faces": len(run.truth),
        "not_found": int(missed.sum()),
        "accuracy": sure.value,
        "accuracy_interval": [sure.low, sure.high],
        "macro_f1": fair.value,
        "macro_f1_interval": [fair.low, fair.high],
        "support": {name: int(n) for name, n in zip(classes, whole.sum(axis=1)[:-1], strict=True)},
        "recall": dict(zip(classes, class_recall(whole)[:-1].tolist(), strict=True)),
        "f1": {name: scores[1].parts[name].value for name in classes},
        "classes": list(names),
        "confusion": whole[:-1].tolist(),
        "latency_ms": run.latency_ms,
    }
    if not missed.any():
        diagram = reliability(run.found / run.found.sum(axis=1, keepdims=True), run.truth)
        out |= {
            "ece": diagram.ece,
            "nll": float(-np.log(np.maximum(run.found[np.arange(len(run.truth)), run.truth], 1e-9)).mean()),
            "reliability": [
                {"sure": s, "right": r, "count": int(n)}
                for s, r, n in zip(diagram.sure, diagram.right, diagram.count, strict=True)
                if n
            ],
        }
    plain: dict[str, Any] = _finite(out)
    return plain


def _finite(value: Any) -> Any:
    """NaN becomes None, which JSON has."""
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
