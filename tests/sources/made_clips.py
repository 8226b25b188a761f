"""Clips made by the tests: small, and every frame tells its number by its grey."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

STEP_GREY = 4


def numbered(index: int, size_wh: tuple[int, int] = (64, 48)) -> np.ndarray:
    """(H, W, 3) uint8: grey = 20 + 4 · index."""
    w, h = size_wh
    return np.full((h, w, 3), 20 + STEP_GREY * index, np.uint8)


def number_of(image: np.ndarray) -> int:
    """The number that `numbered` wrote, after lossy coding."""
    h, w = image.shape[:2]
    return round((float(np.median(image[h // 4 : -h // 4, w // 4 : -w // 4])) - 20) / STEP_GREY)


def make_video(
    path: Path,
    images: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    ticks: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 1000),
    rate: int = 25,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    source_format: str = "rgb24",
) -> Path:
    """Write `images` ((H, W, C) uint8) with the given stamps (`ticks` in `time_base`), or at `rate`."""
    h, w = images[0].shape[:2]
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = w, h, pix_fmt
        stream.options = options or ({"preset": "veryfast", "crf": "12"} if codec == "libx264" else {})
        if ticks is not None:
            stream.time_base = stream.codec_context.time_base = time_base
        for i, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format=source_format)
            if ticks is not None:
                frame.pts, frame.time_base = ticks[i], time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_numbered(path: Path, count: int = 30, **keywords: Any) -> Path:
    return make_video(path, [numbered(i % 55) for i in range(count)], **keywords)


def make_noisy(path: Path, count: int = 40, **keywords: Any) -> Path:
    """Frames of noise, so that packets are large and a cut or a scratch surely hits one."""
    noise = np.random.default_rng(7)
    return make_video(path, [noise.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(count)], **keywords)


def make_sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=44_100)
        for i in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44_100, 1024 * i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def set_display_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Write (a, b, c, d) in whole turns into the track header of an MP4."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (65536 * v for v in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def packet_places(path: Path) -> list[tuple[int, int]]:
    """(position, size) in the file of every video packet."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(video=0) if p.size and p.pos is not None]


def presentation_ns(path: Path) -> list[int]:
    """Stamps read by the plainest means: every frame's pts · time_base."""
    with av.open(str(path)) as container:
        return [round(f.pts * f.time_base * 1_000_000_000) for f in container.decode(video=0)]
