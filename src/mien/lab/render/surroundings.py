"""What is behind a face, and the light that comes from it: photographs of a folder, or gradients made here."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from mien.core.arrays import Float32, Float64, UInt8
from mien.errors import SourceError
from mien.lab.render.looks import linear
from mien.lab.render.scene import Light
from mien.runtime.loops import loop

_LINEAR = linear(np.arange(256.0)).astype(np.float32)
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


@lru_cache(maxsize=8)
def background_files(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder, in order of their names.

    Raises:
        SourceError: there are none.
    """
    found = tuple(sorted(p for p in folder.iterdir() if p.suffix.lower() in _ENDINGS)) if folder.is_dir() else ()
    if not found:
        raise SourceError(f"no pictures for backgrounds in {folder}: name a folder with {', '.join(_ENDINGS)} files")
    return found


@lru_cache(maxsize=256)
def _photo(path: Path) -> UInt8:
    """(H, W, 3) sRGB, the shorter side at most 480 px: about 1 MB."""
    data = np.frombuffer(path.read_bytes(), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if picture is None:
        raise SourceError(f"{path}: cannot be read as a picture; take it out of the folder of backgrounds")
    scale = 480.0 / min(picture.shape[:2])
    if scale < 1.0:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def background(rng: np.random.Generator, size_px: int, folder: Path | None) -> Float32:
    """(S, S, 3) float32 linear: a cut of a photograph, more or less out of focus, or a made-up wall."""
    if folder is None:
        return _wall(rng, size_px)
    files = background_files(Path(folder))
    photo = _photo(files[int(rng.integers(len(files)))])
    h, w = photo.shape[:2]
    side = int(min(h, w) * rng.uniform(0.45, 1.0))
    y, x = int(rng.integers(h - side + 1)), int(rng.integers(w - side + 1))
    cut: UInt8 = photo[y : y + side, x : x + side]
    mirrored = rng.random() < 0.5
    sigma = float(rng.uniform(1.0, 7.0)) if rng.random() < 0.6 else 0.0
    method = cv2.INTER_AREA if side > size_px else cv2.INTER_LINEAR
    light = _LINEAR * np.float32(np.exp(rng.normal(0.0, 0.2)))
    if not sigma:
        sized = np.asarray(cv2.resize(cut, (size_px, size_px), interpolation=method), dtype=np.uint8)
        lit: Float32 = _lit(sized, light, mirrored)
        return lit
    # Blur mixes light, not bytes; the wider it is, the smaller the picture that it is done on.
    step = 4 if sigma > 2.5 else 2
    small = cv2.resize(cut, (size_px // step, size_px // step), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(_lit(np.asarray(small, dtype=np.uint8), light, mirrored), (0, 0), sigma / step)
    return np.asarray(cv2.resize(soft, (size_px, size_px)), dtype=np.float32)


@loop(boundscheck=False, nogil=True)
def _lit(picture: UInt8, light: Float32, mirrored: bool) -> Float32:
    """(H, W, 3): what (256,) `light` makes of each byte; mirrored if asked for."""
    height, width, _ = picture.shape
    out = np.empty((height, width, 3), np.float32)
    for y in range(height):
        for x in range(width):
            to = width - 1 - x if mirrored else x
            for k in range(3):
                out[y, to, k] = light[picture[y, x, k]]
    return out


def _wall(rng: np.random.Generator, size_px: int) -> Float32:
    """Two colours and a few soft shapes."""
    grid = np.linspace(-1.0, 1.0, 64)
    x, y = np.meshgrid(grid, grid)
    angle = rng.uniform(0, 2 * np.pi)
    t = np.clip(0.5 + 0.5 * (x * np.cos(angle) + y * np.sin(angle)), 0, 1)[..., None]
    base = rng.uniform(0.02, 0.75)
    one, two = base * np.exp(rng.normal(0, 0.35, (2, 3)))
    wall = one * (1 - t) + two * t
    for _ in range(rng.integers(0, 7)):
        cx, cy, r = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.1, 0.7)
        box = (
            np.maximum(np.abs(x - cx), np.abs(y - cy) * rng.uniform(0.3, 2.0))
            if rng.random() < 0.6
            else np.hypot(x - cx, y - cy)
        )
        shape = 1.0 / (1.0 + np.exp((box - r) * rng.uniform(8, 60)))[..., None]
        wall = wall * (1 - shape) + shape * rng.uniform(0.02, 0.9) * np.exp(rng.normal(0, 0.3, 3))
    return np.asarray(np.clip(cv2.resize(wall.astype(np.float32), (size_px, size_px)), 0.003, 1.5), dtype=np.float32)


def random_light(rng: np.random.Generator, behind: Float32, extreme: bool | None = None) -> tuple[Light, bool]:
    """Lamps and the colour of the surroundings, which takes after the background.

    Args:
        rng: decides everything.
        behind: (S, S, 3) background, linear.
        extreme: True = harsh side or back light, or a strong colour; False = none of these; None = sometimes.

    Returns:
        The light, and whether it is extreme.
    """
    hard = (rng.random() < 0.15) if extreme is None else extreme
    # Every fourth pixel says enough.
    small = cv2.resize(np.ascontiguousarray(behind[::4, ::4]), (3, 3), interpolation=cv2.INTER_AREA) + 0.04
    mean = small.mean(axis=(0, 1))
    hue = (mean / mean.mean()) ** 0.5
    fill = rng.uniform(0.06, 0.20) if hard else rng.uniform(0.30, 0.62)
    slope = np.stack(
        [
            (small[:, 2].mean(axis=0) - small[:, 0].mean(axis=0)) / mean.mean(),
            (small[0].mean(axis=0) - small[2].mean(axis=0)) / mean.mean() + 0.5,
            np.full(3, rng.uniform(-0.1, 0.3)),
        ]
    )
    environment = fill * np.concatenate([hue[None], 0.45 * np.clip(slope, -0.8, 0.8) * hue])
    count = int(rng.integers(1, 4))
    lamps = np.stack([_lamp(rng, k, hard) for k in range(count)])
    if hard and rng.random() < 0.3:
        lamps[0, 3:] *= np.exp(rng.normal(0.0, 0.6, 3))
    shadow = float(rng.uniform(0.75, 1.0) if hard else rng.uniform(0.35, 0.9))
    return Light(lamps.astype(np.float32), environment.astype(np.float32), shadow), hard


def _lamp(rng: np.random.Generator, which: int, hard: bool) -> Float64:
    side = rng.choice([-1.0, 1.0])
    if which == 0 and hard:
        azimuth, high = side * rng.uniform(60.0, 130.0), rng.uniform(-30.0, 70.0)
        strength = rng.uniform(0.9, 1.9)
    elif which == 0:
        azimuth, high, strength = rng.normal(0.0, 35.0), rng.uniform(8.0, 55.0), rng.uniform(0.35, 0.85)
    else:
        azimuth, high = side * rng.uniform(20.0, 165.0), rng.uniform(-20.0, 60.0)
        strength = rng.uniform(0.05, 0.2 if hard else 0.5)
    a, e = np.radians([azimuth, high])
    kelvin = rng.normal(0.0, 0.14)
    tone = strength * np.array([np.exp(kelvin), 1.0, np.exp(-1.2 * kelvin)])
    return np.concatenate([[np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)], tone])
