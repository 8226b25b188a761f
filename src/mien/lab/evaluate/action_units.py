"""The synthetic loop: people that nobody trained on perform known curves, are drawn, and captured by a whole preset.

What the rig was told is the truth. Persons are those of the test split of drawn datasets (`datasets.splits`), so no
network of this repository met them. Shapes a rig cannot show, and units that hang on them, are not judged on it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.action_units.facs import unit_rules
from mien.action_units.features import apparent_yaw_pitch
from mien.core.arrays import Float64
from mien.core.measures import Measure
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import RequestError, SinkError
from mien.lab.datasets.splits import hashed_split
from mien.lab.evaluate.curves import Curves, CurveScore, in_words, score_curves, summary, table
from mien.lab.render.random_scene import Wishes, person_of
from mien.lab.render.sample import RenderedSample
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Identity, Rig
from mien.lab.synth.exercise import exercise
from mien.lab.synth.render_sequence import CALM, render_sequence
from mien.lab.synth.sequence import FaceSequence
from mien.lab.synth.stored.order import RigOrder
from mien.pipeline.compose import Pipeline, compose
from mien.pipeline.config import load_config
from mien.pipeline.stage import SourceInfo

FRONTAL_DEG = 30.0
"""Yaw within which the second table is taken."""
PEOPLE = 256
"""Persons of each rig that drawn datasets have."""
_GAZE = tuple(i for i, n in enumerate(load_schema("arkit52").names) if n.startswith("eyeLook"))


@dataclass(frozen=True, slots=True)
class Request:
    """What is measured.

    Attributes:
        rigs: "builtin", "ict:FOLDER", …
        presets: each one captures the same pictures.
        people: of each rig.
        seconds: of each clip; 0 = the whole exercise, about 27 s.
        fps: of the clips.
        size_px: side of the pictures.
        first_seed: where the search for people begins: other seeds, other people and curves.
        overrides: "key.sub=value" for every preset.
    """

    rigs: tuple[str, ...] = ("builtin",)
    presets: tuple[str, ...] = ("balanced",)
    people: int = 2
    seconds: float = 0.0
    fps: float = 15.0
    size_px: int = 320
    first_seed: int = 1
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One person's performance as one preset saw it.

    Attributes:
        person: rig and name.
        fps: of the clip.
        yaw_deg: (T,) true yaw relative to the line of sight.
        shapes, units: (2, T, 52) and (2, T, U) truth and answer; NaN in the truth = not judged, in the answer = not
            measured.
        found: (T,) bool, a face was found.
        reasons: why entries of the answer are NaN → how many, over all frames.
    """

    person: str
    fps: float
    yaw_deg: Float64
    shapes: Float64
    units: Float64
    found: npt.NDArray[np.bool_]
    reasons: Counter[str]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """All clips of one preset."""

    preset: str
    clips: tuple[Clip, ...]


def evaluate(request: Request, told: Callable[[int, int], None] | None = None) -> list[Run]:
    """Draw and capture; one run per preset.

    Args:
        request: what.
        told: is called with frames done and frames in all.

    Raises:
        ConfigError: unknown preset, rig or key. SourceError: a rig's folder does not hold it.
        RequestError: nobody to draw.
    """
    rigs = [RigOrder.parse(text) for text in request.rigs]
    if not rigs or not request.presets or request.people < 1:
        raise RequestError("name at least one rig, one preset and one person")
    configs = [load_config(p, request.overrides) for p in request.presets]
    cast: list[tuple[Rig, FaceSequence]] = []
    for order in rigs:
        rig = load_rig(order.name, order.folder)
        cast += [(rig, shortened(exercise(s, request.fps), request.seconds)) for s in seeds_of_held_out(rig, request)]
    done, total = 0, sum(len(sequence) for _, sequence in cast)
    clips: list[list[Clip]] = [[] for _ in configs]
    for rig, sequence in cast:
        for mine, clip in zip(clips, _captured(rig, sequence, request, configs), strict=True):
            mine.append(clip)
        done += len(sequence)
        if told is not None:
            told(done, total)
    return [Run(preset, tuple(c)) for preset, c in zip(request.presets, clips, strict=True)]


