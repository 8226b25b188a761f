"""From samples and answers to the arrays of the metrics: which label is the truth of which metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float64, Int64
from mien.core.schema import load_schema
from mien.errors import RequestError
from mien.lab.datasets.au_labels import AuLabels
from mien.lab.datasets.labels import load_labels
from mien.lab.datasets.sample import Sample
from mien.lab.datasets.widerface_levels import LEVELS
from mien.lab.metrics import boxes, classes, intervals, landmarks, units
from mien.lab.metrics.agreement import mean_ccc as _mean_ccc
from mien.lab.metrics.score import Score, numbers

STREAMS = ("color", "depth")  # folders of one recording; the video is the folder above


@dataclass(frozen=True, slots=True)
class Settings:
    """What a protocol leaves open.

    Attributes:
        schema: label schema that truth and answers are converted to; a truth without a place in it is left out.
        classes: names instead of a schema.
        units: action units of the mean; None = all that occur in the samples' labels, as named there.
        present_from: intensity from which a unit is present; None = the labelled presence.
        normaliser: length that point distances are divided by.
        wflw_subsets: attributes that NME is also given for.
    """

    schema: str | None = None
    classes: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    present_from: float | None = None
    normaliser: landmarks.Normaliser = "inter_ocular"
    wflw_subsets: tuple[str, ...] = ("pose", "expression", "illumination", "makeup", "occlusion", "blur")


def _one_each(samples: Sequence[Sample], answers: Sequence[Any]) -> None:
    if len(samples) != len(answers):
        raise RequestError(f"{len(samples)} samples, {len(answers)} answers: one each, in the same order")


def average_precision(samples: Sequence[Sample], answers: Sequence[npt.ArrayLike], settings: Settings) -> Score:
    """AP of WIDER FACE; answers: (D, 5) px, left, top, right, bottom, score, per picture.

    Where the samples carry the published levels, `parts` are easy, medium and hard, and the value is that of hard,
    which contains the others. Else every box counts that is not marked invalid, and the part is "all".
    """
    _one_each(samples, answers)
    tables = [numbers(a, (None, 5), f"answer {i}", finite=True) for i, a in enumerate(answers)]
    levels = [x for x in LEVELS if any(x in s.attributes for s in samples)] or ["all"]
    parts = {}
    for level in levels:
        pictures = []
        for sample, table in zip(samples, tables, strict=True):
            if sample.boxes_xyxy is None or (level != "all" and level not in sample.attributes):
                continue
            pictures.append(boxes.BoxPicture(_truth(sample), _counts(sample, level), table[:, :4], table[:, 4]))
        score = boxes.average_precision(pictures)
        parts[level] = Score(level, score.value, score.support)
    last = parts[levels[-1]]
    return Score("average_precision", last.value, last.support, MappingProxyType(parts))


def _truth(sample: Sample) -> Float64:
    return np.asarray(sample.boxes_xyxy, dtype=np.float64)


def _counts(sample: Sample, level: str) -> boxes.Flags:
    if level != "all":
        return np.asarray(sample.attributes[level], dtype=bool)
    invalid = sample.attributes.get("invalid")
    return np.ones(len(_truth(sample)), bool) if invalid is None else np.asarray(invalid) == 0


def _point_errors(
    samples: Sequence[Sample], answers: Sequence[npt.ArrayLike], settings: Settings
) -> tuple[Float64, list[Sample]]:
    _one_each(samples, answers)
    kept = [(s, a) for s, a in zip(samples, answers, strict=True) if s.landmarks_xy is not None]
    errors = np.full(len(kept), np.nan)
    for i, (sample, answer) in enumerate(kept):
        truth = np.asarray(sample.landmarks_xy, dtype=np.float64)[None]
        own = numbers(answer, truth.shape[1:], f"answer for {sample.name}")[None]
        box = _truth(sample)[:1] if sample.boxes_xyxy is not None and len(sample.boxes_xyxy) else None
        lengths = landmarks.face_lengths(truth, settings.normaliser, box)
        errors[i] = landmarks.face_errors(truth, own, lengths)[0]
    return errors, [s for s, _ in kept]


def nme(samples: Sequence[Sample], answers: Sequence[npt.ArrayLike], settings: Settings) -> Score:
    """Mean NME; answers: (P, 2) px per face. Where the samples have WFLW's attributes, `parts` has the six subsets."""
    errors, kept = _point_errors(samples, answers, settings)
    names = [n for n in settings.wflw_subsets if any(n in s.attributes for s in kept)]
    return landmarks.subset_nme(errors, [s.attributes for s in kept], names)


