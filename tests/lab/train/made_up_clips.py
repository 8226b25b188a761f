"""Made-up clips with sound for training tests, and a recipe that learns them within seconds."""

from pathlib import Path
from typing import Any

import av
import numpy as np
from made_up_expressions import STILL

RECIPE = (
    """
[model]
name = "audio_visual"
backbone = { excite = false, stem = 8, blocks = [1, 1, 1, 1] }
audio = { stages = [[4, 1], [4, 1], [8, 1], [8, 1]], dense = 16, features = 8 }
face_features = 8
hidden = 16
layers = 1
[task]
input_px = 24
smoothing = 0.0
squeeze = 0.0
[clips]
moments = 2
muted = 0.0
[faces]
split = "train"
aligned = false
held_out = 0.25
[schedule]
steps = 60
batch = 8
learning_rate = 4e-3
average = 0.5
evaluate_every = 30
save_every = 20
half = false
"""
    + STILL
)
RATE_HZ, FPS, SECONDS = 16_000, 10, 0.8


def write_clip(path: Path, image: np.ndarray, hz: float | None) -> Path:
    """A clip of one (H, W, 3) uint8 picture and a tone; None = without a sound stream."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("mpeg4", rate=FPS)
        video.width, video.height, video.pix_fmt = image.shape[1], image.shape[0], "yuv420p"
        sound: Any = None if hz is None else container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        for _ in range(round(FPS * SECONDS)):
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
        if sound is not None and hz is not None:
            tone = 0.4 * np.sin(2 * np.pi * hz * np.arange(round(RATE_HZ * SECONDS)) / RATE_HZ)
            frame = av.AudioFrame.from_ndarray((tone * 32767).astype(np.int16)[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, 0
            container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


def write_clips(root: Path, *, seen: bool, heard: bool, people: int = 12) -> Path:
    """`folder:` data of two classes, class / person / clip. What tells them apart: the picture, the tone, or both."""
    rng = np.random.default_rng(0)
    for person in range(people):
        for k, name in enumerate(("happy", "sad")):
            image = rng.integers(90, 130, (32, 32, 3), np.uint8)
            if seen:
                image[:, 16 * k : 16 * (k + 1)] += 90
            hz = (400.0 if k == 0 or not heard else 2500.0) * rng.uniform(0.9, 1.1)
            write_clip(root / name / f"p{person}" / "1.avi", image, hz)
    return root
