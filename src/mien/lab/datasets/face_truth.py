"""`FaceTruth`: everything that can be known about one face beyond its class: what renders and teachers tell."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mien.core.arrays import Float32, as_float32
from mien.core.schema import load_schema

_SHAPES: dict[str, tuple[int, ...]] = {
    "landmarks_visible": (98,),
    "landmark_spread_px": (98,),
    "five_xy": (5, 2),
    "five_visible": (5,),
    "pose_ypr_deg": (3,),
    "gaze_deg": (2, 2),
    "gaze_visible": (2,),
    "blendshapes": (52,),
    "action_units": (0,),
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FaceTruth:
    """Labels of the first face of a sample. None = the dataset does not give this one; NaN = not known of this face.

    Left and right are the subject's own; px as in `Sample.landmarks_xy`.

    Attributes:
        landmarks_visible: (98,) float32, 0 = hidden or outside, 1 = can be seen; between = a teacher's confidence.
        landmark_spread_px: (98,) float32: how far apart a teacher's repeated answers lie; of exact labels None.
        five_xy: (5, 2) float32 px: right eye, left eye, nose tip, right and left mouth corner.
        five_visible: (5,) float32, 0 or 1.
        pose_ypr_deg: (3,) float32: yaw, pitch, roll as in `core.geometry`.
        gaze_deg: (2, 2) float32: left eye, right eye; yaw, pitch relative to the head, as in `core.measures.Gaze`.
        gaze_visible: (2,) float32, 0 = a lid or a thing hides the pupil.
        blendshapes: (52,) float32 schema "arkit52", 0–1.
        action_units: (U,) float32 schema "facs", 0–5.
    """

    landmarks_visible: Float32 | None = None
    landmark_spread_px: Float32 | None = None
    five_xy: Float32 | None = None
    five_visible: Float32 | None = None
    pose_ypr_deg: Float32 | None = None
    gaze_deg: Float32 | None = None
    gaze_visible: Float32 | None = None
    blendshapes: Float32 | None = None
    action_units: Float32 | None = None

    def __post_init__(self) -> None:
        for name, shape in _SHAPES.items():
            value = getattr(self, name)
            if value is not None:
                wanted = (len(load_schema("facs")),) if name == "action_units" else shape
                object.__setattr__(self, name, as_float32(value, wanted, f"FaceTruth.{name}"))

    def __repr__(self) -> str:
        known = [f.name for f in fields(self) if getattr(self, f.name) is not None]
        return f"FaceTruth({', '.join(known)})"
