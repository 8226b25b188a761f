"""What a camera does to light: exposure, white balance, blur, noise, gamma, JPEG. Linear picture in, bytes out.

Every step is bounded and seeded; the noise comes from a fixed field that is shifted, which is much faster than
drawing new numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np

from mien.core.arrays import AnyArray, Float32, UInt8
from mien.runtime.loops import loop

_NOISE_PX = 1024


@dataclass(frozen=True, slots=True)
class Faults:
    """How a picture is taken.

    Attributes:
        exposure: factor on the light.
        balance: factors on red and blue.
        defocus_px: radius of the circle of confusion; 0 = sharp.
        motion_px, motion_rad: length and direction of a straight movement; 0 = still.
        read_noise, shot_noise: standard deviations, linear, of dark pixels and of white ones.
        colour_noise: share of the noise that differs between channels.
        gamma: 1 = sRGB's curve; other values bend it.
        contrast: of the curve's middle, 0 = none.
        jpeg: quality 5–100; 0 = not compressed.
        halve: the picture was half as large once.
        noise_at: places the noise.
    """

    exposure: float = 1.0
    balance: tuple[float, float] = (1.0, 1.0)
    defocus_px: float = 0.0
    motion_px: float = 0.0
    motion_rad: float = 0.0
    read_noise: float = 0.0
    shot_noise: float = 0.0
    colour_noise: float = 0.6
    gamma: float = 1.0
    contrast: float = 0.0
    jpeg: int = 0
    halve: bool = False
    noise_at: tuple[int, int] = (0, 0)

    @property
    def blur_px(self) -> float:
        """About how many pixels an edge is wide."""
        return float(np.hypot(2.0 * self.defocus_px, self.motion_px)) + (1.5 if self.halve else 0.0)


def random_faults(rng: np.random.Generator, blur: bool | None = None, dark: bool | None = None) -> Faults:
    """A camera as people have one.

    Args:
        rng: decides everything.
        blur: True = clearly blurred, False = sharp, None = sometimes.
        dark: True = low light, False = enough light, None = sometimes.
    """
    low = (rng.random() < 0.12) if dark is None else dark
    soft = (rng.random() < 0.12) if blur is None else blur
    moved = soft and rng.random() < 0.5
    noisy = float(rng.gamma(1.2, 0.006)) * (3.0 if low else 1.0)
    warm = float(np.exp(rng.normal(0.0, 0.10)))
    return Faults(
        exposure=float(
            np.exp(np.clip(rng.normal(-1.9, 0.3), -2.6, -1.3) if low else np.clip(rng.normal(0.0, 0.28), -0.8, 0.7))
        ),
        balance=(warm, float(1.0 / warm * np.exp(rng.normal(0.0, 0.04)))),
        defocus_px=float(rng.uniform(2.2, 4.5)) if soft and not moved else float(rng.uniform(0.0, 0.8)),
        motion_px=float(rng.uniform(6.0, 16.0)) if moved else float(max(0.0, rng.uniform(-3.0, 2.5))),
        motion_rad=float(rng.uniform(0.0, np.pi)),
        read_noise=min(0.02, 0.4 * noisy * (0.3 if low else 1.0)),
        shot_noise=min(0.12, noisy * 2.0),
        colour_noise=float(rng.uniform(0.2, 1.0)),
        gamma=float(np.clip(rng.normal(1.0, 0.10), 0.7, 1.35)),
        contrast=float(rng.uniform(-0.05, 0.30)),
        jpeg=int(rng.integers(30, 98)) if rng.random() < 0.85 else 0,
        halve=bool(soft and not moved and rng.random() < 0.4),
        noise_at=(int(rng.integers(_NOISE_PX)), int(rng.integers(_NOISE_PX))),
    )


def take(linear: Float32, faults: Faults) -> UInt8:
    """(H, W, 3) uint8 RGB of a (H, W, 3) linear picture."""
    light: AnyArray = linear
    if faults.blur_px > 0.5:  # a lamp's reflection must not fill the whole circle of confusion
        light = np.minimum(linear, np.float32(6.0))
    if faults.defocus_px > 0.25:
        light = cv2.filter2D(light, -1, _disc(round(faults.defocus_px, 2)), borderType=cv2.BORDER_REPLICATE)
    if faults.motion_px > 0.5:
        light = cv2.filter2D(light, -1, _streak(faults.motion_px, faults.motion_rad), borderType=cv2.BORDER_REPLICATE)
    if faults.halve:
        h, w = light.shape[:2]
        light = cv2.resize(cv2.resize(light, (w // 2, h // 2), interpolation=cv2.INTER_AREA), (w, h))
    red, blue = faults.balance
    gain = np.array([red, 1.0, blue], np.float32) * np.float32(faults.exposure)
    h, w = light.shape[:2]
    y, x = faults.noise_at[0] % (_NOISE_PX - h + 1), faults.noise_at[1] % (_NOISE_PX - w + 1)
    sizes = np.array([faults.read_noise**2, faults.shot_noise**2, faults.colour_noise], np.float32)
    picture = np.empty((h, w, 3), np.uint8)
    curve = _curve(round(faults.gamma, 3), round(faults.contrast, 3))
    _expose(picture, light, gain, (_noise(), y, x, sizes), curve)
    return _compressed(picture, faults.jpeg) if faults.jpeg else picture


@loop(fastmath=True, boundscheck=False, nogil=True)
def _expose(out: UInt8, light: Float32, gain: Float32, noise: Any, curve: UInt8) -> None:
    """Gain, noise and the display curve in one pass. `noise` = (field, its row and column, (read², shot², colour))."""
    field, row, column, sizes = noise
    read, shot, colour = sizes[0], sizes[1], sizes[2]
    zero, half, least, most = np.float32(0.0), np.float32(2047.5), np.float32(0.0), np.float32(4095.0)
    grey = np.float32(1.0) - colour
    height, width, _ = out.shape
    step = np.empty(3 * width, np.int32)
    for y in range(height):
        # Two loops: the first is done on many pixels at once, the second only looks up.
        for x in range(width):
            same = grey * field[row + y, column + x, 3]
            for k in range(3):
                value = light[y, x, k] * gain[k]
                size = np.sqrt(read + shot * max(value, zero))
                value += (same + colour * field[row + y, column + x, k]) * size
                step[3 * x + k] = np.int32(min(max(value * half, least), most))
        for x in range(width):
            for k in range(3):
                out[y, x, k] = curve[step[3 * x + k]]


@cache
def _noise() -> Float32:
    """(1024, 1024, 4) standard normal numbers, slightly blotchy as cameras' noise is after processing."""
    field = np.random.default_rng(11).standard_normal((_NOISE_PX, _NOISE_PX, 4)).astype(np.float32)
    soft = cv2.GaussianBlur(field, (0, 0), 0.6)
    mixed = 0.55 * field + 1.1 * soft
    return np.asarray(mixed / mixed.std(), dtype=np.float32)


