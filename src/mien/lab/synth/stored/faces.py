"""One face per picture: samples and their rows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from mien.lab.datasets.synthetic_table import NUMBERS, TEXTS
from mien.lab.render.random_scene import ATTRIBUTES, choose
from mien.lab.render.sample import RenderedSample, render_sample
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Rig
from mien.lab.synth.stored.order import Order

_TRIES = 64
"""Seeds that belong to one sample of a task that does not take every face."""


@lru_cache(maxsize=8)
def rig_of_order(order: Order, place: int) -> Rig:
    """The rig, loaded once per process."""
    asked = order.rigs[place]
    return load_rig(asked.name, asked.folder)


def face_seed(order: Order, i: int) -> int:
    """The renderer's seed of sample `i`: of a task of classes the first of its seeds that gives one."""
    seed = order.first_seed + i
    if not order.kind.classes:
        return seed
    for candidate in range(seed * _TRIES, (seed + 1) * _TRIES):
        face = choose(candidate, order.wishes).face
        if face.expression != "other":
            return candidate
    return seed * _TRIES


def face_sample(order: Order, i: int) -> RenderedSample:
    """Sample `i` of an order of faces."""
    seed = face_seed(order, i)
    return render_sample(rig_of_order(order, order.rig_of(order.first_seed + i)), seed, order.size_px, order.wishes)


def empty_row(name: str, seed: int) -> Mapping[str, Any]:
    """The row of a picture without a face: `face` is -1, every number NaN."""
    row: dict[str, Any] = {n: [np.nan] * k for n, k in NUMBERS.items()}
    row |= dict.fromkeys(TEXTS, "")
    return {**row, "name": name, "seed": seed, "face": -1}


def row_of(sample: RenderedSample, name: str, face: int = 0) -> Mapping[str, Any]:
    """A sample's row of the label table; `name` is that of its picture."""
    return {
        "name": name,
        "rig": sample.rig,
        "subject": f"{sample.rig}/{sample.identity}",
        "expression": sample.expression,
        "compound": sample.choices.face.compound or "",
        "seed": sample.choices.seed,
        "face": face,
        "box_xyxy": sample.box_xyxy,
        "landmarks_xy": sample.landmarks.xy.ravel(),
        "landmarks_visible": sample.landmarks.confidence,
        "five_xy": sample.five_xy.ravel(),
        "five_visible": sample.five_visible,
        "pose_ypr_deg": sample.pose.yaw_pitch_roll_deg,
        "translation_mm": sample.pose.translation_mm,
        "gaze_deg": np.concatenate([sample.gaze.left_yaw_pitch_deg, sample.gaze.right_yaw_pitch_deg]),
        "gaze_visible": sample.gaze.confidence,
        "blendshapes": sample.blendshapes.values,
        "action_units": sample.action_units.values,
        "intensity": [sample.intensity],
        "focal_px": [sample.camera.focal_px],
        "attributes": [float(sample.attributes[a]) for a in ATTRIBUTES],
    }
