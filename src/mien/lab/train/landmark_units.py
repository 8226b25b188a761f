"""Fit the support vector regression of action units to projections of the ICT rig; see recipes/landmark-units.md.

python -m mien.lab.train.landmark_units --rig FOLDER --gap gap.npz --habits habits.npz --out FOLDER
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mien.action_units.facs import action_units, unit_rules
from mien.action_units.unit_features import feature_count, unit_features
from mien.action_units.visibility import lip_gap
from mien.core.arrays import Float32, Float64
from mien.core.measures import Blendshapes
from mien.core.schema import load_schema
from mien.errors import MissingExtraError
from mien.lab.metrics.agreement import pearson_r
from mien.lab.models.unit_regression import FACS, UnitMachines, machine_names, write_onnx
from mien.lab.rigs.ict98 import load_rig98
from mien.lab.synth.landmark_projection import random_faces
from mien.lab.synth.people import Habits
from mien.lab.train.landmark_evidence import Gap
from mien.lab.train.landmark_solver import NOT_LEARNED, Crowd, mean_face
from mien.lab.train.landmark_solver_card import metric_face_sha256
from mien.runtime.card import CardFacts, DataCard, InputCard, OutputCard, Score, TrainingCard
from mien.runtime.store import write_card

log = logging.getLogger(__name__)

VERSION = "1"
_STRONG, _SILENT = 3.5, 0.3
"""Intensities whose answers set gain and floor."""
_KNOWN = 2 / 3
"""Share of faces whose neutral is known in training."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of a fit.

    Attributes:
        faces: to fit on; held_out to set floor and gain on, and as many others to score on.
        c, epsilon: of the machines, in intensity.
        spread: gamma · F; 1 = scikit-learn's "scale" of standardised features.
        seed: of everything.
    """

    faces: int = 6000
    held_out: int = 4000
    c: float = 2.0
    epsilon: float = 0.25
    spread: float = 0.4
    seed: int = 41


def never_measured() -> tuple[str, ...]:
    """Units without a shape that landmarks show."""
    names = load_schema("arkit52").names
    out = [r.name.partition("_")[0] for r in unit_rules() if r.absent or any(names[s] in NOT_LEARNED for s in r.shapes)]
    return tuple(dict.fromkeys(out))


def draw(crowd: Crowd, rng: np.random.Generator, count: int, reference: Float32) -> tuple[Float32, Float32, Float32]:
    """Features with the neutral known and unknown (B, F), and true intensities (B, U)."""
    parts = []
    for start in range(0, count, 2048):
        s = random_faces(crowd.rig, rng, min(2048, count - start), crowd.gap_mm, crowd.habits)
        seen, rest = s.front(reference)
        known = unit_features(seen, rest, s.yaw_pitch_rad, reference)
        strange = unit_features(seen, None, s.yaw_pitch_rad, reference)
        parts.append((known, strange, truth(s.weights, seen)))
    known, strange, units = (np.concatenate(p) for p in zip(*parts, strict=True))
    return known, strange, units


def truth(weights: Float32, front: Float32) -> Float32:
    """(B, U) intensities of (B, 52) weights by the table, lips parted as (B, 98, 2) front views show them."""
    rows = []
    for shapes, view in zip(weights, front, strict=True):
        one = action_units(Blendshapes.of(shapes, np.ones(52)), {"lip_gap": (lip_gap(view), 1.0)})
        rows.append(one.values)
    return np.array(rows, dtype=np.float32)


def fit(x: Float32, units: Float32, plan: Plan) -> UnitMachines:
    """One machine per unit, on left sides.

    Args:
        x: (B, F) features.
        units: (B, U) 0–5; NaN = not known.
        plan: size.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.svm import SVR
    except ModuleNotFoundError as error:
        raise MissingExtraError("scikit-learn", "lab", "Fitting support vector machines") from error
    names = machine_names(never_measured())
    mean, spread = x.mean(axis=0), x.std(axis=0)
    scale = np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0.0)
    z = (x - mean) * scale
    gamma = plan.spread / x.shape[1]
    used = np.zeros((len(x), len(names)), np.float64)
    bias = np.zeros(len(names))
    for m, name in enumerate(names):
        y = units[:, FACS.index(name if name in FACS else name + "_L")]
        known = np.flatnonzero(np.isfinite(y))
        machine = SVR(C=plan.c, epsilon=plan.epsilon, gamma=gamma).fit(z[known], y[known])
        used[known[machine.support_], m] = machine.dual_coef_[0]
        bias[m] = machine.intercept_[0]
    kept = used.any(axis=1)
    return UnitMachines(
        units=names,
        mean=mean.astype(np.float32),
        scale=scale.astype(np.float32),
        support=z[kept].astype(np.float32),
        weights=used[kept].astype(np.float32),
        bias=bias.astype(np.float32),
        gamma=gamma,
        floor=np.zeros(len(names), np.float32),
        gain=np.ones(len(names), np.float32),
    )


def calibrated(machines: UnitMachines, x: Float32, units: Float32) -> UnitMachines:
    """The same with floors and gains: what is absent reads 0, what is strong reads what it is."""
    answer = machines.answer(x)
    floor, gain = machines.floor.copy(), machines.gain.copy()
    for m, name in enumerate(machines.units):
        y = units[:, FACS.index(name if name in FACS else name + "_L")]
        silent, strong = answer[y < _SILENT, m], answer[y > _STRONG, m]
        if len(silent) < 30 or len(strong) < 30:
            continue
        floor[m] = float(np.clip(np.quantile(silent, 0.8), 0.0, 0.6))
        high, wanted = float(np.median(strong)), float(np.median(y[y > _STRONG]))
        gain[m] = float(np.clip(wanted / max(high - floor[m], 0.5), 1.0, 2.0))
    return replace(machines, floor=floor, gain=gain)


