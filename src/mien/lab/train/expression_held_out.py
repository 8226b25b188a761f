"""The faces or clips that a finished run held out: what its checkpoint says of them, and what it answers to them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mien.core.arrays import Float32, Float64, Int64
from mien.errors import RequestError
from mien.lab.models.expression.answer import ExpressionNetwork
from mien.lab.train.expression import read_training, read_training_clips
from mien.lab.train.expression_clip_task import clip_probabilities
from mien.lab.train.expression_faces import parted
from mien.lab.train.expression_plan import ClipsSpec, FacesSpec, Plan, Request, faces_of
from mien.lab.train.expression_task import SHAKEN, ExpressionSpec, probabilities
from mien.lab.train.recipe import settings
from mien.lab.train.schedule import Schedule

log = logging.getLogger(__name__)

HeldOut = tuple[Float32 | Float64, Int64]
"""(N, C) probabilities and (N,) numbers of the true classes."""


def spec_of(facts: Mapping[str, Any], data: Sequence[str], held_out: float | None) -> FacesSpec:
    """What a run learnt from and held out, as its checkpoint says.

    Args:
        facts: of the checkpoint.
        data: NAME:PATH; the same datasets as then.
        held_out: share held out, for checkpoints of earlier versions, which do not say it; None = the default.

    Raises:
        RequestError: other datasets than then, or another share.
    """
    spec, classes = faces_of(facts), tuple(facts["classes"])
    if spec is None:
        share = FacesSpec().held_out if held_out is None else held_out
        log.warning("the run does not say what it held out: %g of the training split is taken", share)
        return FacesSpec(aligned=bool(facts["aligned"]), held_out=share, classes=classes)
    names = [word.partition(":")[0] for word in data]
    if names != list(facts["data"]):
        raise RequestError(f"--data {', '.join(names)}: it was taught on {', '.join(facts['data'])}, in this order")
    if held_out not in (None, spec.held_out):
        raise RequestError(f"--held-out {held_out:g}: the run held out {spec.held_out:g}; leave the option out")
    return replace(spec, classes=classes)


def held_out_of(request: Request, spec: FacesSpec, net: ExpressionNetwork, facts: Mapping[str, Any]) -> HeldOut:
    """What the network says of the part that its run held out, with mirror images.

    Args:
        request: the data, and where their points or clips are kept.
        spec: see `spec_of`.
        net: of the checkpoint.
        facts: of the checkpoint.

    Raises:
        RequestError, SourceError: the data cannot be read.
    """
    size = int(facts["task"]["input_px"])
    if "clips" in facts:
        plan = Plan(facts["model"], ExpressionSpec(), Schedule(), SHAKEN, spec, settings(ClipsSpec, facts["clips"]))
        _, clips = parted(read_training_clips(request, plan), spec.held_out)
        found, rows = clip_probabilities(net, clips, size, flip=True), clips.probabilities
    else:
        _, faces = parted(read_training(request, spec), spec.held_out)
        found, rows = probabilities(net, faces, size, flip=True), faces.probabilities
    return found, rows.argmax(axis=1).astype(np.int64)
