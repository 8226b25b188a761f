"""98 landmarks from a small direct regressor with an uncertainty per point: the network of the preset `fast`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from mien.core.arrays import AnyArray
from mien.landmarks.network import POINTS, Answer, NetworkLandmarks, NetworkOptions

_DOUBTFUL = 0.03
"""Spread, as a share of the region's side, at which a point counts half: about 6 % of the outer eye corners' distance,
which fill half of the region."""


class Options(NetworkOptions):
    """Options of `PointLandmarks`."""

    model: str = Field(default="points98-128", description="name of a shipped model, or a folder with model.onnx")
    min_presence: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="median confidence of the points, before visibility, below which a region shows no face",
    )


class PointLandmarks(NetworkLandmarks):
    """98 points as coordinates, with the spread b of a Laplace distribution per point and axis.

    Confidence of a point: 1 / (1 + (b / 3 % of the region's side)²) × the network's probability that it can be seen.
    Presence of a face: median of the first factor.
    """

    def __init__(self, options: Options | None = None) -> None:
        points = (None, POINTS)
        super().__init__(options or Options(), {"xy": (*points, 2), "spread": points, "visible": points})

    @property
    def caution(self) -> str:
        """Of the network that ships; what another one can do is not known here."""
        if self.options.model != Options().model:
            return ""
        return (
            "the points come from an experimental network (preset fast; error about 9 %): head and gaze follow, "
            "expressions and action units are hardly read; preset balanced reads them"
        )

    def _read(self, outputs: Mapping[str, AnyArray]) -> Answer:
        sure = 1 / (1 + (np.nan_to_num(outputs["spread"], nan=np.inf) / _DOUBTFUL) ** 2)
        crop_xy = outputs["xy"] * np.float32(self.size_px) - np.float32(0.5)
        # The lower median; np.median takes ten times as long.
        middle = np.sort(sure, axis=1)[:, (sure.shape[1] - 1) // 2]
        return Answer(crop_xy, sure * outputs["visible"], middle)
