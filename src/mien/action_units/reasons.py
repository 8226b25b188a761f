"""Why a shape or unit of a face is NaN, in words.

The reasons follow from what is in the record (landmarks, pose, gaze), by the same rules that the landmark solver left
the value out by; so they can be asked of recorded takes as well, and nothing else has to be stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from mien.action_units.facs import unit_rules
from mien.action_units.features import apparent_yaw_pitch
from mien.action_units.visibility import (
    GAZE_SHAPES,
    HIDDEN,
    HIDDEN_BELOW,
    LEAST_POINT,
    MAX_YAW_DEG,
    NEVER,
    TURNED,
    Visibility,
)
from mien.core.record import Face
from mien.core.schema import load_schema

NO_LANDMARKS, NO_POSE, NO_STAGE = "no landmarks", "head pose could not be measured", "not asked for"
NO_GAZE, GAZE_NOT_ASKED = "eye closed or hidden", "gaze was not asked for"
MEASURED_WITH: Mapping[str, str] = {"lip_gap": "jawOpen"}
"""A measure of the landmarks → the shape whose region it is taken in."""


def shape_reasons(
    face: Face, max_yaw_deg: float = MAX_YAW_DEG, hidden_below: float = HIDDEN_BELOW
) -> Mapping[str, str]:
    """Name of every shape of schema "arkit52" that is NaN → why.

    Args:
        face: with whatever is known of it.
        max_yaw_deg, hidden_below: as the solver's options were.
    """
    names = load_schema("arkit52").names
    if face.blendshapes is None:
        why = NO_LANDMARKS if face.landmarks is None else NO_POSE if face.head_pose is None else NO_STAGE
        return dict.fromkeys(names, why)
    missing = np.flatnonzero(~np.isfinite(face.blendshapes.values))
    if not len(missing):
        return {}
    if face.landmarks is None:
        return {names[i]: NO_LANDMARKS for i in missing}
    pose = face.head_pose
    if pose is None or not np.isfinite(pose.rotation).all():
        return {names[i]: NO_POSE for i in missing}
    seen = _visibility(max_yaw_deg, hidden_below)
    confidence = face.landmarks.confidence
    points = np.where((confidence > LEAST_POINT)[:, None], face.landmarks.xy, np.float32(np.nan))
    hidden = seen.hidden(confidence, points)
    yaw = float(np.degrees(apparent_yaw_pitch(pose.rotation[None], pose.translation_mm[None])[0, 0]))
    turned = seen.turned(yaw)
    looks = set(GAZE_SHAPES.tolist())
    out = {}
    for i in missing.tolist():
        where = TURNED if turned[i] else HIDDEN if hidden[i] else NEVER
        out[names[i]] = where if i not in looks else NO_GAZE if face.gaze is not None else GAZE_NOT_ASKED
    return out


def unit_reasons(face: Face, max_yaw_deg: float = MAX_YAW_DEG, hidden_below: float = HIDDEN_BELOW) -> Mapping[str, str]:
    """Name of every entry of schema "facs" that is NaN → why; arguments as of `shape_reasons`."""
    shapes = load_schema("arkit52").names
    of_shapes = shape_reasons(face, max_yaw_deg, hidden_below)
    out = {}
    for i, rule in enumerate(unit_rules()):
        if face.action_units is not None and np.isfinite(face.action_units.values[i]):
            continue
        used = [shapes[s] for s in rule.shapes] or [MEASURED_WITH.get(rule.measure or "", "")]
        why = next((of_shapes[s] for s in used if s in of_shapes), NEVER)
        out[rule.name] = rule.absent or why
    return out


@cache
def _visibility(max_yaw_deg: float, hidden_below: float) -> Visibility:
    return Visibility(np.ones(len(load_schema("arkit52")), dtype=np.float32), max_yaw_deg, hidden_below)
