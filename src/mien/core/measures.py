"""Measures: values with a confidence and a named schema.

Everywhere: NaN = the stage ran and could not measure this; 0.0 is a measurement.
Left and right are the subject's own. Arrays are read-only float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, as_float32
from mien.core.geometry import euler_from_rotation
from mien.core.schema import Schema, load_schema


def _set(target: object, **fields: object) -> None:
    for key, value in fields.items():
        object.__setattr__(target, key, value)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Measure:
    """A vector of named numbers.

    Attributes:
        values: (N,) float32 in the unit of the subclass; NaN = could not be measured.
        confidence: (N,) float32, 0–1; 0 where the value is NaN.
        schema: names and order of the N entries.
    """

    values: Float32
    confidence: Float32
    schema: Schema

    def __post_init__(self) -> None:
        n = len(self.schema)
        who = type(self).__name__
        _set(
            self,
            values=as_float32(self.values, (n,), f"{who}.values ({self.schema.name})"),
            confidence=as_float32(self.confidence, (n,), f"{who}.confidence ({self.schema.name})"),
        )

    def __repr__(self) -> str:
        known = int(np.isfinite(self.values).sum())
        return f"{type(self).__name__}({self.schema.name}, {known} of {len(self.values)} measured)"

    @property
    def names(self) -> tuple[str, ...]:
        """The N names, in the order of `values`."""
        return self.schema.names

    def __getitem__(self, name: str) -> float:
        return float(self.values[self.schema.index(name)])

    def mirrored(self) -> Self:
        """The same measure of the mirrored face."""
        order = self.schema.mirror
        return type(self)(self.values[order], self.confidence[order], self.schema)


class Blendshapes(Measure):
    """ARKit-52 weights, 0–1 (schema "arkit52")."""

    __slots__ = ()

    @classmethod
    def of(cls, values: npt.ArrayLike, confidence: npt.ArrayLike) -> Blendshapes:
        """From (52,) arrays in the order of schema "arkit52"."""
        return cls(values, confidence, load_schema("arkit52"))  # type: ignore[arg-type]


class ActionUnits(Measure):
    """FACS action unit intensities, 0–5, per side (schema "facs").

    `units["AU12_L"]` is one side; `units["AU12"]` is the unit as FACS scores it: the stronger of the
    sides that could be measured (NaN if neither could). Zero-padded names ("AU01") are accepted.
    """

    __slots__ = ()

    @classmethod
    def of(cls, values: npt.ArrayLike, confidence: npt.ArrayLike) -> ActionUnits:
        """From (N,) arrays in the order of schema "facs"."""
        return cls(values, confidence, load_schema("facs"))  # type: ignore[arg-type]

    def __getitem__(self, name: str) -> float:
        name = name.replace("AU0", "AU", 1)
        if name in self.schema:
            return float(self.values[self.schema.index(name)])
        sides = [float(self.values[self.schema.index(name + end)]) for end in ("_L", "_R")]
        known = [v for v in sides if np.isfinite(v)]
        return max(known) if known else float("nan")

    @property
    def presence(self) -> npt.NDArray[np.bool_]:
        """(N,) bool: intensity at or above the schema's presence threshold; False where NaN."""
        with np.errstate(invalid="ignore"):
            return self.values >= float(self.schema.attributes["presence_threshold"])


