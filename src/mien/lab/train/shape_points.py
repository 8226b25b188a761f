"""What the landmark network sees of a set's crops: front views and turns, as features of the pixel reader.

    python -m mien.lab.train.shape_points SET [SET ...]

Writes fronts.npy (groups, faces, 98, 2) and turns.npy (groups, faces, 2) beside the crops; NaN = not found. Goes on
where it stopped.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mien.core.arrays import Float32
from mien.lab.train.shape_set import ShapeSet
from mien.lab.train.shape_views import Look

log = logging.getLogger(__name__)

_SAVE_EVERY = 20


def see(look: Look, faces: ShapeSet, fronts: Float32, turns: Float32) -> None:
    """Fill in what follows after the groups that are known already (in place)."""
    for group in range(len(faces)):
        if np.isfinite(turns[group]).any():
            continue
        for k in range(fronts.shape[1]):
            found = look.front(np.ascontiguousarray(faces.crops[group, k]))
            if found is not None:
                fronts[group, k], turns[group, k] = found
        if group % _SAVE_EVERY == _SAVE_EVERY - 1:
            _save(faces.folder, fronts, turns)
    _save(faces.folder, fronts, turns)


def _save(folder: Path, fronts: Float32, turns: Float32) -> None:
    np.save(folder / "fronts.npy", fronts)
    np.save(folder / "turns.npy", turns)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sets", nargs="+", type=Path)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    cv2.setNumThreads(1)
    look = Look()
    for folder in given.sets:
        faces = ShapeSet(folder)
        shape = faces.plain.shape[:2]
        fronts, turns = np.full((*shape, 98, 2), np.nan, np.float32), np.full((*shape, 2), np.nan, np.float32)
        if faces.fronts is not None and faces.turns is not None:
            n = min(len(faces), len(faces.fronts))
            fronts[:n], turns[:n] = faces.fronts[:n], faces.turns[:n]
        see(look, faces, fronts, turns)
        log.info("%s: %d of %d faces", folder, int(np.isfinite(turns).all(axis=2).sum()), shape[0] * shape[1])


if __name__ == "__main__":
    main()
