"""The portrait behind the built-in clip: the picture, its hand-placed points and their shapes.

The picture is NASA's portrait of Eileen Collins (public domain), which scikit-image carries in its wheel
as `data/astronaut.png`. All coordinates here are pixels of that 512 × 512 picture; the clip shows
the square around the head (`CROP_ORIGIN`, `CROP_PX`), enlarged.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import cv2
import numpy as np

from mien.core.arrays import AnyArray, Float64, UInt8
from mien.errors import SourceError

CROP_ORIGIN: Float64 = np.array([97.0, 2.0])
CROP_PX = 256

UPPER_LIDS, LOWER_LIDS = ((61, 62, 63), (69, 70, 71)), ((67, 66, 65), (75, 74, 73))
"""Points of the lid margins (right eye, left eye), lower in the order of the upper."""
INNER_LIPS = ((88, 89, 90, 91, 92), (88, 95, 94, 93, 92))
LID_CURVES = (
    ((60, 61, 62, 63, 64), (60, 67, 66, 65, 64)),
    ((68, 69, 70, 71, 72), (68, 75, 74, 73, 72)),
)
BROW_CURVES = (((33, 34, 35, 36, 37), (33, 41, 40, 39, 38)), ((46, 45, 44, 43, 42), (46, 47, 48, 49, 50)))


def portrait() -> UInt8:
    """(512, 512, 3) uint8 RGB: the picture as it lies in scikit-image's wheel; nothing is downloaded.

    Raises:
        SourceError: scikit-image is not installed or its copy cannot be read.
    """
    try:
        data = (files("skimage") / "data" / "astronaut.png").read_bytes()
    except (ModuleNotFoundError, OSError) as error:
        raise SourceError(f"built-in clip: cannot read scikit-image's portrait ({error}): reinstall mien") from error
    picture = cv2.imdecode(np.frombuffer(_without_profile(data), np.uint8), cv2.IMREAD_COLOR)
    if picture is None or picture.shape != (512, 512, 3):
        raise SourceError("built-in clip: scikit-image's astronaut.png is not the 512 × 512 portrait: reinstall mien")
    return np.ascontiguousarray(picture[..., ::-1])


def _without_profile(png: bytes) -> bytes:
    """Drop the colour profile chunk: libpng complains about it on standard error, and OpenCV ignores it."""
    start = png.find(b"iCCP") - 4
    if start < 0:
        return png
    end = start + 12 + int.from_bytes(png[start : start + 4], "big")
    return png[:start] + png[end:]


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """What `portrait98.toml` says.

    Attributes:
        points: (98, 2) landmarks of the photograph, schema "wflw98".
        extras: (K, 2) moving skin without a landmark.
        outline: outline of hair and ears; neck: outline of the visible neck.
        shapes: name → (98 + K, 2) movement of landmarks and extras when fully on.
    """

    points: Float64
    extras: Float64
    outline: Float64
    neck: Float64
    shapes: Mapping[str, Float64]


@cache
def geometry() -> Geometry:
    """The table, read once."""
    table = tomllib.loads((files("mien.sources") / "portrait98.toml").read_text(encoding="utf-8"))
    points, extras = np.array(table["points"], float), np.array(table["extras"], float)
    shapes = {}
    for name, rows in table["shapes"].items():
        shapes[name] = np.zeros((len(points) + len(extras), 2))
        for number, dx, dy in rows:
            shapes[name][int(number)] = dx, dy
    outline, neck = np.array(table["outline"], float), np.array(table["neck"], float)
    return Geometry(points, extras, outline, neck, MappingProxyType(shapes))


@cache
def curve_matrix(samples: int = 17) -> Float64:
    """(samples, 5): natural cubic spline through five points, as a matrix, so that curves move with their points."""
    second = np.zeros((5, 5))
    middle = np.array([[4.0, 1.0, 0.0], [1.0, 4.0, 1.0], [0.0, 1.0, 4.0]])
    difference = 6 * np.array([[1, -2, 1, 0, 0], [0, 1, -2, 1, 0], [0, 0, 1, -2, 1]], float)
    second[1:4] = np.linalg.solve(middle, difference)
    t = np.linspace(0, 4, samples)
    k = np.minimum(t.astype(int), 3)
    b = (t - k)[:, None]
    a, unit = 1 - b, np.eye(5)
    return np.asarray(
        a * unit[k] + b * unit[k + 1] + ((a**3 - a) * second[k] + (b**3 - b) * second[k + 1]) / 6, dtype=np.float64
    )


def opening(points: Float64, curves: tuple[tuple[int, ...], tuple[int, ...]]) -> Float64:
    """(M, 2) closed outline of an opening: along the upper curve and back along the lower."""
    upper, lower = (curve_matrix() @ points[list(c)] for c in curves)
    return np.concatenate([upper, lower[-2:0:-1]])


def to_canvas(points: AnyArray, size_px: int) -> Float64:
    """Pixels of the picture → pixels of a clip of `size_px` × `size_px`."""
    return np.asarray((points - CROP_ORIGIN + 0.5) * (size_px / CROP_PX) - 0.5, dtype=np.float64)
