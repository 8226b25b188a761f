"""Clips that were read, kept in files, one per clip: the faces of their moments and the sound at each."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from mien.core.arrays import Float32, Float64, Int64, UInt8
from mien.lab.datasets.sample import Clip, Sample

log = logging.getLogger(__name__)


class ReadClip(NamedTuple):
    """One clip, read: T pictures around the face, (T, 2, 3) crop, 0–1 of its side → px of each, (T, 1, 96, 64) sound,
    whether there is any, and in how many of the pictures a face was found."""

    images: tuple[UInt8, ...]
    places: Float64
    sound: Float32
    has_sound: bool
    found: int


def kept_file(folder: Path, sample: Sample, moments: int, models: Sequence[str] | None) -> Path:
    """Where a clip is kept. The name changes with the place and the state of the clip's files, and with how they are
    read.

    Args:
        folder: of what is kept.
        sample: has a clip.
        moments: per clip.
        models: ids of the networks that find its face; None = it is not looked for.
    """
    assert sample.clip is not None
    states: list[tuple[str, int, int]] = []
    for path in _files_of(sample.clip):
        state = path.stat() if path.exists() else None
        states.append((str(path.resolve()), state.st_size, state.st_mtime_ns) if state else (str(path), 0, 0))
    read_by = None if models is None else tuple(models)
    facts = repr((2, sample.dataset, sample.name, states, moments, read_by))
    return folder / f"{hashlib.sha256(facts.encode()).hexdigest()[:24]}.npz"


def load_clip(path: Path, moments: int) -> ReadClip | None:
    """What is kept there; None if nothing is, or if it is damaged (the log says so)."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            images = tuple(arrays[f"image_{i}"] for i in range(moments))
            has_sound, found = arrays["numbers"].tolist()
            return ReadClip(images, arrays["places"], arrays["sound"], bool(has_sound), found)
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        log.warning("%s: cannot be read; the clip is read anew", path)
        return None


def keep_clip(path: Path, clip: ReadClip) -> None:
    """Write a clip, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")  # several processes may read at once
    with unfinished.open("wb") as file:
        pictures = {f"image_{i}": image for i, image in enumerate(clip.images)}
        numbers: Int64 = np.array([clip.has_sound, clip.found], np.int64)
        np.savez(file, places=clip.places, sound=clip.sound, numbers=numbers, **pictures)
    unfinished.replace(path)


def _files_of(clip: Clip) -> list[Path]:
    if clip.video is not None:
        return [clip.video]
    return [] if clip.frames is None else [clip.frames.folder / name for name in clip.frames.names]
