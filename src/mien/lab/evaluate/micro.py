"""Protocols of micro-expression recognition: one subject left out, or subject-wise folds; scored once, after all folds.

In each fold a method learns from scratch on the others and looks at the left-out clips once. Nothing is chosen by them:
the number of steps is fixed beforehand, adjacency, scales and lengths come from the training clips. `check_no_leak`
refuses a fold whose test shares a clip, a subject or a picture with its training.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import Float64
from mien.errors import RequestError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.evaluate.micro_folds import MicroFold, Protocol, classes_of, commonest_turns, folds_of, person_of
from mien.lab.evaluate.micro_scores import COMMONEST, Result, as_rows, permuted, result_of, table
from mien.lab.evaluate.micro_turns import Span, Turn, TurnFile, fingerprint
from mien.lab.metrics.intervals import Interval
from mien.lab.metrics.leaks import COMPOSITE, check_no_leak
from mien.lab.micro.clips import MicroClip, label_of, micro_samples, read_clips
from mien.lab.micro.flow_features import half_length, intervals_of, mdmd_curve, of_fd_curve, region_path, sp_fd_curve
from mien.lab.micro.methods import NAMES, Effort, Recogniser, make_method
from mien.lab.micro.networks import Network
from mien.lab.micro.pretraining import PRETRAINED, ordinary_clips, pretrained_weights, started_from

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
        turns: only the first so many of each method; 0 = all.
        out: file of the finished turns, from which the same request goes on; None = nothing is kept.
        pretrain: NAME:PATH of each dataset of macro-expressions that "3d-cnn-pretrained" begins with; without any it is
            not among the methods.
        pretrain_steps: on them, fixed beforehand as those of the folds.
    """

    data: tuple[str, ...]
    protocol: Protocol = "loso"
    methods: tuple[str, ...] = ()
    three: bool = False
    count: int = 0
    side: int = 64
    effort: Effort = field(default_factory=Effort)
    pictures: bool = False
    turns: int = 0
    out: Path | None = None
    pretrain: tuple[str, ...] = ()
    pretrain_steps: int = 1000


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
        label = partial(label_of, three=request.three or len(request.data) > 1)
        clips += list(read_clips(samples, request.side, label))
    subjects, labels = {person_of(c) for c in clips}, {c.label for c in clips}
    if len(subjects) < 2 or len(labels) < 2:
        raise RequestError(
            f"{', '.join(request.data)}: {len(clips)} micro-expressions of {len(subjects)} subjects in {len(labels)} "
            "classes: at least two of each are needed; is the copy complete (mien lab data check)?"
        )
    return clips


def run_turn(recogniser: Recogniser, method: str, fold: MicroFold, classes: Sequence[str], pictures: bool) -> Turn:
    """One method in one fold.

    Args:
        recogniser: learns from scratch at every `fit`.
        method: its name.
        fold: whom to learn from, whom to look at.
        classes: of the whole data.
        pictures: compare pictures in the leak test, too.

    Raises:
        RequestError: the fold leaks.
    """
    check_no_leak([c.sample for c in fold.train], [c.sample for c in fold.test], "pixels" if pictures else "none")
    began = time.monotonic()
    recogniser.fit(fold.train, classes)
    answers = tuple(recogniser.predict(fold.test))
    spans: tuple[Span, ...] = ()
    spotted: tuple[tuple[Span, ...], ...] = ()
    if method in SPOTTERS:
        half = half_length([c.offset - c.onset for c in fold.train])
        spans = tuple((c.onset, c.offset) for c in fold.test)
        spotted = tuple(tuple((i.onset, i.offset) for i in _spot(method, c, half)) for c in fold.test)
    names, people = tuple(c.sample.name for c in fold.test), tuple(person_of(c) for c in fold.test)
    took, truth = time.monotonic() - began, tuple(c.label for c in fold.test)
    return Turn(method, fold.name, took, names, people, truth, answers, spans, spotted)


def _spot(method: str, clip: MicroClip, half: int) -> list[Interval]:
    k = max(1, half)
    curve: Float64
    if method == "mdmd":
        curve = mdmd_curve(clip.frames, k)
    else:
        path = region_path(clip.frames)
        curve = of_fd_curve(path) if method == "of-fd" else sp_fd_curve(path, k)
    return intervals_of(curve, half)


