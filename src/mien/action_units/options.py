"""What can be chosen about a solver of blendshapes."""

from __future__ import annotations

from pydantic import Field

from mien.action_units.visibility import HIDDEN_BELOW, MAX_YAW_DEG
from mien.pipeline.stage import Options as StageOptions


class Options(StageOptions):
    """Options of `LandmarkSolver`, and of every solver that is one."""

    model: str = Field(default="landmark-solver", description="name of a shipped model, or a folder with model.onnx")
    backend: str | None = Field(default=None, description="inference backend; none = the best installed")
    learn_neutral: bool = Field(default=True, description="learn the person's neutral face while watching")
    neutral_horizon_s: float = Field(default=20.0, gt=0, description="calm time the neutral remembers, s")
    max_yaw_deg: float = Field(
        default=MAX_YAW_DEG, gt=0, le=90, description="yaw beyond which the hidden side is not measured, °"
    )
    mood: bool = Field(
        default=True,
        description="where the expression is read before: believe a smile only as far as it allows one, and what looks "
        "calm to be a face at rest",
    )
    profile: str | None = Field(
        default=None, description="calibration of the person (mien calibrate); none = learn the neutral while watching"
    )
    hidden_below: float = Field(
        default=HIDDEN_BELOW, ge=0, le=1, description="a region of less landmark confidence is hidden: not measured"
    )