class Expression(Measure):
    """Expression probabilities, 0–1, summing to 1."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Landmarks:
    """Named points in the image.

    Attributes:
        xy: (N, 2) float32, px, origin at the top-left corner of the image, x right, y down; NaN = unknown.
        confidence: (N,) float32, 0–1.
        schema: names and order of the N points.
    """

    xy: Float32
    confidence: Float32
    schema: Schema

    def __post_init__(self) -> None:
        n = len(self.schema)
        _set(
            self,
            xy=as_float32(self.xy, (n, 2), f"Landmarks.xy ({self.schema.name})"),
            confidence=as_float32(self.confidence, (n,), f"Landmarks.confidence ({self.schema.name})"),
        )

    def __repr__(self) -> str:
        return f"Landmarks({self.schema.name}, mean confidence {float(np.mean(self.confidence)):.2f})"

    def __getitem__(self, name: str) -> Float32:
        point: Float32 = self.xy[self.schema.index(name)]
        return point

    def mirrored(self, width_px: float) -> Landmarks:
        """The landmarks of the image flipped left to right: x' = width_px - 1 - x."""
        order = self.schema.mirror
        xy = self.xy[order].copy()
        xy[:, 0] = width_px - 1 - xy[:, 0]
        return Landmarks(xy, self.confidence[order], self.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """An upright rectangle in the image.

    Attributes:
        xyxy: (4,) float32, px: left, top, right, bottom; may reach outside the image.
        confidence: 0–1.
    """

    xyxy: Float32
    confidence: float

    def __post_init__(self) -> None:
        xyxy = as_float32(self.xyxy, (4,), "Box.xyxy")
        if not (xyxy[2] >= xyxy[0] and xyxy[3] >= xyxy[1]):
            raise ValueError(f"Box.xyxy: expected left <= right and top <= bottom, got {xyxy.tolist()}")
        _set(self, xyxy=xyxy)

    @property
    def size_wh(self) -> tuple[float, float]:
        """Width and height, px."""
        return float(self.xyxy[2] - self.xyxy[0]), float(self.xyxy[3] - self.xyxy[1])


@dataclass(frozen=True, slots=True, eq=False)
class HeadPose:
    """Where the head is and how it is turned, in the camera frame (see `core.geometry`).

    Attributes:
        rotation: (3, 3) float32; columns are the head's axes in the camera frame: camera_from_head.
        translation_mm: (3,) float32; the head's origin (midpoint between the eyes) in the camera frame, mm.
        reprojection_px: root mean square distance between the points and the projected metric face, px.
        confidence: 0–1, from the reprojection error relative to the face's size.
    """

    rotation: Float32
    translation_mm: Float32
    reprojection_px: float
    confidence: float

    def __post_init__(self) -> None:
        _set(
            self,
            rotation=as_float32(self.rotation, (3, 3), "HeadPose.rotation"),
            translation_mm=as_float32(self.translation_mm, (3,), "HeadPose.translation_mm"),
        )

    @property
    def yaw_pitch_roll_deg(self) -> Float32:
        """(3,) float32, degrees. Yaw + = turned to the subject's left, pitch + = up, roll + = tilted to the
        subject's right shoulder; the formula is `core.geometry.euler_from_rotation`."""
        return euler_from_rotation(self.rotation)


@dataclass(frozen=True, slots=True, eq=False)
class Gaze:
    """Where each eye looks, relative to the head.

    Attributes:
        left_yaw_pitch_deg, right_yaw_pitch_deg: (2,) float32; yaw + = to the subject's left, pitch + = up;
            (0, 0) = straight ahead out of the face; NaN = eye closed or hidden.
        confidence: (2,) float32 for left and right, 0–1.
    """

    left_yaw_pitch_deg: Float32
    right_yaw_pitch_deg: Float32
    confidence: Float32

    def __post_init__(self) -> None:
        _set(
            self,
            left_yaw_pitch_deg=as_float32(self.left_yaw_pitch_deg, (2,), "Gaze.left_yaw_pitch_deg"),
            right_yaw_pitch_deg=as_float32(self.right_yaw_pitch_deg, (2,), "Gaze.right_yaw_pitch_deg"),
            confidence=as_float32(self.confidence, (2,), "Gaze.confidence"),
        )


@dataclass(frozen=True, slots=True)
class Quality:
    """How well the face can be seen; what warnings are made of. NaN = could not be measured.

    Attributes:
        sharpness: variance of the Laplacian of the grey face scaled to 128 px, in squared grey levels
            (0–255 scale). Below about 30 a face is visibly blurred or too small.
        brightness: mean grey level of the face, 0–255.
        face_px: size of the face in the image: square root of the landmarks' bounding box area, px.
    """

    sharpness: float
    brightness: float
    face_px: float
