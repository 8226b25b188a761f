"""The synthetic loop: people that nobody trained on perform known curves, are drawn, and captured by a whole preset.

What the rig was told is the truth. Persons are those of the test split of drawn datasets (`datasets.splits`), so no
network of this repository met them. Shapes a rig cannot show, and units that hang on them, are not judged on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.action_units.facs import unit_rules
from mien.action_units.features import apparent_yaw_pitch
from mien.action_units.reasons import unit_reasons
from mien.core.arrays import Float64
from mien.core.measures import Measure
from mien.core.record import Face
from mien.core.schema import load_schema
from mien.errors import RequestError
from mien.lab.datasets.splits import hashed_split
from mien.lab.evaluate.drawn_chain import PEOPLE, as_record, drawn, whole_chain
from mien.lab.evaluate.guided_chain import calibrate
from mien.lab.render.random_scene import person_of
from mien.lab.render.sample import RenderedSample
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Identity, Rig
from mien.lab.synth.exercise import exercise
from mien.lab.synth.sequence import FaceSequence
from mien.lab.synth.stored.order import RigOrder
from mien.pipeline.config import load_config

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


def _captured(rig: Rig, sequence: FaceSequence, request: Request, configs: list[dict[str, Any]]) -> list[Clip]:
    """One clip per configuration."""
    with ExitStack() as stack:
        chains = [stack.enter_context(whole_chain(c)) for c in configs]
        if request.calibrated:
            calibrate(rig, sequence.seed, request.size_px, configs, chains)
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
