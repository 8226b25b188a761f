"""Train the landmark → ARKit-52 solver on projections of the ICT rig; see recipes/landmark-solver.md.

    python -m mien.lab.train.landmark_solver --rig FOLDER --gap gap.npz --habits habits.npz \
        --commit $(git rev-parse HEAD) --out src/mien/models/landmark-solver
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mien.action_units.features import features
from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.lab.models.landmark_mlp import Constants, LandmarkMlp, write_onnx
from mien.lab.rigs.ict98 import Rig98, load_rig98
from mien.lab.synth.landmark_projection import random_faces
from mien.lab.synth.people import Habits
from mien.lab.train.landmark_evidence import (
    EVIDENCE_NAME,
    Evidence,
    Gap,
    limits,
    performance_gains,
    stranger_smile_gain,
)
from mien.lab.train.landmark_solver_card import Provenance, write_solver_card

log = logging.getLogger(__name__)

NOT_LEARNED = (
    "tongueOut",
    "jawForward",
    *(f"eyeLook{d}{s}" for d in ("Down", "In", "Out", "Up") for s in ("Left", "Right")),
)
"""No landmark shows the tongue, from the front none shows a jaw thrust forward (correlation 0.5, and mostly wrong on
people); where the eyes look is the gaze stage's answer."""
HELD_OUT = 16384
"""Faces to calibrate on, and as many others to score on."""
_LOSS_WEIGHT = {"eyeBlink": 3.0, "jawOpen": 2.0, "mouthSmile": 2.0, "mouthClose": 0.5}


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of a training run. A round draws new faces and goes over them twice."""

    rounds: int = 8
    faces_per_round: int = 49152
    batch: int = 1024
    learning_rate: float = 2e-3
    seed: int = 20


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """Whose faces are drawn.

    Attributes:
        rig: the reduced rig.
        gap_mm: (98, 2) where the backend puts its points; None = where the rig has them.
        habits: how other rigs' people move; None = as this rig.
    """

    rig: Rig98
    gap_mm: Float32 | None = None
    habits: Habits | None = None


def mean_face(rig: Rig98, gap_mm: Float32 | None) -> tuple[Float32, float]:
    """(98, 3) mean neutral face, symmetric, in units of its outer eye corners' distance; and that distance, mm."""
    rng = np.random.default_rng(1)
    identity = np.clip(rng.normal(size=(4000, 100)), -2.5, 2.5)
    zero = np.zeros((len(identity), len(rig.rig.expression_names)))
    points = rig.shape(identity, zero, np.zeros((len(identity), 2, 2))).points.mean(axis=0)
    if gap_mm is not None:
        points[:, :2] += gap_mm
    mirrored = points[load_schema("wflw98").mirror] * [-1, 1, 1]
    points = (points + mirrored) / 2
    unit = float(np.linalg.norm(points[60, :2] - points[72, :2]))
    return (points / unit).astype(np.float32), unit


def draw(crowd: Crowd, rng: np.random.Generator, count: int, reference: Float32) -> Batch:
    """`count` faces, each with and without a known neutral."""
    parts = []
    for start in range(0, count, 2048):
        s = random_faces(crowd.rig, rng, min(2048, count - start), crowd.gap_mm, crowd.habits)
        seen, rest = s.front(reference)
        known = features(seen, rest, s.yaw_pitch_rad, reference)
        unknown = features(seen, None, s.yaw_pitch_rad, reference)
        parts.append((known, unknown, s.weights))
    known, unknown, weights = (np.concatenate(p) for p in zip(*parts, strict=True))
    return Batch(known, unknown, weights)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """(B, FEATURES) with the neutral known and unknown, and (B, 52) true weights."""

    known: Float32
    unknown: Float32
    weights: Float32


def train(crowd: Crowd, plan: Plan, reference: Float32) -> LandmarkMlp:
    """The trained network, not yet calibrated."""
    torch.manual_seed(plan.seed)
    net = LandmarkMlp()
    names = load_schema("arkit52").names
    importance = torch.tensor([_importance(n) for n in names])
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.learning_rate, weight_decay=1e-3)
    steps = plan.rounds * 2 * (plan.faces_per_round // plan.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.learning_rate, total_steps=steps, pct_start=0.1)
    rng = np.random.default_rng(plan.seed)
    start = time.monotonic()
    for round_ in range(plan.rounds):
        batch = draw(crowd, rng, plan.faces_per_round, reference)
        losses = [_pass(net, batch, plan.batch, (optimiser, schedule, importance), rng) for _ in range(2)]
        spent = time.monotonic() - start
        left = spent / (round_ + 1) * (plan.rounds - round_ - 1)
        log.info("round %d of %d: loss %.4f, %.0f s left", round_ + 1, plan.rounds, losses[-1], left)
    return net.eval()


def _importance(name: str) -> float:
    if name in NOT_LEARNED:
        return 0.0
    return next((w for start, w in _LOSS_WEIGHT.items() if name.startswith(start)), 1.0)


def _pass(
    net: LandmarkMlp,
    batch: Batch,
    size: int,
    tools: tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.Tensor],
    rng: np.random.Generator,
) -> float:
    """Once over the faces; the neutral is known for two thirds of them. Returns the mean loss."""
    optimiser, schedule, importance = tools
    order = rng.permutation(len(batch.weights))
    with_neutral = rng.random(len(order)) < 0.65
    total, count = 0.0, 0
    for start in range(0, len(order) - size + 1, size):
        at = order[start : start + size]
        x = np.where(with_neutral[at, None], batch.known[at], batch.unknown[at])
        out = net(torch.from_numpy(x))
        # Below 0 and above 1 the output is clipped later: almost no loss there.
        soft = torch.clamp(out, 0, 1) + 0.1 * (out - torch.clamp(out, 0, 1))
        error = (soft - torch.from_numpy(batch.weights[at])) ** 2
        loss = (error * importance).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        total, count = total + float(loss.detach()), count + 1
    return total / count


