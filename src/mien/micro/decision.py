"""The trained decision: movement over time in; at every moment the expression it lies in, from when to when, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.errors import ModelError
from mien.micro.signals import width
from mien.runtime.store import open_model

MODEL = "micro-spotter"
KINDS = ("none", "micro", "macro")
EMOTIONS = ("others", "disgust", "happiness", "surprise", "sadness", "fear", "anger", "contempt")
"""As the published micro-expression datasets name them."""
SPANS = ("since onset", "until offset", "rise")


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What the network says of M moments.

    Attributes:
        kinds: (M, 3) probability that the moment lies in the middle of one of `KINDS`.
        spans: (M, 3), given that it does: seconds since the onset, seconds until the offset, the rise's share of both.
        units: (M, U) probability that a unit of schema "facs" takes part.
        emotions: (M, 8) probabilities of `EMOTIONS`, given that it is a micro-expression.
    """

    kinds: Float32
    spans: Float32
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
        if shape != (1, None, width()) or not {"kinds", "spans", "units", "emotions"} <= outputs:
            raise ModelError(
                f"model {model!r} is no micro-expression spotter of this version (it takes {shape}, not (1, any, "
                f"{width()})): use the one that comes with Mien, {MODEL!r}, or train it again with "
                "python -m mien.lab.train.micro_spotter"
            )

    @property
    def model_id(self) -> str:
        """Name and version."""
        return self._model.id

    def of(self, rows: Float32) -> Verdict:
        """Judge (M, width()) rows of `Signals`."""
        if not len(rows):
            lengths = (len(KINDS), len(SPANS), len(load_schema("facs")), len(EMOTIONS))
            return Verdict(*(np.zeros((0, n), dtype=np.float32) for n in lengths))
        out = self._model.run({"rows": rows[None]})
        return Verdict(*(out[n][0].astype(np.float32) for n in ("kinds", "spans", "units", "emotions")))

    def close(self) -> None:
        """Release the model."""
        self._model.close()
