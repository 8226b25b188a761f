"""One block of clips: sequences drawn frame by frame, stored without loss, with a table of clips and one of frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from mien.core.arrays import UInt8
from mien.errors import SinkError
from mien.lab.datasets.synthetic_clips import CLIPS, FRAMES, write_clip_part
from mien.lab.datasets.synthetic_table import LABELS, write_part
from mien.lab.render.sample import RenderedSample
from mien.lab.synth.render_sequence import CALM, render_sequence
from mien.lab.synth.sequence import FaceSequence, random_sequence
from mien.lab.synth.stored.faces import rig_of_order, row_of
from mien.lab.synth.stored.order import Order


def sequence_of(order: Order, i: int) -> FaceSequence:
    """The motion of clip `i`."""
    seed = order.first_seed + i
    kinds, shares = zip(*order.kind.sequences, strict=True)
    chosen = np.random.default_rng([seed, 79]).choice(len(kinds), p=np.array(shares) / sum(shares))
    return random_sequence(seed, kinds[int(chosen)], fps=order.fps)


def make_clips(order: Order, out: Path, block: int) -> int:
    """Draw and write a block of clips; how many. The table of clips is written last.

    Raises:
        OSError: a file cannot be written.
        SinkError: the video encoder failed.
    """
    folder = out / CLIPS / f"{block:05d}"
    for needed in (folder, out / FRAMES, out / LABELS):
        needed.mkdir(parents=True, exist_ok=True)
    clips: list[dict[str, Any]] = []
    frames: list[Any] = []
    sizes: dict[str, int] = {}
    wishes = replace(CALM, backgrounds=order.wishes.backgrounds, people=order.people)
    for i in order.block_range(block):
        name = f"{block:05d}/{i:07d}.mkv"
        sequence = sequence_of(order, i)
        rig = rig_of_order(order, order.rig_of(sequence.seed))
        samples = render_sequence(rig, sequence, order.size_px, wishes)
        first = len(frames)
        write_lossless(_collect(samples, name, frames), folder / f"{i:07d}.mkv", order.fps)
        sizes[f"{CLIPS}/{name}"] = (folder / f"{i:07d}.mkv").stat().st_size
        clips.append(_clip_row(sequence, name, frames[first]))
    table = f"{FRAMES}/{block:05d}.parquet"
    write_part(frames, out / table, {})
    sizes[table] = (out / table).stat().st_size
    write_clip_part(clips, out / LABELS / f"{block:05d}.parquet", sizes)
    return len(clips)


def _collect(samples: Iterator[RenderedSample], name: str, rows: list[Any]) -> Iterator[UInt8]:
    for number, sample in enumerate(samples):
        rows.append(row_of(sample, name, number))
        yield sample.image


def _clip_row(sequence: FaceSequence, name: str, first: dict[str, Any]) -> dict[str, Any]:
    events = []
    for event in sequence.events:
        onset, apex, offset = sequence.frames_of(event)
        units = dict(event.units)
        told = {"kind": event.kind, "onset": onset, "apex": apex, "offset": offset}
        told |= {"emotion": event.emotion or "", "compound": event.compound or ""}
        events.append({**told, "units": list(units), "intensities": [float(v) for v in units.values()]})
    facts = {"name": name, "rig": first["rig"], "subject": first["subject"], "kind": sequence.kind}
    return {**facts, "seed": sequence.seed, "frames": len(sequence), "fps": sequence.fps, "events": events}


def write_lossless(images: Iterator[UInt8], path: Path, fps: float) -> None:
    """Write (H, W, 3) uint8 RGB pictures as FFV1: what is read back is what was drawn, bit for bit.

    Raises:
        SinkError: the encoder failed.
        OSError: the file cannot be written.
    """
    try:
        with closing(av.open(str(path), "w")) as container:
            stream = container.add_stream("ffv1", rate=Fraction(fps).limit_denominator(1001))
            stream.pix_fmt = "bgr0"
            for number, image in enumerate(images):
                if number == 0:
                    stream.width, stream.height = image.shape[1], image.shape[0]
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise SinkError(f"{path}: the video cannot be encoded: {error}") from error
