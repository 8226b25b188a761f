"""Action units straight from landmarks, by support vector regression; the model is a plain ONNX file with its card.

Beside the solver (shapes first, units by table) this is the second opinion that seed 001 describes. It is a function of
a front view, not a stage: no preset uses it until it is shown to be better.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.action_units.unit_features import feature_count, unit_features
from mien.core.arrays import Float32, Float64
from mien.core.measures import ActionUnits
from mien.errors import ModelError
from mien.runtime.store import open_model


class LandmarkUnits:
    """Reads units from front views.

    Args:
        model: folder of a model that `mien.lab.train.landmark_units` wrote.
        backend: inference backend; None = the best installed.

    Raises:
        ModelError: the folder is missing, damaged, or no such model.
    """

    def __init__(self, model: str | Path, backend: str | None = None) -> None:
        self._model = open_model(model, backend=backend, threads=1, small=True)
        width = self._model.card.inputs[0].shape[-1]
        if width != feature_count():
            self._model.close()
            raise ModelError(f"{model}: takes {width} features, this version makes {feature_count()}; train it again")
        constants = self._model.run({"features": np.zeros((1, feature_count()), np.float32)})
        self.reference: Float32 = constants["reference"].astype(np.float32)
        self.reliability: Float32 = constants["reliability"].astype(np.float32)

    def units(self, front: Float32, neutral: Float32 | None, yaw_pitch_rad: Float64, sure: float = 1.0) -> ActionUnits:
        """The units of one face.

        Args:
            front: (98, 2) front view.
            neutral: (98, 2) front view at rest; None = not known.
            yaw_pitch_rad: (2,) apparent turn.
            sure: 0–1, how far the points can be trusted.

        Returns:
            Intensities 0–5; NaN with confidence 0 where landmarks never show the unit.
        """
        known = None if neutral is None else neutral[None]
        x = unit_features(front[None], known, yaw_pitch_rad[None], self.reference)
        values = self._model.run({"features": x})["intensity"][0]
        measured = self.reliability > 0
        return ActionUnits.of(np.where(measured, values, np.nan), np.where(measured, sure * self.reliability, 0.0))

    def close(self) -> None:
        """Release the model."""
        self._model.close()