def failure_rate_10(samples: Sequence[Sample], answers: Sequence[npt.ArrayLike], settings: Settings) -> Score:
    """Share of faces with NME above 0.10."""
    return landmarks.failure_rate(_point_errors(samples, answers, settings)[0])


def auc_10(samples: Sequence[Sample], answers: Sequence[npt.ArrayLike], settings: Settings) -> Score:
    """Area under the cumulative error curve up to NME 0.10."""
    return landmarks.area_under_curve(_point_errors(samples, answers, settings)[0])


def confusion(samples: Sequence[Sample], answers: Sequence[str], settings: Settings) -> tuple[Int64, tuple[str, ...]]:
    """(C, C) confusion matrix and the classes' names; answers: a class name per sample.

    Raises:
        RequestError: an answer that is none of the classes, or other lengths.
    """
    _one_each(samples, answers)
    truth: list[str] = []
    given: list[str] = []
    if settings.schema is not None:
        schema = load_labels(settings.schema)
        names = tuple(n for n in schema.names if n not in schema.unlabelled)
    else:
        schema, names = None, settings.classes or ()
    for sample, answer in zip(samples, answers, strict=True):
        if sample.expression is None:
            continue
        own = schema.convert(sample.expression.name) if schema else sample.expression.name
        if own is None:
            continue
        said = schema.convert(answer) if schema else answer
        if said is None:
            raise RequestError(f"answer for {sample.name}: {answer!r} is none of {', '.join(names)}")
        truth.append(own)
        given.append(said)
    if schema is None and not names:
        names = tuple(sorted({*truth, *given}))
    return classes.confusion_matrix(truth, given, names), names


def accuracy(samples: Sequence[Sample], answers: Sequence[str], settings: Settings) -> Score:
    """Share of samples classified rightly."""
    return classes.accuracy(*confusion(samples, answers, settings))


def macro_f1(samples: Sequence[Sample], answers: Sequence[str], settings: Settings) -> Score:
    """Mean of the classes' F1."""
    return classes.macro_f1(*confusion(samples, answers, settings))


def uf1(samples: Sequence[Sample], answers: Sequence[str], settings: Settings) -> Score:
    """UF1 over the samples of all folds together."""
    return classes.uf1(*confusion(samples, answers, settings))


def uar(samples: Sequence[Sample], answers: Sequence[str], settings: Settings) -> Score:
    """UAR over the samples of all folds together."""
    return classes.uar(*confusion(samples, answers, settings))


def video_name(sample: Sample) -> str:
    """Name of the long video a clip lies in: subject / folder of frames or video file, without its ending.

    Raises:
        RequestError: the sample is no clip, or the copy has neither frames nor a video of it.
    """
    clip = sample.clip
    if clip is not None and clip.video is not None:
        return f"{sample.subject}/{clip.video.stem}"
    if clip is not None and clip.frames is not None:
        folder = clip.frames.folder
        return f"{sample.subject}/{(folder.parent if folder.name in STREAMS else folder).name}"
    raise RequestError(f"{sample.dataset}: {sample.name}: lies in no video of this copy")


