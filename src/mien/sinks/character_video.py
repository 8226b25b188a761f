"""A take as pictures of a character: a video (H.264 in MP4), or one still (PNG)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mien.animate.performance import Performance
from mien.avatar.character import Character
from mien.avatar.preview import Preview
from mien.core.arrays import UInt8
from mien.core.timebase import NS_PER_S
from mien.errors import SinkError
from mien.sinks.exporters.whole_file import written_bytes
from mien.sinks.video_segment import SegmentWriter, join

CRF = 18


def write_video(
    path: Path,
    character: Character,
    one: Performance,
    size_wh: tuple[int, int],
    told: Callable[[int], bool] = lambda done: True,
) -> int:
    """Draw every frame at its stamp; the file appears whole or not at all.

    Args:
        path: .mp4.
        character: who plays.
        one: what is played; T >= 1.
        size_wh: even numbers, px.
        told: is given the number of frames drawn; False = stop, what was drawn becomes the file.

    Returns:
        Frames drawn.

    Raises:
        SinkError: the file cannot be written.
    """
    preview = Preview(character, size_wh, 2)
    part = path.with_name(f".{path.stem}.part.mp4")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{path.parent} cannot be made: {error.strerror or error}; name another --out") from error
    count = 0
    try:
        writer = SegmentWriter(part, size_wh, CRF, {"mien": "character"})
        try:
            for i, t_ns in enumerate(one.t_ns.tolist()):
                writer.write(_drawn(preview, one, i), int(t_ns))
                count += 1
                if not told(count):
                    break
            if count:  # the last frame lasts as long as the one before
                writer.write(_drawn(preview, one, count - 1), _after(one, count))
        finally:
            writer.close()
        join([part], path)
    finally:
        part.unlink(missing_ok=True)
    return count


def write_still(path: Path, character: Character, one: Performance, at_s: float, size_wh: tuple[int, int]) -> float:
    """Draw the frame nearest to a time.

    Returns:
        The frame's own time, s from the first one.

    Raises:
        SinkError: the file cannot be written.
    """
    times_s = (one.t_ns - one.t_ns[0]) / NS_PER_S
    i = int(np.argmin(np.abs(times_s - at_s)))
    with written_bytes(path) as file:
        Image.fromarray(_drawn(Preview(character, size_wh, 3), one, i)).save(file, "PNG")
    return float(times_s[i])


def _drawn(preview: Preview, one: Performance, i: int) -> UInt8:
    return preview.render(one.weights[i], one.head_xyzw[i], one.left_eye_xyzw[i], one.right_eye_xyzw[i])


def _after(one: Performance, count: int) -> int:
    t_ns = one.t_ns.tolist()
    return int(t_ns[count - 1] + (t_ns[count - 1] - t_ns[count - 2] if count > 1 else NS_PER_S // 30))
