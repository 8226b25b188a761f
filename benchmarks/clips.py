"""Clips for the benchmarks: any clip fitted into a given size, and one played again and again, as files."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from mien.core.arrays import UInt8
from mien.core.record import FrameRecord
from mien.sources.opening import open_source

RATE = 30


def frames_of(clip: str, limit: int) -> Iterator[FrameRecord]:
    """The first `limit` records of a source; of a shorter one, played again from its start."""
    count = 0
    while count < limit:
        source = open_source(clip)
        before = count
        for record in source:
            yield record
            count += 1
            if count == limit:
                break
        source.close()
        if count == before:
            raise SystemExit(f"{clip} has no frames")


def fitted(image: UInt8, size_wh: tuple[int, int]) -> UInt8:
    """The image scaled to fit into a size, with grey bars where its proportions differ."""
    w, h = size_wh
    scale = min(w / image.shape[1], h / image.shape[0])
    inner = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    out = np.full((h, w, 3), 96, dtype=np.uint8)
    x, y = (w - inner[0]) // 2, (h - inner[1]) // 2
    out[y : y + inner[1], x : x + inner[0]] = small
    return out


def write_clip(clip: str, path: Path, size_wh: tuple[int, int], frames: int) -> None:
    """Encode `frames` frames of a source in a size: H.264, 30 fps."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv420p"
        for i, record in enumerate(frames_of(clip, frames)):
            assert record.image is not None
            frame = av.VideoFrame.from_ndarray(fitted(record.image, size_wh), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_loop(short: Path, path: Path, frames: int) -> int:
    """Repeat a clip's packets, without encoding again, until there are at least `frames`; returns how many."""
    written = 0
    with av.open(str(path), "w") as out:
        stream: Any = None
        offset = 0
        while written < frames:
            with av.open(str(short)) as container:
                video = container.streams.video[0]
                if stream is None:
                    stream = out.add_stream_from_template(video)
                end = 0  # where this turn ends, in ticks
                for packet in container.demux(video):
                    if packet.pts is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.pts += offset
                    packet.dts = (packet.dts or 0) + offset
                    packet.stream = stream
                    out.mux(packet)
                    written += 1
                offset += end
    return written