def correlations(machines: UnitMachines, x: Float32, units: Float32) -> Float64:
    """(U,) Pearson's r per entry of schema "facs"; NaN where nothing is measured."""
    found = machines.intensity(x)
    out = np.full(len(FACS), np.nan)
    for i, name in enumerate(FACS.names):
        if name.partition("_")[0] in machines.units:
            out[i] = pearson_r(units[:, i], found[:, i]).value
    return out


def write_model(
    folder: Path, machines: UnitMachines, reference: Float32, scores: Mapping[str, Float64], backend: str, support: int
) -> None:
    """Write `model.onnx` and `card.json`.

    Args:
        folder: made if it is missing.
        machines: calibrated; their reliability becomes the correlation with the neutral known.
        reference: (98, 3) mean face.
        scores: "known" and "unknown" → (U,) correlations.
        backend: landmark stage whose points they belong to.
        support: held-out faces behind the scores.
    """
    reliability = np.nan_to_num(np.maximum(scores["known"], 0.0)).astype(np.float32)
    machines = replace(machines, reliability=(reliability + reliability[FACS.mirror]) / 2)
    write_onnx(machines, reference, folder / "model.onnx")
    rows = [
        Score(
            metric=f"correlation {name}",
            value=round(float(values[i]), 3),
            protocol=f"faces of identities not trained on, random poses and expressions; neutral {word}",
            data="projections of the ICT rig",
            support=support,
        )
        for word, values in scores.items()
        for i, name in enumerate(FACS.names)
        if np.isfinite(values[i])
    ]
    recipe = (
        "mien.action_units.unit_features.unit_features: shape, distances and angles of the front view and their change "
        f"from the neutral; backend={backend}; metric_face sha256={metric_face_sha256()}"
    )
    facts = CardFacts(
        name=folder.name,
        version=VERSION,
        task="98 facial landmarks to FACS action unit intensities by support vector regression",
        licence="Apache-2.0",
        inputs=(InputCard(name="features", shape=(None, feature_count()), recipe=recipe),),
        outputs=(
            OutputCard(name="intensity", shape=(None, len(FACS)), schema="facs", unit="intensity, 0–5"),
            OutputCard(name="reliability", shape=(len(FACS),), schema=None, unit="correlation; 0 = never measured"),
            OutputCard(name="reference", shape=(98, 3), schema=None, unit="mean face; outer eye corners are 1 apart"),
        ),
        precision="f32",
        training=TrainingCard(
            command="python -m mien.lab.train.landmark_units --rig FOLDER --gap gap.npz --habits habits.npz "
            "--out FOLDER",
            data=(DataCard(name="ICT-FaceKit, light version", licence="MIT", use="training: rig"),),
        ),
        scores=tuple(rows),
        limits=(
            f"Not measurable from 98 landmarks, always 0 with reliability 0: {', '.join(never_measured())}.",
            "Learned from a rig, not from people scored by FACS coders: intensities are the rig's, not a coder's.",
            "Belongs to the points of one backend and to one metric face (see the input's recipe).",
        ),
    )
    write_card(folder, facts)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rig", required=True, help="folder with ict_light.npz")
    parser.add_argument("--out", required=True, type=Path, help="model folder to write")
    parser.add_argument("--gap", type=Path, help="landmark_gap's answer; default: points as the rig has them")
    parser.add_argument("--habits", type=Path, help="landmark_habits' answer; default: people move as the rig does")
    parser.add_argument("--faces", type=int, default=Plan().faces)
    parser.add_argument("--held-out", type=int, default=Plan().held_out)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    plan = Plan(faces=options.faces, held_out=options.held_out)
    gap = Gap.read(options.gap) if options.gap is not None else None
    habits = Habits.read(options.habits) if options.habits is not None else None
    crowd = Crowd(load_rig98(options.rig), None if gap is None else gap.offset_mm, habits)
    reference, _ = mean_face(crowd.rig, crowd.gap_mm)
    start = time.monotonic()
    rng = np.random.default_rng(plan.seed)
    known, strange, units = draw(crowd, rng, plan.faces, reference)
    x = np.where(rng.random((len(units), 1)) < _KNOWN, known, strange)
    machines = fit(x, units, plan)
    log.info("%d support vectors after %.0f s", len(machines.support), time.monotonic() - start)
    machines = calibrated(machines, *draw(crowd, np.random.default_rng(7), plan.held_out, reference)[::2])
    known, strange, units = draw(crowd, np.random.default_rng(99), plan.held_out, reference)
    scores = {"known": correlations(machines, known, units), "unknown": correlations(machines, strange, units)}
    for i, name in enumerate(FACS.names):
        log.info("%-8s r %.2f (neutral unknown %.2f)", name, scores["known"][i], scores["unknown"][i])
    log.info("mean r %.3f, unknown %.3f", *(float(np.nanmean(s)) for s in scores.values()))
    backend = "none: points of the rig" if gap is None else gap.backend
    write_model(options.out, machines, reference, scores, backend, plan.held_out)
    log.info("%s written after %.1f minutes", options.out, (time.monotonic() - start) / 60)


if __name__ == "__main__":
    main()
