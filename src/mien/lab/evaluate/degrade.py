"""Pictures made worse by known amounts: blur, noise, darkness, cover, compression, resolution. Points stay known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import Float32, UInt8
from mien.lab.evaluate.landmark_finders import tight_box

_DARK_NOISE = 2.0
"""Standard deviation of the noise that a dark picture keeps, grey levels."""

Worse = Callable[[UInt8, Float32, float, np.random.Generator], tuple[UInt8, Float32]]


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way to make a picture worse.

    Attributes:
        unit: of the levels, in words.
        levels: from harmless to bad; the first leaves the picture as it is.
        apply: (picture (H, W, 3) uint8 RGB, points (98, 2) px, level, chance) → picture, points in its px.
    """

    unit: str
    levels: tuple[float, ...]
    apply: Worse


def blur(image: UInt8, points_xy: Float32, level: float, rng: np.random.Generator) -> tuple[UInt8, Float32]:
    """Gaussian blur; level = its standard deviation in per cent of the outer eye corners' distance."""
    sigma = level / 100 * _width(points_xy)
    return (_bytes(cv2.GaussianBlur(image, (0, 0), sigma)) if sigma > 0 else image), points_xy


def noise(image: UInt8, points_xy: Float32, level: float, rng: np.random.Generator) -> tuple[UInt8, Float32]:
    """Gaussian noise of each pixel and channel; level = standard deviation in grey levels."""
    return with_noise(image, level, rng), points_xy


def with_noise(image: UInt8, sigma: float, rng: np.random.Generator) -> UInt8:
    """The picture with fresh Gaussian noise, standard deviation `sigma` grey levels."""
    if sigma <= 0:
        return image
    return _bytes(np.clip(np.rint(image + sigma * rng.standard_normal(image.shape, np.float32)), 0, 255))


def darkness(image: UInt8, points_xy: Float32, level: float, rng: np.random.Generator) -> tuple[UInt8, Float32]:
    """Less light, level = share that is left (gain on the pixel values), and then a little noise."""
    if level >= 1:
        return image, points_xy
    return with_noise(_bytes(np.rint(image * level)), _DARK_NOISE, rng), points_xy


def cover(image: UInt8, points_xy: Float32, level: float, rng: np.random.Generator) -> tuple[UInt8, Float32]:
    """A rectangle of even colour before the face; level = per cent of the points' tight box that it covers."""
    if level <= 0:
        return image, points_xy
    left, top, right, bottom = (float(v) for v in tight_box(points_xy))
    wide, high = right - left, bottom - top
    share = float(np.sqrt(level / 100))
    stretch = float(np.exp(rng.uniform(-0.3, 0.3)))
    w, h = min(1.0, share * stretch), min(1.0, share / stretch)
    x, y = left + rng.uniform(0, 1 - w) * wide, top + rng.uniform(0, 1 - h) * high
    out = image.copy()
    rows, columns = slice(max(0, round(y)), round(y + h * high)), slice(max(0, round(x)), round(x + w * wide))
    out[rows, columns] = rng.integers(30, 226, 3).astype(np.uint8)
    return out, points_xy


def compression(image: UInt8, points_xy: Float32, level: float, rng: np.random.Generator) -> tuple[UInt8, Float32]:
    """JPEG; level = quality, 100 = not compressed."""
    if level >= 100:
        return image, points_xy
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(level)])
    return _bytes(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]), points_xy


def resolution(image: UInt8, points_xy: Float32, level: float, rng: np.random.Generator) -> tuple[UInt8, Float32]:
    """Fewer pixels; level = longer side of the points' tight box in px, 0 = as it is. Never more than there were."""
    left, top, right, bottom = (float(v) for v in tight_box(points_xy))
    scale = level / max(right - left, bottom - top)
    if not 0 < scale < 1:
        return image, points_xy
    size = max(2, round(image.shape[1] * scale)), max(2, round(image.shape[0] * scale))
    less = _bytes(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    factor = np.array(size) / np.array(image.shape[1::-1])
    return less, np.asarray((points_xy + 0.5) * factor - 0.5, np.float32)


DEGRADATIONS: Mapping[str, Degradation] = {
    "blur": Degradation("standard deviation, % of the eye corners' distance", (0, 2, 4, 8, 12, 16), blur),
    "noise": Degradation("standard deviation, grey levels", (0, 8, 16, 32, 48, 64), noise),
    "darkness": Degradation("share of the light that is left", (1, 0.5, 0.25, 0.12, 0.06, 0.03), darkness),
    "occlusion": Degradation("% of the points' box that is covered", (0, 10, 20, 30, 40, 50), cover),
    "compression": Degradation("JPEG quality", (100, 50, 25, 12, 6, 3), compression),
    "resolution": Degradation("longer side of the points' box, px (0 = as it is)", (0, 64, 48, 32, 24, 16), resolution),
}


def _width(points_xy: Float32) -> float:
    return float(np.linalg.norm(points_xy[72] - points_xy[60]))


def _bytes(image: object) -> UInt8:
    return np.ascontiguousarray(image, dtype=np.uint8)
