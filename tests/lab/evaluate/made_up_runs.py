"""Runs with known answers: eyes 100 px apart, every point of a face off by the same distance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.lab.evaluate.landmark_run import LandmarkRun
from mien.lab.render.random_scene import Wishes
from mien.lab.render.sample import RenderedSample, render_sample
from mien.lab.rigs.catalogue import load_rig

ATTRIBUTES = ({"largepose": 1}, {"blur": 1, "largepose": 1}, {"makeup": 1}, {})


def face(width_px: float = 100.0, tilt_deg: float = 0.0) -> Float32:
    """(98, 2) px: something like a face around (200, 200), the outer eye corners `width_px` apart, its right half the
    mirror image of the left one."""
    schema = load_schema("wflw98")
    half = width_px / 2
    xy = np.zeros((98, 2))
    angle = np.linspace(np.pi, 0, 33)
    xy[:33] = np.stack([1.4 * half * np.cos(angle), 2 * half * np.sin(angle)], axis=1)
    for group, (x, y) in {
        "right_brow": (-0.6, -0.5),
        "nose_bridge": (0, 0.3),
        "nose_base": (0, 0.6),
        "right_eye": (-0.6, 0),
        "outer_lip": (0, 1.1),
        "inner_lip": (0, 1.1),
    }.items():
        rows = list(schema.groups[group])
        around = np.linspace(np.pi, 3 * np.pi, len(rows), endpoint=False)
        size = 0.4 if x else 0.3
        xy[rows] = half * np.stack([x + size * np.cos(around), y + 0.2 * np.sin(around)], axis=1)
    xy[96] = [-0.6 * half, 0]
    mirror = schema.mirror
    for i in range(98):
        if xy[i].any() and not xy[mirror[i]].any():
            xy[mirror[i]] = xy[i] * [-1, 1]
    a = np.radians(tilt_deg)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return np.asarray(xy @ turn.T + 200, np.float32)


def run(
    shifts_px: Sequence[float | None], *, clusters: Sequence[str] | None = None, tilt_deg: float = 0.0
) -> LandmarkRun:
    """A run in which face i is off by `shifts_px[i]` to the image's right; None = missed."""
    truth = np.stack([face(tilt_deg=tilt_deg) for _ in shifts_px])
    found = truth.copy()
    for row, shift in zip(found, shifts_px, strict=True):
        row[:, 0] += np.nan if shift is None else shift
        row[:] = np.nan if shift is None else row
    n = len(shifts_px)
    names = tuple(f"{i:03d}.jpg#{i}" for i in range(n))
    attributes = (ATTRIBUTES * n)[:n]
    return LandmarkRun(
        *("made up", "made-up faces", "end to end", names, ((400, 400),) * n, truth, found, attributes),
        tuple(clusters or names),
    )


def drawn(seed: int, size_px: int = 160) -> RenderedSample:
    """The built-in head, plain and from the front."""
    plain = {"occlusion": False, "blur": False, "illumination": False, "pose": False}
    return render_sample(load_rig("builtin"), seed, size_px, Wishes(attributes=plain))


def write_marked(folder: Path, seeds: Sequence[int]) -> Path:
    """A folder with `validation.json` and drawn faces, as marked validation faces are passed on."""
    (folder / "images").mkdir(parents=True)
    entries = []
    for seed in seeds:
        sample = drawn(seed)
        name = f"images/{seed:03d}.png"
        cv2.imwrite(str(folder / name), sample.image[..., ::-1])
        xy = sample.landmarks.xy
        box = [*xy.min(axis=0).tolist(), *(xy.max(axis=0) - xy.min(axis=0)).tolist()]
        attributes = ["blur"] if seed % 2 else []
        source = f"{seed // 2}.jpg"
        entries.append({"file": name, "pts": xy.tolist(), "box": box, "attributes": attributes, "source": source})
    (folder / "validation.json").write_text(json.dumps({"faces": entries}), encoding="utf-8")
    return folder