def calibrate(net: LandmarkMlp, batch: Batch) -> None:
    """Set floors and gains: silent shapes read 0, full ones 1, although a regression shrinks towards the middle.

    With an unknown neutral nothing is amplified and the floor is higher: better silent than wrong.
    """
    mirror = torch.tensor(np.array(load_schema("arkit52").mirror))
    with torch.no_grad():
        known, unknown = (net(torch.from_numpy(x)).numpy() for x in (batch.known, batch.unknown))
    settings = (
        (known, net.floor, net.gain, (0.8, 0.1, 1.6)),
        (unknown, net.floor_unknown, net.gain_unknown, (0.9, 0.2, 1.25)),
    )
    for out, floors, gains, (quantile, highest_floor, highest_gain) in settings:
        for i, name in enumerate(load_schema("arkit52").names):
            silent, full = batch.weights[:, i] < 0.02, batch.weights[:, i] > 0.85
            if name in NOT_LEARNED or full.sum() < 30:
                continue
            floor = float(np.clip(np.quantile(out[silent, i], quantile), 0.0, highest_floor))
            high, target = float(np.median(out[full, i])), float(np.median(batch.weights[full, i]))
            floors[i] = floor
            gains[i] = float(np.clip(target / max(high - floor, 0.2), 1.0, highest_gain))
        floors.copy_((floors + floors[mirror]) / 2)
        gains.copy_((gains + gains[mirror]) / 2)


def unclipped(net: LandmarkMlp, x: Float32) -> Float32:
    """(B, 52) calibrated weights before they are clipped to 0–1."""
    known = x[:, -1:]
    floor, gain = (
        u.numpy() + known * (k.numpy() - u.numpy())
        for u, k in ((net.floor_unknown, net.floor), (net.gain_unknown, net.gain))
    )
    with torch.no_grad():
        out = net(torch.from_numpy(x)).numpy()
    return np.asarray((out - floor) * gain, dtype=np.float32)


def amplify(net: LandmarkMlp, known: Mapping[str, float], unknown: Mapping[str, float]) -> None:
    """Multiply the gains, with the neutral known and unknown, of the shapes whose names start so."""
    for i, name in enumerate(load_schema("arkit52").names):
        for gain, more in ((net.gain, known), (net.gain_unknown, unknown)):
            gain[i] *= next((g for start, g in more.items() if name.startswith(start)), 1.0)


def scores(net: LandmarkMlp, batch: Batch) -> dict[str, tuple[float, float, float]]:
    """Shape → (correlation with the neutral known, unknown, mean absolute error with it known)."""
    with torch.no_grad():
        known = net.calibrated(torch.from_numpy(batch.known)).numpy()
        unknown = net.calibrated(torch.from_numpy(batch.unknown)).numpy()
    out = {}
    for i, name in enumerate(load_schema("arkit52").names):
        if name not in NOT_LEARNED:
            truth = batch.weights[:, i]
            pair = [float(np.corrcoef(p[:, i], truth)[0, 1]) for p in (known, unknown)]
            out[name] = (pair[0], pair[1], float(np.abs(known[:, i] - truth).mean()))
    return out


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", required=True, help="folder with ict_light.npz")
    parser.add_argument("--out", required=True, type=Path, help="model folder to write")
    parser.add_argument("--gap", type=Path, required=True, help=f"landmark_gap's answer; {EVIDENCE_NAME} beside it")
    parser.add_argument("--habits", type=Path, required=True, help="landmark_habits' answer")
    parser.add_argument("--commit", help="commit of the code, for the card")
    parser.add_argument("--rounds", type=int, default=Plan().rounds)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    gap = Gap.read(options.gap)
    pitch_rad = gap.pitch_rad
    crowd = Crowd(load_rig98(options.rig), gap.offset_mm, Habits.read(options.habits))
    seen = Evidence.read(options.gap.with_name(EVIDENCE_NAME))
    reference, _ = mean_face(crowd.rig, gap.offset_mm)
    start = time.monotonic()
    net = train(crowd, Plan(rounds=options.rounds), reference)
    calibrate(net, draw(crowd, np.random.default_rng(7), HELD_OUT, reference))
    more = performance_gains(partial(unclipped, net), seen, pitch_rad, reference)
    smile = stranger_smile_gain(partial(unclipped, net), seen, pitch_rad, reference)
    amplify(net, more, {**more, "mouthSmile": smile})
    log.info("amplified: %s; mouthSmile of strangers: %.3f", more, smile)
    found = limits(partial(unclipped, net), seen, pitch_rad, reference)
    log.info("%s", found)
    result = scores(net, draw(crowd, np.random.default_rng(99), HELD_OUT, reference))
    for name, (known, unknown, mae) in result.items():
        log.info("%-20s r %.2f (neutral unknown %.2f), mean error %.3f", name, known, unknown, mae)
    trust = np.zeros(52, np.float32)
    for name, (known, _, _) in result.items():
        trust[load_schema("arkit52").index(name)] = max(known, 0.0)
    trust = (trust + trust[load_schema("arkit52").mirror]) / 2
    constants = Constants(reference, trust, np.array([0.0, pitch_rad], np.float32), found.lids)
    write_onnx(net, constants, options.out / "model.onnx")
    write_solver_card(options.out, result, HELD_OUT, Provenance(options.commit, more, smile, gap.backend))
    log.info("%s written after %.1f minutes", options.out, (time.monotonic() - start) / 60)


if __name__ == "__main__":
    main()
