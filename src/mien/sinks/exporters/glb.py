"""A take as GLB: the character that plays it, for Blender, Unity, Unreal, Godot and every browser viewer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np

from mien.animate.performance import Performance, performances
from mien.animate.smooth import calmed
from mien.avatar.builtin import builtin_character
from mien.avatar.character import Character, playable
from mien.avatar.glb import Animation, write_character
from mien.core.record import FrameRecord
from mien.core.timebase import NS_PER_S
from mien.errors import SinkError
from mien.sinks.exporters.people import worth_a_file


class Recorded(Protocol):
    """What is needed of a take."""

    def records(self) -> Iterator[FrameRecord]:
        """Its records in order of time."""


def export(take: Recorded, path: Path, *, track_id: int | None = None) -> list[Path]:
    """Write the built-in character playing the take, calmed without delay.

    Args:
        take: the take.
        path: the file of the main track, e.g. `avatar.glb`. Further people go beside it, `avatar.<track_id>.glb`,
            if they were seen in at least 5 % of the main person's frames.
        track_id: write only this track, to `path`.

    Returns:
        The files written, the main one first. A take without a face gives a neutral character.

    Raises:
        SinkError: a file cannot be written.
    """
    written = []
    for i, one in enumerate(worth_a_file(performances(take.records(), only=track_id))):
        target = path.with_name(f"{path.stem}.{one.track_id}{path.suffix}") if i else path
        write_glb(target, builtin_character(), calmed(one))
        written.append(target)
    return written


def write_glb(path: Path, character: Character, performance: Performance) -> None:
    """Write one character playing one performance, exactly as given; the file appears whole or not at all.

    Raises:
        SinkError: the file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                write_character(file, character, _animation(performance))
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or error
        raise SinkError(f"avatar: cannot write {path}: {reason}; free some space or choose another folder") from error


def _animation(performance: Performance) -> Animation:
    times_s = ((performance.t_ns - performance.t_ns[:1]) / NS_PER_S).astype(np.float32)
    # Late stamps of a long, fast take may coincide in float32; glTF wants strictly increasing keys.
    kept = np.concatenate([np.ones(min(1, len(times_s)), bool), np.diff(times_s) > 0])
    return Animation(
        name="take",
        times_s=times_s[kept],
        weights=playable(performance.weights[kept]),
        rotations={
            "head": performance.head_xyzw[kept],
            "eye_left": performance.left_eye_xyzw[kept],
            "eye_right": performance.right_eye_xyzw[kept],
        },
    )
