"""Made-up faces with expressions for training tests, and a recipe that learns them within a second."""

from pathlib import Path

import cv2
import numpy as np

NAMES = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")
STILL = """\
[augmentation]
scale = 0.05
rotation_deg = 0
mirror = 0.0
cover = 0.0
noise = 0.0
jpeg = 0.0
blur = 0.0
coarse = 0.0
colour = 0.0
"""
"""Hardly any augmentation."""
RECIPE = (
    """
[model]
name = "compact"
widths = [8, 16]
blocks = [1, 1]
dropout = 0.0
[task]
input_px = 24
smoothing = 0.0
squeeze = 0.0
[faces]
split = "train"
aligned = false
held_out = 0.2
[schedule]
steps = 60
batch = 16
learning_rate = 5e-3
average = 0.5
evaluate_every = 30
save_every = 20
half = false
"""
    + STILL
)


def write_faces(root: Path) -> None:
    """`folder:` data: stripes whose direction tells the class."""
    rng = np.random.default_rng(0)
    for k, name in enumerate(NAMES):
        (root / name).mkdir()
        for i in range(12):
            y, x = np.mgrid[:32, :32]
            along = x * np.cos(np.pi * k / 7) + y * np.sin(np.pi * k / 7)
            image = 128 + 90 * np.sin(along + rng.uniform(0, 7)) + rng.normal(0, 12, (32, 32))
            cv2.imwrite(str(root / name / f"{i}.png"), np.clip(image, 0, 255).astype(np.uint8))