def true_intervals(samples: Iterable[Sample]) -> dict[str, list[intervals.Interval]]:
    """Video → its labelled intervals; a clip without an offset ends at its apex, one without either is left out."""
    out: dict[str, list[intervals.Interval]] = {}
    for sample in samples:
        if sample.clip is None:
            continue
        onset, end = sample.clip.onset, sample.clip.offset if sample.clip.offset is not None else sample.clip.apex
        if onset is None or end is None:
            continue
        label = sample.expression.name if sample.expression is not None else ""
        out.setdefault(video_name(sample), []).append(intervals.Interval(onset, end, sample.clip.kind, label))
    return out


def spotting_f1(
    samples: Sequence[Sample], answers: Mapping[str, Sequence[intervals.Interval]], settings: Settings
) -> Score:
    """F1 of spotting; answers: video (`video_name`) → intervals. In a video without samples nothing is to be found."""
    truth = true_intervals(samples)
    return intervals.spotting_f1({**{video: [] for video in answers}, **truth}, answers)


def mean_ccc(samples: Sequence[Sample], answers: Sequence[npt.ArrayLike], settings: Settings) -> Score:
    """Mean CCC; answers: (2,) valence, arousal per sample."""
    _one_each(samples, answers)
    kept = [(s.valence_arousal, a) for s, a in zip(samples, answers, strict=True) if s.valence_arousal is not None]
    return _mean_ccc(np.array([t for t, _ in kept]), np.array([a for _, a in kept]))


def _labels(sample: Sample) -> AuLabels | None:
    """The labelled units; of drawn and of pseudo-labelled faces their intensities as labels."""
    if sample.action_units is not None or sample.truth is None or sample.truth.action_units is None:
        return sample.action_units
    values = sample.truth.action_units
    with np.errstate(invalid="ignore"):
        presence = np.where(np.isnan(values), np.nan, values > 0).astype(np.float32)
    return AuLabels(load_schema("facs").names, presence, values)


def unit_names(samples: Iterable[Sample]) -> tuple[str, ...]:
    """Every unit that is labelled, in the order it is met first."""
    return tuple(dict.fromkeys(n for s in samples if (own := _labels(s)) is not None for n in own.names))


def unit_truth(samples: Sequence[Sample], names: Sequence[str], settings: Settings, what: str) -> Float64:
    """(N, U) "presence" (0, 1) or "intensity" (0–5) of the units; NaN = not coded."""
    out = np.full((len(samples), len(names)), np.nan)
    for i, sample in enumerate(samples):
        labels = _labels(sample)
        if labels is None:
            continue
        if labels.others_absent:
            out[i] = 0.0
        values = labels.presence if what == "presence" and settings.present_from is None else labels.intensity
        place = {name: j for j, name in enumerate(labels.names)}
        for j, name in enumerate(names):
            if name in place:
                out[i, j] = values[place[name]]
    if what == "presence" and settings.present_from is not None:
        return np.where(np.isnan(out), np.nan, out >= settings.present_from)
    return out


def _unit_tables(
    samples: Sequence[Sample], answers: Sequence[npt.ArrayLike], settings: Settings, what: str
) -> tuple[Float64, Float64, tuple[str, ...]]:
    _one_each(samples, answers)
    names = settings.units if settings.units is not None else unit_names(samples)
    given = numbers(np.stack([np.asarray(a) for a in answers]) if len(answers) else [], (None, len(names)), "answers")
    return unit_truth(samples, names, settings, what), given, names


def au_f1(samples: Sequence[Sample], answers: Sequence[npt.ArrayLike], settings: Settings) -> Score:
    """Mean F1 of presence; answers: (U,) 0 or 1 per sample, in the order of `settings.units` or `unit_names`."""
    return units.au_f1(*_unit_tables(samples, answers, settings, "presence"))


def au_icc(samples: Sequence[Sample], answers: Sequence[npt.ArrayLike], settings: Settings) -> Score:
    """Mean ICC(3,1) of intensity; answers: (U,) 0–5 per sample."""
    return units.au_icc(*_unit_tables(samples, answers, settings, "intensity"))