def seeds_of_held_out(rig: Rig, request: Request) -> list[int]:
    """Seeds from `first_seed` on that show persons of the test split, each person once.

    Raises:
        RequestError: the rig has too few.
    """
    seeds, met = [], set()
    for seed in range(request.first_seed, request.first_seed + 40 * PEOPLE):
        number = person_of(seed, PEOPLE)
        name = rig.identity(np.random.default_rng([number, 0])).name if number not in met else ""
        if not name or name in met:
            continue
        met |= {number, name}
        if hashed_split("synthetic", f"{rig.name}/{name}") == "test":
            seeds.append(seed)
        if len(seeds) == request.people:
            return seeds
    raise RequestError(f"the rig {rig.name!r} has {len(seeds)} persons of the test split, {request.people} are wanted")


def shortened(sequence: FaceSequence, seconds: float) -> FaceSequence:
    """Its first seconds; 0 = all of it."""
    n = len(sequence) if seconds <= 0 else max(2, min(len(sequence), int(seconds * sequence.fps)))
    arrays = ("times_ns", "shapes", "gaze_deg", "head_deg", "head_mm", "light")
    return replace(sequence, **{a: getattr(sequence, a)[:n] for a in arrays}, seconds=n / sequence.fps)


def drawn(rig: Rig, sequence: FaceSequence, size_px: int) -> Iterator[RenderedSample]:
    """The pictures, calm surroundings."""
    return render_sequence(rig, sequence, size_px, wishes())


def wishes() -> Wishes:
    """Of the scenes."""
    return replace(CALM, people=PEOPLE)


def whole_chain(config: dict[str, Any]) -> Pipeline:
    """All stages of a preset, without its outputs."""
    return compose(config, SourceInfo("drawn", "video"))


def as_record(sample: RenderedSample, index: int, t_ns: int) -> FrameRecord:
    """A picture as the frame of a clip."""
    h, w, _ = sample.image.shape
    return FrameRecord(Stamp("drawn", index, t_ns), (w, h), sample.image)


def _captured(rig: Rig, sequence: FaceSequence, request: Request, configs: list[dict[str, Any]]) -> list[Clip]:
    """One clip per configuration."""
    with ExitStack() as stack:
        chains = [stack.enter_context(whole_chain(c)) for c in configs]
        tracks = [_Track() for _ in chains]
        person, judged = "", None
        for k, sample in enumerate(drawn(rig, sequence, request.size_px)):
            if judged is None:
                person = f"{rig.name}/{sample.identity}"
                judged = shown_by(rig, _identity(rig, sequence.seed))
            record = as_record(sample, k, int(sequence.times_ns[k]))
            for chain, track in zip(chains, tracks, strict=True):
                track.add(chain.process(record).faces, sample)
    assert judged is not None
    return [track.clip(person, sequence.fps, judged) for track in tracks]


def _identity(rig: Rig, seed: int) -> Identity:
    return rig.identity(np.random.default_rng([person_of(seed, PEOPLE), 0]))


