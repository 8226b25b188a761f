"""Readers of clips: networks that look and listen, and networks of pictures by their mean over the same moments."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch

from mien.core.arrays import Float32
from mien.lab.evaluate.expression_readers import Reader, load_net, reader_of
from mien.lab.models.expression.answer import ExpressionNetwork
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.expression_clip_task import clip_inputs, clip_probabilities
from mien.lab.train.expression_clips import ExpressionClips


class Said(NamedTuple):
    """What a reader said of N clips: its name, its classes, (N, C) probabilities, ms of one clip (NaN = not measured;
    of a network of pictures: of one picture), the facts of a checkpoint, and whether the sound was taken away."""

    name: str
    classes: tuple[str, ...]
    found: Float32
    latency_ms: float
    facts: Mapping[str, Any] = MappingProxyType({})
    muted: bool = False


def moments_of(word: str) -> int:
    """Moments of a clip that a reader looks at; 0 = it looks at single pictures, or is no reader at all.

    Raises:
        ModelError: the checkpoint cannot be read.
    """
    if not word.endswith(".pt"):
        return 0
    clips = dict(read_checkpoint(Path(word)).get("facts", {})).get("clips", {})
    return int(clips.get("moments", 0))


def looks_at_clips(word: str) -> bool:
    """Whether a reader is a network of clips; see `moments_of`."""
    return moments_of(word) > 0


def read_on_clips(word: str, clips: ExpressionClips, *, flip: bool) -> Iterator[Said]:
    """What a reader says; a network of clips is asked again without the sound, if any clip has it.

    Args:
        word: as for `expression_readers.reader_of`, or a checkpoint of a network of clips.
        clips: what is read.
        flip: mean with the mirror image.
    """
    if looks_at_clips(word):
        net, facts = load_net(Path(word))
        name, classes = f"{facts['model']['name']} ({Path(word).parent.name})", tuple(facts["classes"])
        size = int(facts["task"]["input_px"])
        for muted in (False, True) if clips.has_sound.any() else (False,):
            found = clip_probabilities(net, clips, size, flip=flip, muted=muted)
            yield Said(name + ", sound taken away" * muted, classes, found, _latency_ms(net, clips, size), facts, muted)
        return
    reader: Reader = reader_of(word, flip=flip)
    try:
        found = reader.read(clips.faces)
        mean = found.reshape(len(clips), clips.moments, -1).mean(axis=1)
        yield Said(f"{reader.name}, mean of the moments", reader.classes, mean, reader.latency_ms(), reader.facts)
    finally:
        reader.close()


def _latency_ms(net: ExpressionNetwork, clips: ExpressionClips, size_px: int) -> float:
    """Of the network alone, one clip, in torch."""
    inputs, times = clip_inputs(clips, 0, size_px), []
    with torch.inference_mode():
        for _ in range(7):
            began = time.perf_counter_ns()
            net(*inputs)
            times.append(time.perf_counter_ns() - began)
    return float(np.median(times[2:])) / 1e6
