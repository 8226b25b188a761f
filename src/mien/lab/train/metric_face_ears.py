"""How much the points at the ears should count in a head pose: tried on people whose pose is known.

    python -m mien.lab.train.metric_face_ears --rig RIG

People and expressions of the ICT rig, as differences from its mean person, are added to the metric face, seen in
known poses with a tracker's jitter and fitted with the metric face. Ears lie far from the axis of turning, so they
quieten the pose; they also differ most between people, so they can bend it. Nothing here saw a picture.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float64
from mien.core.geometry import default_camera, euler_from_rotation, rotation_from_euler
from mien.core.schema import load_schema
from mien.lab.rigs.ict98 import Rig98, load_rig98
from mien.landmarks.metric_face import MetricFace, load_metric_face
from mien.landmarks.pose_fit import fit_pose, frontal_pose

log = logging.getLogger(__name__)

TRIED = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 1.0)
JITTER_MM = 0.1
"""Standard deviation of a point between frames, on the face: landmarks/mediapipe on the built-in clip."""
_DISTANCE_MM = 600.0
_POSES = 8
_EXPRESSED = 0.06
"""Share of the rig's expressions that are active on a face."""


@dataclass(frozen=True, slots=True)
class Score:
    """Degrees, root mean square over people and poses, (yaw, pitch).

    Attributes:
        turn: error of the turn from the person's own frontal pose.
        jitter: standard deviation between two looks at the same pose.
        residual_mm: median residual.
    """

    turn: tuple[float, float]
    jitter: tuple[float, float]
    residual_mm: float


def people(rig: Rig98, face: MetricFace, count: int, rng: np.random.Generator) -> Float64:
    """(count, _POSES, n, 3) mm: faces of people, each with its own expressions; the first one is neutral."""
    identity = np.repeat(np.clip(rng.normal(size=(count, 100)), -2.5, 2.5), _POSES, axis=0)
    shape = (len(identity), len(rig.rig.expression_names))
    expression = rng.random(shape) * (rng.random(shape) < _EXPRESSED)
    expression[::_POSES] = 0
    points = rig.shape(identity, expression, np.zeros((len(identity), 2, 2))).points[:, list(face.indices)]
    names = load_schema("wflw98")
    place = {int(index): i for i, index in enumerate(face.indices)}
    twins = [place[int(names.mirror[index])] for index in face.indices]
    mean = points[::_POSES].mean(axis=0)
    mean = (mean + mean[twins] * [-1, 1, 1]) / 2
    seen = (points - mean + face.xyz_mm).reshape(count, _POSES, len(face.indices), 3)
    return np.asarray(seen, dtype=np.float64)


def score(faces: Float64, model: MetricFace, weights: Float64, rng: np.random.Generator) -> Score:
    """Fit every face twice, each time with its own jitter."""
    camera = default_camera((1280, 720))
    angles = np.zeros((*faces.shape[:2], 2, 3))
    truth = np.column_stack([rng.uniform(-35, 35, _POSES), rng.uniform(-20, 20, _POSES), np.zeros(_POSES)])
    truth[0] = 0
    residual = []
    for person, pose in np.ndindex(faces.shape[:2]):
        seen = faces[person, pose] @ rotation_from_euler(*truth[pose]).T + [0, 0, _DISTANCE_MM]
        exact = seen[:, :2] / seen[:, 2:] * camera[0, 0] + camera[:2, 2]
        for look in range(2):
            xy = exact + rng.normal(size=exact.shape) * JITTER_MM * camera[0, 0] / _DISTANCE_MM
            fit = fit_pose(model.xyz_mm, xy, weights, camera, frontal_pose(model.xyz_mm, xy, camera))
            angles[person, pose, look] = np.nan if fit is None else euler_from_rotation(fit.pose.rotation)
            residual.append(np.nan if fit is None else fit.error_mm)
    turn = angles.mean(axis=2)[..., :2] - truth[None, :, :2]
    turn = (turn - turn[:, :1])[:, 1:]
    jitter = np.diff(angles[..., :2], axis=2) / np.sqrt(2)
    both = [np.sqrt(np.nanmean(x**2, axis=tuple(range(x.ndim - 1)))) for x in (turn, jitter)]
    return Score((both[0][0], both[0][1]), (both[1][0], both[1][1]), float(np.nanmedian(residual)))


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", required=True, help="folder with ict_light.npz")
    parser.add_argument("--people", type=int, default=120)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model = load_metric_face()
    names = [load_schema("wflw98").names[i] for i in model.indices]
    faces = people(load_rig98(options.rig), model, options.people, np.random.default_rng(3))
    for tried in TRIED:
        weights = np.where([name.startswith("contour") for name in names], tried, model.weights)
        s = score(faces, model, weights, np.random.default_rng(4))
        log.info(
            "ears %.2f: turn wrong by %.2f yaw, %.2f pitch; jitter %.2f, %.2f degrees; residual %.2f mm",
            *(tried, *s.turn, *s.jitter, s.residual_mm),
        )


if __name__ == "__main__":
    main()
