"""One block of a synthetic dataset: drawn and written by a worker process, complete or not at all.

The label table of a block is written last and appears at once: a block without its table is made again.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import cv2

from mien.core.arrays import UInt8
from mien.errors import SinkError
from mien.lab.datasets.synthetic_table import LABELS, PICTURES, sizes_in, write_part
from mien.lab.synth.stored.clips import make_clips
from mien.lab.synth.stored.faces import face_sample, row_of
from mien.lab.synth.stored.groups import group_picture
from mien.lab.synth.stored.order import Order

_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def part_path(out: Path, block: int) -> Path:
    """The label table of a block."""
    return out / LABELS / f"{block:05d}.parquet"


def is_made(order: Order, out: Path, block: int) -> bool:
    """Whether the block is there: its table, for as many samples as asked, and every file as long as it was written."""
    sizes = sizes_in(part_path(out, block))
    files = [n for n in sizes if not n.endswith(".parquet")]
    if len(files) != len(order.block_range(block)):
        return False
    try:
        return all((out / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def make_block(order: Order, out: Path, block: int) -> int:
    """Draw and write a block.

    Returns:
        How many samples it holds.

    Raises:
        SinkError: a file cannot be written.
    """
    cv2.setNumThreads(1)  # the processes share the cores among themselves
    rows: list[Any] = []
    sizes: dict[str, int] = {}
    try:
        if order.kind.kind == "clips":
            return make_clips(order, out, block)
        (out / PICTURES / f"{block:05d}").mkdir(parents=True, exist_ok=True)
        (out / LABELS).mkdir(exist_ok=True)
        for i in order.block_range(block):
            name = f"{block:05d}/{i:07d}.{order.picture_format}"
            if order.kind.kind == "groups":
                image, found = group_picture(order, i, name)
                rows += found
            else:
                sample = face_sample(order, i)
                image = sample.image
                rows.append(row_of(sample, name))
            sizes[f"{PICTURES}/{name}"] = _write(image, out / PICTURES / name)
        write_part(rows, part_path(out, block), sizes)
    except OSError as error:
        raise write_error(out, error) from error
    return len(order.block_range(block))


def write_error(out: Path, error: OSError) -> SinkError:
    """What to tell about a file that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SinkError(f"{out}: the disk is full; what is finished stays: make room and go on with --resume")
    return SinkError(f"{out}: cannot be written: {error.strerror or error}; name a folder that can")


def _write(image: UInt8, path: Path) -> int:
    good, data = cv2.imencode(path.suffix, image[..., ::-1], _JPEG if path.suffix == ".jpg" else _PNG)
    if not good:
        raise OSError(f"{path.name} cannot be encoded")
    return path.write_bytes(data.tobytes())
