"""Protocols of micro-expression recognition: one subject left out, or subject-wise folds; scored once, after all folds.

In each fold a method learns from scratch on the others and looks at the left-out clips once. Nothing is chosen by them:
the number of steps is fixed beforehand, adjacency, scales and lengths come from the training clips. `check_no_leak`
refuses a fold whose test shares a clip, a subject or a picture with its training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from mien.core.arrays import Float64
from mien.errors import RequestError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.splits import subject_fold
from mien.lab.metrics.classes import accuracy, confusion_matrix, macro_f1, uar, uf1
from mien.lab.metrics.intervals import Interval, spot_then_recognise, spotting_f1
from mien.lab.metrics.leaks import COMPOSITE, check_no_leak
from mien.lab.micro.clips import MicroClip, micro_samples, read_clips
from mien.lab.micro.flow_features import half_length, intervals_of, mdmd_curve, of_fd_curve, region_path, sp_fd_curve
from mien.lab.micro.methods import NAMES, TABLE_2, TABLE_3, Effort, Recogniser, make_method

Protocol = Literal["loso", "kfold"]
FOLDS = 5
SPOTTERS = ("mdmd", "of-fd", "sp-fd")
"""Methods whose curve is also scored as a spotter; on clips with their margins, the videos of this evaluation."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to evaluate.

    Attributes:
        data: NAME:PATH of each dataset; several = the composite of MEGC 2019.
        protocol: "loso" or "kfold" (subject-wise, five).
        methods: names out of `methods.NAMES`; empty = all.
        three: MEGC's three classes instead of the dataset's own.
        count: clips at most, evenly spread; 0 = all.
        side: of the clips' pictures, px.
        effort: of the networks.
        pictures: compare pictures in the leak test, too (slower).
    """

    data: tuple[str, ...]
    protocol: Protocol = "loso"
    methods: tuple[str, ...] = ()
    three: bool = False
    count: int = 0
    side: int = 64
    effort: Effort = field(default_factory=Effort)
    pictures: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class MicroFold:
    """One turn: whose clips are tested, and who is learned from."""

    name: str
    train: tuple[MicroClip, ...]
    test: tuple[MicroClip, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """One method under one protocol.

    Attributes:
        method: name.
        accuracy, macro_f1, uf1, uar: 0–1, counts of all folds added first; NaN = not defined.
        support: clips.
        folds: turns.
        spotting_f1, strs: of methods that spot; NaN otherwise.
    """

    method: str
    accuracy: float
    macro_f1: float
    uf1: float
    uar: float
    support: int
    folds: int
    spotting_f1: float = float("nan")
    strs: float = float("nan")


def load_clips(request: Request) -> list[MicroClip]:
    """The clips of all datasets.

    Raises:
        RequestError: fewer than two subjects or two classes: nothing could be learned or left out.
    """
    clips: list[MicroClip] = []
    for spec in request.data:
        name, colon, path = spec.partition(":")
        samples = micro_samples(list(open_dataset(COMPOSITE.get(name, name) + colon + path)))
        if request.count and len(samples) > request.count:
            places = np.linspace(0, len(samples) - 1, request.count).round().astype(int)
            samples = [samples[k] for k in places.tolist()]
        clips += list(read_clips(samples, request.side, three=request.three or len(request.data) > 1))
    subjects, labels = {_person(c) for c in clips}, {c.label for c in clips}
    if len(subjects) < 2 or len(labels) < 2:
        raise RequestError(
            f"{', '.join(request.data)}: {len(clips)} micro-expressions of {len(subjects)} subjects in {len(labels)} "
            "classes: at least two of each are needed; is the copy complete (mien lab data check)?"
        )
    return clips


def folds_of(clips: Sequence[MicroClip], protocol: Protocol) -> Iterator[MicroFold]:
    """Turns of a protocol; every subject is tested once."""
    if protocol == "loso":
        key: Callable[[MicroClip], str] = _person
    else:
        key = lambda c: subject_fold(c.sample.dataset, c.subject, FOLDS)  # noqa: E731
    names = sorted({key(c) for c in clips})
    for name in names:
        test = tuple(c for c in clips if key(c) == name)
        train = tuple(c for c in clips if key(c) != name)
        if train and test:
            yield MicroFold(name, train, test)


def _person(clip: MicroClip) -> str:
    return f"{clip.sample.dataset}/{clip.subject}"


def run(
    method: str,
    folds: Sequence[MicroFold],
    request: Request,
    make: Callable[[str, Effort], Recogniser] = make_method,
) -> Result:
    """Evaluate one method.

    Args:
        method: name.
        folds: of the protocol.
        request: effort and leak test.
        make: gives a method by name.

    Raises:
        RequestError: a fold leaks.
    """
    classes = sorted({c.label for fold in folds for c in (*fold.train, *fold.test)})
    truth: list[str] = []
    predicted: list[str] = []
    spotted: dict[str, list[Interval]] = {}
    real: dict[str, list[Interval]] = {}
    recogniser = make(method, request.effort)
    for fold in folds:
        pictures: Literal["pixels", "none"] = "pixels" if request.pictures else "none"
        check_no_leak([c.sample for c in fold.train], [c.sample for c in fold.test], pictures)
        recogniser.fit(fold.train, classes)
        answers = recogniser.predict(fold.test)
        truth += [c.label for c in fold.test]
        predicted += answers
        if method in SPOTTERS:
            half = half_length([c.offset - c.onset for c in fold.train])
            for clip, answer in zip(fold.test, answers, strict=True):
                real[clip.sample.name] = [Interval(clip.onset, clip.offset, "micro", clip.label)]
                spotted[clip.sample.name] = [_labelled(i, answer) for i in _spot(method, clip, half)]
    matrix = confusion_matrix(truth, predicted, classes)
    scores = {
        name: score(matrix, classes).value
        for name, score in (("accuracy", accuracy), ("macro_f1", macro_f1), ("uf1", uf1), ("uar", uar))
    }
    spots = spotting_f1(real, spotted).value if spotted else float("nan")
    strs = spot_then_recognise(real, spotted, classes).value if spotted else float("nan")
    return Result(method, **scores, support=len(truth), folds=len(folds), spotting_f1=spots, strs=strs)


def _spot(method: str, clip: MicroClip, half: int) -> list[Interval]:
    k = max(1, half)
    curve: Float64
    if method == "mdmd":
        curve = mdmd_curve(clip.frames, k)
    else:
        path = region_path(clip.frames)
        curve = of_fd_curve(path) if method == "of-fd" else sp_fd_curve(path, k)
    return intervals_of(curve, half)


def _labelled(interval: Interval, label: str) -> Interval:
    return Interval(interval.onset, interval.offset, interval.kind, label, interval.score)


def evaluate(request: Request, told: Callable[[int, int], None] | None = None) -> list[Result]:
    """Every method asked for.

    Args:
        request: what.
        told: is told (methods done, of how many).

    Raises:
        RequestError: unknown protocol, too little data, or a leak.
        ConfigError: unknown method.
    """
    if request.protocol not in ("loso", "kfold"):
        raise RequestError(f"--protocol {request.protocol}: loso or kfold")
    names = request.methods or NAMES
    for name in names:
        make_method(name, request.effort)  # a wrong name shows before the work
    folds = list(folds_of(load_clips(request), request.protocol))
    if len(folds) < 2:
        raise RequestError(
            f"--protocol {request.protocol}: the subjects make {len(folds)} fold; at least two are needed"
        )
    out = []
    for done, name in enumerate(names, 1):
        out.append(run(name, folds, request))
        if told is not None:
            told(done, len(names))
    return out


def as_json(results: Sequence[Result], request: Request) -> dict[str, Any]:
    """Plain data; NaN becomes None."""
    rows = [
        {k: (None if isinstance(v := getattr(r, k), float) and np.isnan(v) else v) for k in Result.__dataclass_fields__}
        for r in results
    ]
    return {"protocol": request.protocol, "data": list(request.data), "methods": rows}


def as_text(results: Sequence[Result], request: Request) -> str:
    """A Markdown table, beside the published figures of seed 002 (CASME II, %), which are other data."""
    lines = [
        f"{', '.join(r.partition(':')[0] for r in request.data)}, {request.protocol}, "
        f"{results[0].support if results else 0} clips, {results[0].folds if results else 0} folds",
        "",
        "| method | accuracy | macro F1 | UF1 | UAR | n | spotting F1 | STRS | paper: accuracy, F1 (Table 3) | "
        "paper: k-fold, LOSO (Table 2) |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        title, *three = TABLE_3.get(r.method, (r.method,))
        two = TABLE_2.get(r.method, ("",))[1:]
        cells = [_percent(v) for v in (r.accuracy, r.macro_f1, r.uf1, r.uar)]
        tail = [_percent(r.spotting_f1), _percent(r.strs)]
        papers = [", ".join(f"{v:.2f}" for v in t) or "–" for t in (three, two)]
        lines.append(f"| {' | '.join([title, *cells, str(r.support), *tail, *papers])} |")
    return "\n".join(lines)


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:.1f}"
