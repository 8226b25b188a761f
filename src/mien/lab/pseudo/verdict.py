"""Which labels are believed: the teacher agrees with itself, sees a face in every view, and the face is large enough.

Measured on 69 hand-marked WFLW faces (`measure`): mean spread and error go together (rank correlation 0.89), so a
limit on the spread is a limit on the error. The figures are in docs/real-pixels.md.
"""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mien.lab.pseudo.look import Look

_OUTSIDE_PX = 0.5


class Limits(BaseModel):
    """What a face must keep to be kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_spread: float = Field(
        default=0.03,
        gt=0,
        description="mean spread of the points, share of the outer eye corners' distance. Of hand-marked faces below "
        "it the error is 5 %, above it 13 %",
    )
    max_worst: float = Field(
        default=0.10, gt=0, description="spread that nine points of ten keep: half a face may hide behind a good mean"
    )
    min_presence: float = Field(default=0.5, ge=0, le=1, description='what every view must say for "a face is here"')
    max_detector_gap: float = Field(
        default=0.30,
        gt=0,
        description="mean distance of the detector's eyes, nose and mouth from the points, eye distances: "
        "another network's rough word. On small cut-out faces 0.2 also refuses good labels",
    )
    min_eyes_px: float = Field(
        default=16.0,
        ge=0,
        description="distance of the outer eye corners in the source's own pixels: below it a lid is one px",
    )
    max_outside: float = Field(
        default=0.2, ge=0, le=1, description="share of the points that may lie outside the picture"
    )
    need_detection: bool = Field(default=True, description="the detector must find the face too")


def refusal(look: Look | None, size_wh: tuple[int, int], limits: Limits) -> str:
    """Why a face is not kept; "" if it is. The first reason that holds, in the order of how plain it is."""
    if look is None:
        return "no face"
    outside = (look.xy < -_OUTSIDE_PX).any(axis=1) | (look.xy > np.array(size_wh) - _OUTSIDE_PX).any(axis=1)
    checks = (
        ("no face", float(look.presence.min()) < limits.min_presence),
        ("not detected", limits.need_detection and not np.isfinite(look.detector_gap)),
        ("too small", look.eye_distance_px < limits.min_eyes_px),
        ("outside the picture", float(outside.mean()) > limits.max_outside),
        ("views disagree", float(look.spread.mean()) > limits.max_spread),
        ("part of the face disagrees", float(np.quantile(look.spread, 0.9)) > limits.max_worst),
        ("detector disagrees", look.detector_gap > limits.max_detector_gap),
    )
    return next((reason for reason, holds in checks if holds), "")


REASONS = (
    "no face",
    "not detected",
    "too small",
    "outside the picture",
    "views disagree",
    "part of the face disagrees",
    "detector disagrees",
)
"""Everything `refusal` can say."""