def _disc(radius: float) -> Float32:
    half = int(np.ceil(radius)) + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0.0, 1.0)
    return np.asarray(disc / disc.sum(), dtype=np.float32)


def _streak(length: float, angle: float) -> Float32:
    half = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    t = np.linspace(-0.5, 0.5, 4 * half + 1) * length
    x, y = half + t * np.cos(angle), half + t * np.sin(angle)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    for i in (0, 1):
        for j in (0, 1):
            np.add.at(kernel, (y0 + j, x0 + i), (1 - np.abs(y - y0 - j)) * (1 - np.abs(x - x0 - i)))
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


@cache
def _srgb() -> Float32:
    """Linear 0–2 in 4096 steps → 0–1: sRGB with highlights that roll off."""
    x = np.linspace(0.0, 2.0, 4096)
    rolled = np.where(x < 0.7, x, 0.7 + 0.3 * np.tanh((x - 0.7) / 0.5))
    srgb = np.where(rolled <= 0.0031308, 12.92 * rolled, 1.055 * rolled ** (1 / 2.4) - 0.055)
    return np.asarray(np.clip(srgb, 0.0, 1.0), dtype=np.float32)


def _curve(gamma: float, contrast: float) -> UInt8:
    """Linear 0–2 in 4096 steps → bytes: `_srgb` bent by gamma and contrast."""
    bent = np.power(_srgb(), np.float32(gamma))
    bent += np.float32(4.0 * contrast) * (bent - np.float32(0.5)) * bent * (np.float32(1.0) - bent)
    return np.asarray(np.float32(255.0) * np.clip(bent, 0.0, 1.0) + np.float32(0.5), dtype=np.uint8)


def _compressed(picture: UInt8, quality: int) -> UInt8:
    cv2.cvtColor(picture, cv2.COLOR_RGB2BGR, dst=picture)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    out = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(out, cv2.COLOR_BGR2RGB, dst=out), dtype=np.uint8)