def run(
    method: str,
    folds: Sequence[MicroFold],
    request: Request,
    make: Callable[[str, Effort], Recogniser] = make_method,
    kept: TurnFile | None = None,
    told: Callable[[], None] = lambda: None,
) -> list[Turn]:
    """Evaluate one method, fold after fold; what is kept already is not done again.

    Args:
        method: name.
        folds: of the protocol.
        request: effort and leak test.
        make: gives a method by name; only asked if a turn is missing, its time counts as the first such turn's.
        kept: the turns finished so far; new ones are added.
        told: is called after every new turn.

    Raises:
        RequestError: a fold leaks.
    """
    kept = kept or TurnFile(None, {})
    classes = classes_of(folds)
    recogniser: Recogniser | None = None
    for fold in folds:
        if kept.find(method, fold.name) is None:
            began = time.monotonic()
            recogniser = recogniser or make(method, request.effort)  # may learn beforehand: not for kept turns alone
            making = time.monotonic() - began
            turn = run_turn(recogniser, method, fold, classes, request.pictures)
            kept.add(replace(turn, seconds=turn.seconds + making))
            told()
    return kept.of(method, [f.name for f in folds])


def evaluate(request: Request, told: Callable[[int, int], None] | None = None) -> list[Result]:
    """Every method asked for, and what chance gives.

    Args:
        request: what.
        told: is told (turns done, of how many), first before the first new one.

    Raises:
        RequestError: unknown protocol, too little data, a leak, or a file of another request.
        ConfigError: unknown method.
    """
    if request.protocol not in ("loso", "kfold"):
        raise RequestError(f"--protocol {request.protocol}: loso or kfold")
    names = request.methods or (*NAMES, *((PRETRAINED,) if request.pretrain else ()))
    if PRETRAINED in names and not request.pretrain:
        raise RequestError(f"{PRETRAINED}: --pretrain NAME:PATH names the macro-expressions that it begins with")
    for name in names:
        if name != PRETRAINED:
            make_method(name, request.effort)  # a wrong name shows before the work
    clips = load_clips(request)
    folds = list(folds_of(clips, request.protocol))
    if len(folds) < 2:
        raise RequestError(
            f"--protocol {request.protocol}: the subjects make {len(folds)} fold; at least two are needed"
        )
    specs = request.pretrain if PRETRAINED in names else ()
    first = ordinary_clips(specs, request.side, [c.sample for c in clips], "pixels" if request.pictures else "none")
    kept, classes = TurnFile(request.out, _asked(request, clips, first)), classes_of(folds)
    folds = folds[: request.turns or None]
    total = len(names) * len(folds)
    say = told or (lambda done, total: None)
    done = sum(len(kept.of(name, [f.name for f in folds])) for name in names)
    say(done, total)

    def one_more() -> None:
        nonlocal done
        done += 1
        say(done, total)

    make = partial(_made, request, first)
    by_method = {name: run(name, folds, request, make, kept, one_more) for name in names}
    chance = commonest_turns(folds)
    out = [result_of(COMMONEST, chance, classes), permuted(chance, classes)]
    return out + [result_of(name, turns, classes) for name, turns in by_method.items()]


def _made(request: Request, first: Sequence[MicroClip], name: str, effort: Effort) -> Recogniser:
    if name != PRETRAINED:
        return make_method(name, effort)
    weights = pretrained_weights(first, replace(effort, steps=request.pretrain_steps))
    return Network(started_from(weights), effort)


def _asked(request: Request, clips: Sequence[MicroClip], first: Sequence[MicroClip]) -> dict[str, Any]:
    """What decides a turn's outcome; no path of the user's machine."""
    names = [spec.partition(":")[0] for spec in request.data]
    told = {"data": names, "protocol": request.protocol, "clips_side": request.side, **asdict(request.effort)}
    if first:
        told |= {"pretrain_steps": request.pretrain_steps, "pretrain": fingerprint(first)}
    return {"format": 1, **told, "classes": sorted({c.label for c in clips}), "clips": fingerprint(clips)}


def as_json(results: Sequence[Result], request: Request) -> dict[str, Any]:
    """Plain data; NaN becomes None."""
    return {"protocol": request.protocol, "data": list(request.data), "methods": as_rows(results)}


def as_text(results: Sequence[Result], request: Request) -> str:
    """A Markdown table under a line that says of what."""
    of = results[0] if results else None
    counts = "" if of is None else f", {of.support} clips of {of.subjects} subjects, {of.folds} folds"
    first = f"{', '.join(r.partition(':')[0] for r in request.data)}, {request.protocol}{counts}"
    return "\n".join([f"{first}; %, in brackets 95 % by subjects", "", *table(results)])
