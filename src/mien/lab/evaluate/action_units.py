"""The synthetic loop: people that nobody trained on perform known curves, are drawn, and captured by a whole preset.

What the rig was told is the truth. Persons are those of the test split of drawn datasets (`datasets.splits`), so no
network of this repository met them. Shapes a rig cannot show, and units that hang on them, are not judged on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.action_units.calibration import SETTLES_S, fit
from mien.action_units.facs import unit_rules
from mien.action_units.features import apparent_yaw_pitch
from mien.action_units.guide import GUIDE
from mien.action_units.landmark_solver import LandmarkSolver
from mien.action_units.reasons import unit_reasons
from mien.core.arrays import Float64
from mien.core.measures import Measure
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import RequestError
from mien.lab.datasets.splits import hashed_split
from mien.lab.render.random_scene import Wishes, person_of
from mien.lab.render.sample import RenderedSample
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Identity, Rig
from mien.lab.synth.exercise import exercise, performed
from mien.lab.synth.render_sequence import CALM, render_sequence
from mien.lab.synth.sequence import FaceSequence
from mien.lab.synth.stored.order import RigOrder
from mien.pipeline.compose import Pipeline, compose
from mien.pipeline.config import load_config
from mien.pipeline.stage import SourceInfo

GUIDE_STEP_S, GUIDE_FPS = 2.5, 12.0
REST_S = 2 * SETTLES_S
"""How the guide is followed in the loop: quicker than a person would."""
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
        calibrated: everybody follows the guide first, in a clip of its own, and is captured with the profile.
    """

    rigs: tuple[str, ...] = ("builtin",)
    presets: tuple[str, ...] = ("balanced",)
    people: int = 2
    seconds: float = 0.0
    fps: float = 15.0
    size_px: int = 320
    first_seed: int = 1
    overrides: tuple[str, ...] = ()
    calibrated: bool = False


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
        reasons: why units of the answer are NaN → how many, over all frames.
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
    calibrated: bool = False


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
    return [Run(preset, tuple(c), request.calibrated) for preset, c in zip(request.presets, clips, strict=True)]


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
        if request.calibrated:
            calibrate(rig, sequence.seed, request, configs, chains)
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


def calibrate(
    rig: Rig, seed: int, request: Request, configs: Sequence[dict[str, Any]], chains: Sequence[Pipeline]
) -> None:
    """The person of a seed follows the guide; every chain's solver uses the profile that its preset finds.

    Raises:
        RequestError: a preset without the landmark solver, or one that saw too little.
    """
    guide = [replace(step, seconds=GUIDE_STEP_S if step.reaches else REST_S) for step in GUIDE]
    sequence = performed(seed, [(step.reaches, step.seconds) for step in guide], GUIDE_FPS)
    faces: list[list[tuple[int, Face]]] = [[] for _ in configs]
    with ExitStack() as stack:
        watching = [stack.enter_context(whole_chain(_plainly(c))) for c in configs]
        for k, sample in enumerate(drawn(rig, sequence, request.size_px)):
            t_ns = int(sequence.times_ns[k])
            for chain, found in zip(watching, faces, strict=True):
                found += [(t_ns, face) for face in chain.process(as_record(sample, k, t_ns)).faces[:1]]
        for chain, watched, found in zip(chains, watching, faces, strict=True):
            solver, first = _solver(chain), _solver(watched)
            rested = first.at_rest(found[-1][1].track_id if found else None)
            solver.use(fit(found, first, {"source": "guide"}, guide, rested).profile)


def _plainly(config: dict[str, Any]) -> dict[str, Any]:
    """As `mien calibrate` watches: the expression has no say."""
    return {**config, "action_units": {**config.get("action_units", {}), "mood": False}}


def _solver(chain: Pipeline) -> LandmarkSolver:
    for _, stage in chain.stages:
        if isinstance(stage, LandmarkSolver):
            return stage
    raise RequestError("a preset without action_units/landmarks or action_units/fused cannot be calibrated")


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
        self.reasons.update(["no face found"] * len(units) if face is None else unit_reasons(face).values())

    def clip(self, person: str, fps: float, judged: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]) -> Clip:
        """What was gathered."""
        yaw, *columns, found = (np.array(c) for c in zip(*self.rows, strict=True))
        columns[0][:, ~judged[0]] = np.nan
        columns[2][:, ~judged[1]] = np.nan
        shapes, units = np.stack(columns[:2]), np.stack(columns[2:])
        return Clip(person, fps, yaw, shapes, units, found, self.reasons)


def _values(measure: Measure | None, size: int) -> Float64:
    return np.full(size, np.nan) if measure is None else measure.values.astype(np.float64)
