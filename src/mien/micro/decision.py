"""The trained decision: candidate in; micro-expression, macro-expression or neither, its units and its emotion out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.errors import ModelError
from mien.micro.candidates import Band, Candidate
from mien.micro.features import feature_names, features_of
from mien.micro.grid import Grid
from mien.micro.regions import load_regions
from mien.runtime.store import open_model

MODEL = "micro-spotter"
KINDS = ("none", "micro", "macro")
EMOTIONS = ("others", "disgust", "happiness", "surprise", "sadness", "fear", "anger", "contempt")
"""As the published micro-expression datasets name them."""


def width() -> int:
    """Length of an input row: features, then the displacement of every region over the largest one."""
    return len(feature_names()) + 2 * len(load_regions())


def rows_of(grid: Grid, bands: Sequence[Band], found: Sequence[Candidate]) -> Float32:
    """(C, width()) float32: the network's input."""
    if not found:
        return np.zeros((0, width()), dtype=np.float32)
    moved = np.array([c.moved for c in found], dtype=np.float32)
    largest = np.linalg.norm(moved, axis=2).max(axis=1)
    shape = (moved / np.maximum(largest, 1e-6)[:, None, None]).reshape(len(found), -1)
    return np.concatenate([features_of(grid, bands, found), shape], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What the network says of C candidates.

    Attributes:
        kinds: (C, 3) probabilities of `KINDS`.
        units: (C, U) probability that a unit of schema "facs" took part.
        emotions: (C, 8) probabilities of `EMOTIONS`, given that it is a micro-expression.
    """

    kinds: Float32
    units: Float32
    emotions: Float32


class Decision:
    """The network behind the spotter.

    Raises:
        ModelError: the model is missing, damaged or of another kind.
    """

    def __init__(self, model: str = MODEL, backend: str | None = None) -> None:
        self._model = open_model(model, backend=backend, threads=1, small=True)
        shape = self._model.card.inputs[0].shape
        outputs = {o.name for o in self._model.card.outputs}
        if shape != (None, width()) or not {"kinds", "units", "emotions"} <= outputs:
            raise ModelError(f"model {model!r} is no micro-expression spotter: it takes {shape}, not (any, {width()})")

    @property
    def model_id(self) -> str:
        """Name and version."""
        return self._model.id

    def of(self, rows: Float32) -> Verdict:
        """Judge the rows of `rows_of`."""
        if not len(rows):
            empty = (np.zeros((0, n), dtype=np.float32) for n in (3, len(load_schema("facs")), len(EMOTIONS)))
            return Verdict(*empty)
        out = self._model.run({"rows": rows})
        return Verdict(*(out[n].astype(np.float32) for n in ("kinds", "units", "emotions")))

    def close(self) -> None:
        """Release the model."""
        self._model.close()
