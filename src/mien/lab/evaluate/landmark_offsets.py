"""Which way a method's points lie beside the marked ones, point by point: what is a matter of definition, not of care.

    python -m mien.lab.evaluate.landmark_offsets --data wflw:FOLDER --landmarks landmarks/mediapipe

Offsets are found minus marked, in per cent of the distance of the outer eye corners, along the face's own axes: x from
the person's right to the left outer eye corner (to the image's right), y down the face. Of contour points also along
the marked outline (towards the left ear's end) and across it (away from the face).
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mien.core.arrays import Float32, Float64
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.lab.evaluate.landmark_finders import tight_box
from mien.lab.evaluate.landmark_run import PROTOCOLS, Flags, LandmarkRun
from mien.lab.evaluate.landmarks import Request, evaluate
from mien.landmarks.headpose import HeadPoseStage

log = logging.getLogger(__name__)

FRONTAL_DEG = 20.0
CONTOUR = 33
_PER_CENT = 100.0


def offsets(run: LandmarkRun) -> Float64:
    """(N, 98, 2) found minus marked along the face's axes, per cent of the eye corners' distance; NaN = missed."""
    truth, found = run.truth.astype(np.float64), run.found.astype(np.float64)
    along = truth[:, 72] - truth[:, 60]
    width = np.linalg.norm(along, axis=1)[:, None]
    x = along / width
    y = np.stack([-x[:, 1], x[:, 0]], axis=1)
    error = _PER_CENT * (found - truth) / width[:, None]
    return np.stack([(error * x[:, None]).sum(2), (error * y[:, None]).sum(2)], axis=2)


def outline_offsets(run: LandmarkRun) -> Float64:
    """(N, 33, 2) of the contour: along the marked outline (index rising) and across it (outwards), in the same unit."""
    truth = run.truth[:, :CONTOUR].astype(np.float64)
    width = np.linalg.norm(run.truth[:, 72] - run.truth[:, 60], axis=1).astype(np.float64)
    tangent = np.gradient(truth, axis=1)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=2, keepdims=True), 1e-9)
    # The outline runs from the image's left over the chin to the right.
    outwards = np.stack([-tangent[..., 1], tangent[..., 0]], axis=2)
    error = _PER_CENT * (run.found[:, :CONTOUR] - truth) / width[:, None, None]
    return np.stack([(error * tangent).sum(2), (error * outwards).sum(2)], axis=2)


def yaw_pitch_deg(points_xy: Float32, size_wh: tuple[int, int]) -> tuple[float, float]:
    """How the head of 98 marked points is turned; NaN = no pose fits."""
    landmarks = Landmarks(points_xy, np.isfinite(points_xy).all(axis=1), load_schema("wflw98"))
    face = Face(Box(tight_box(points_xy), 1.0), landmarks=landmarks)
    record = HeadPoseStage().step(FrameRecord(Stamp("marks", 0, 0), size_wh, None, (face,)))
    pose = record.faces[0].head_pose
    if pose is None or not pose.confidence > 0:
        return float("nan"), float("nan")
    yaw, pitch, _ = pose.yaw_pitch_roll_deg
    return float(yaw), float(pitch)


def frontal(run: LandmarkRun) -> Flags:
    """(N,) True where the marked points' head is turned by at most 20° in yaw and pitch."""
    turns = np.array([yaw_pitch_deg(t, s) for t, s in zip(run.truth, run.sizes_wh, strict=True)])
    return np.asarray((np.abs(turns) <= FRONTAL_DEG).all(axis=1))


def offset_table(runs: Sequence[tuple[str, LandmarkRun]]) -> str:
    """A Markdown table, a row per point: per set of faces the mean distance, mean offset ± its standard error, and of
    contour points the mean offset along and across the outline."""
    head = " | ".join(f"{title}: distance | x | y | along, across" for title, _ in runs)
    lines = [f"| point | name | {head} |", "|---|---|" + "---|" * (4 * len(runs))]
    tables = [(offsets(run), outline_offsets(run)) for _, run in runs]
    for i, name in enumerate(load_schema("wflw98").names):
        cells = []
        for plain, outline in tables:
            own = plain[:, i][np.isfinite(plain[:, i]).all(axis=1)]
            mean, error = own.mean(axis=0), own.std(axis=0) / np.sqrt(max(1, len(own)))
            cells += [f"{np.linalg.norm(own, axis=1).mean():.1f}"]
            cells += [f"{m:+.1f} ± {e:.1f}" for m, e in zip(mean, error, strict=True)]
            cells += ["{:+.1f}, {:+.1f}".format(*np.nanmean(outline[:, i], axis=0)) if i < CONTOUR else ""]
        lines.append(f"| {i} | `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--split", default="")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--detector")
    parser.add_argument("--landmarks")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--flip", action="store_true")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="true crop")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    request = Request(
        *(options.data, options.split, options.count, options.preset, options.detector, options.landmarks),
        *(options.checkpoint, options.flip),
        protocols=(options.protocol,),
    )
    [run] = evaluate(request)
    near = run.only(frontal(run))
    sets = [(f"near-frontal ({len(near.names)})", near), (f"all ({len(run.names)})", run)]
    log.info("%s, %s, %s\n\n%s", run.method, run.protocol, run.data, offset_table(sets))


if __name__ == "__main__":
    main()
