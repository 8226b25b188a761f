"""A drawn person follows the guide, and what a preset then knows of it: calibration in the synthetic loop."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from mien.action_units.calibration import SETTLES_S, fit
from mien.action_units.guide import GUIDE
from mien.action_units.landmark_solver import LandmarkSolver
from mien.core.record import Face
from mien.errors import RequestError
from mien.lab.evaluate.drawn_chain import as_record, drawn, whole_chain
from mien.lab.rigs.rig import Rig
from mien.lab.synth.exercise import performed
from mien.pipeline.compose import Pipeline

GUIDE_STEP_S, GUIDE_FPS = 2.5, 12.0
REST_S = 2 * SETTLES_S
"""How the guide is followed in the loop: quicker than a person would."""


def calibrate(rig: Rig, seed: int, size_px: int, configs: Sequence[dict[str, Any]], chains: Sequence[Pipeline]) -> None:
    """The person of a seed follows the guide; every chain's solver uses the profile that its preset finds.

    Raises:
        RequestError: a preset without the landmark solver, or one that saw too little.
    """
    guide = [replace(step, seconds=GUIDE_STEP_S if step.reaches else REST_S) for step in GUIDE]
    sequence = performed(seed, [(step.reaches, step.seconds) for step in guide], GUIDE_FPS)
    faces: list[list[tuple[int, Face]]] = [[] for _ in configs]
    with ExitStack() as stack:
        watching = [stack.enter_context(whole_chain(_plainly(c))) for c in configs]
        for k, sample in enumerate(drawn(rig, sequence, size_px)):
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
