"""Measure how other rigs' people move compared with the ICT rig's, shape by shape.

    python -m mien.lab.train.landmark_habits --rig ICT --makehuman FOLDER --valid FOLDER --out habits.npz

The built-in head is always among them; it moves as the portrait of the built-in clip does.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np

from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.ict98 import load_rig98
from mien.lab.rigs.rig import Rig
from mien.lab.synth.people import Habits
from mien.lab.train.landmark_solver import mean_face

log = logging.getLogger(__name__)

PEOPLE = 30
_LEAST_MM = 0.3
"""A rig whose shape moves no point further than this does not have the shape."""


def movements(rig: Rig, unit_mm: float, people: int = PEOPLE) -> Float32:
    """(52, 98, 3) mm: median movement of the points at weight 1, every person scaled to the same eye corners.

    Args:
        rig: any rig.
        unit_mm: distance of the outer eye corners to scale to.
        people: how many to draw.
    """
    rng = np.random.default_rng(11)
    names = load_schema("arkit52").names
    out = []
    for _ in range(people):
        person = rig.identity(rng)
        rest = rig.pose(person, np.zeros(52, np.float32)).points
        scale = unit_mm / float(np.linalg.norm(rest[60] - rest[72]))
        one_by_one = np.eye(len(names), dtype=np.float32)
        # A shape that needs another to show (mouthClose) is left to the ICT rig.
        moved = [rig.pose(person, row).points for row in one_by_one]
        out.append((np.stack(moved) - rest) * scale)
    return np.asarray(np.median(np.stack(out), axis=0), dtype=np.float32)


def beyond(other: Float32, own: Float32) -> Float32:
    """(52, 98, 3) the other rig's movement minus the ICT rig's; 0 for shapes it lacks and for gaze and mouthClose."""
    out = other - own
    for i, name in enumerate(load_schema("arkit52").names):
        lacks = np.linalg.norm(other[i], axis=-1).max() < _LEAST_MM
        if lacks or name.startswith("eyeLook") or name in ("mouthClose", "tongueOut"):
            out[i] = 0.0
    return np.asarray(out, dtype=np.float32)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", required=True, help="folder with ict_light.npz")
    parser.add_argument("--makehuman", required=True, help="folder with makehuman_head.npz")
    parser.add_argument("--valid", required=True, help="folder of the VALID heads")
    parser.add_argument("--out", required=True, type=Path, help="file to write (.npz)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    _, unit_mm = mean_face(load_rig98(options.rig), None)
    own = movements(load_rig("ict", options.rig), unit_mm)
    folders = {"makehuman": options.makehuman, "valid": options.valid, "builtin": None}
    fields = []
    for name, folder in folders.items():
        other = movements(load_rig(name, folder), unit_mm, 1 if folder is None else PEOPLE)
        fields.append(beyond(other, own))
        log.info("%s: %d shapes differ", name, int((np.abs(fields[-1]).max(axis=(1, 2)) > 0).sum()))
    Habits(tuple(folders), np.stack(fields)).save(options.out)


if __name__ == "__main__":
    main()