def shown_by(rig: Rig, identity: Identity) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(52,) shapes that move this person, and (U,) units of which every shape does. Eyes turn on every rig."""
    shapes = np.array([len(identity.shapes.moved(i)) > 0 for i in range(52)])
    shapes[list(_GAZE)] = True
    units = np.array([rule.absent is None and all(shapes[s] for s in rule.shapes) for rule in unit_rules()])
    return shapes, units


class _Track:
    """Gathers one preset's answers about a clip."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, Float64, Float64, Float64, Float64, bool]] = []
        self.reasons: Counter[str] = Counter()

    def add(self, faces: Sequence[Face], sample: RenderedSample) -> None:
        """A frame: of several faces the largest counts."""
        face = max(faces, key=lambda f: float(np.prod(f.box.size_wh)), default=None)
        shapes = _values(face.blendshapes if face else None, 52)
        units = _values(face.action_units if face else None, len(unit_rules()))
        pose = sample.pose
        yaw = float(np.degrees(apparent_yaw_pitch(pose.rotation[None], pose.translation_mm[None])[0, 0]))
        truth = sample.blendshapes.values.astype(np.float64), sample.action_units.values.astype(np.float64)
        self.rows.append((yaw, truth[0], shapes, truth[1], units, face is not None))
        if face is None:
            self.reasons["no face found"] += len(shapes)

    def clip(self, person: str, fps: float, judged: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]) -> Clip:
        """What was gathered."""
        yaw, *columns, found = (np.array(c) for c in zip(*self.rows, strict=True))
        columns[0][:, ~judged[0]] = np.nan
        columns[2][:, ~judged[1]] = np.nan
        shapes, units = np.stack(columns[:2]), np.stack(columns[2:])
        return Clip(person, fps, yaw, shapes, units, found, self.reasons)


def _values(measure: Measure | None, size: int) -> Float64:
    return np.full(size, np.nan) if measure is None else measure.values.astype(np.float64)


def scores(run: Run, what: str, *, frontal: bool) -> list[CurveScore]:
    """Scores of "units" or "shapes", over all frames or over those within 30° of yaw."""
    curves = []
    for clip in run.clips:
        truth, answer = clip.units if what == "units" else clip.shapes
        inside = np.abs(clip.yaw_deg)[:, None] <= FRONTAL_DEG
        curves.append(Curves(clip.person, clip.fps, np.where(inside, truth, np.nan) if frontal else truth, answer))
    names, full = (load_schema("facs").names, 5.0) if what == "units" else (load_schema("arkit52").names, 1.0)
    return score_curves(curves, names, full)


def figures(run: Run) -> dict[str, Any]:
    """Everything that was measured, as plain data."""
    out: dict[str, Any] = {
        "preset": run.preset,
        "people": [c.person for c in run.clips],
        "frames": int(sum(len(c.found) for c in run.clips)),
        "found": int(sum(c.found.sum() for c in run.clips)),
        "frontal_frames": int(sum((np.abs(c.yaw_deg) <= FRONTAL_DEG).sum() for c in run.clips)),
        "fps": run.clips[0].fps,
    }
    for view, frontal in (("all", False), ("frontal", True)):
        for what in ("units", "shapes"):
            found = scores(run, what, frontal=frontal)
            out[f"{what}_{view}"] = {"summary": summary(found), "curves": {s.name: s.as_json() for s in found}}
    return out


def as_json(runs: Sequence[Run]) -> dict[str, Any]:
    """The figures of all runs, as `results_page add` takes them."""
    return {"kind": "action-units", "runs": [figures(run) for run in runs]}


def as_text(runs: Sequence[Run]) -> str:
    """Tables within 30° of yaw, and what changes beyond."""
    parts = []
    for run in runs:
        facts = figures(run)
        parts.append(
            f"{run.preset}: {len(run.clips)} people, {facts['frames']} frames, a face in {facts['found']}, "
            f"{facts['frontal_frames']} within {FRONTAL_DEG:.0f} degrees of yaw"
        )
        for what, words in (("units", "action units"), ("shapes", "shapes")):
            found = scores(run, what, frontal=True)
            parts += [table(found, f"{words}, frontal"), in_words(summary(found), words)]
            parts.append(f"All poses: {in_words(facts[f'{what}_all']['summary'], words).splitlines()[0]}")
    return "\n\n".join(parts)


def write_figures(facts: dict[str, Any], out: Path) -> Path:
    """Write figures.json into a folder, which is made if it is missing.

    Raises:
        SinkError: it cannot be written.
    """
    path = out / "figures.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{path}: {error.strerror or error}") from error
    return path
