"""A take as GLB: the character that plays it, for Blender, Unity, Unreal, Godot and every browser viewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
from pydantic import Field

from mien.animate.performance import Performance, performances
from mien.animate.smooth import calmed
from mien.avatar.builtin import builtin_character
from mien.avatar.character import Character, playable
from mien.avatar.glb import Animation, write_character
from mien.core.timebase import NS_PER_S
from mien.sinks.exporters.clip import Recorded, clamped_slopes, clip_of
from mien.sinks.exporters.keyed import Fewer, KeyedOptions
from mien.sinks.exporters.own_avatar import Interpolation, OwnAvatar
from mien.sinks.exporters.people import worth_a_file
from mien.sinks.exporters.whole_file import written_bytes


class GlbOptions(KeyedOptions):
    """Whose face, and how keys are joined. A character is to look calm: here smoothing is the default."""

    avatar: str = Field(default="", description="your own .glb, .gltf or .vrm; empty = the built-in character")
    profile: str = Field(default="", description="its profile (.toml); empty = what mien avatar check proposes")
    interpolation: Interpolation = Field(default="linear", description="linear, or cubic (glTF's CUBICSPLINE)")
    smooth: bool = Field(default=True, description="calm the tremor, without delay; False = as measured")


def export(take: Recorded, path: Path, *, track_id: int | None = None, options: GlbOptions | None = None) -> list[Path]:
    """Write a character playing the take.

    Args:
        take: the take.
        path: the file of the main track, e.g. `avatar.glb`. Further people go beside it, `avatar.<track_id>.glb`,
            if they were seen in at least 5 % of the main person's frames.
        track_id: write only this track, to `path`.
        options: see `GlbOptions`.

    Returns:
        The files written, the main one first. A take without a face gives a neutral character.

    Raises:
        SinkError: a file cannot be written. SourceError: the user's character cannot be read.
        ConfigError: its profile is wrong.
    """
    options = options or GlbOptions()
    profile = Path(options.profile) if options.profile else None
    own = OwnAvatar(Path(options.avatar), profile) if options.avatar else None
    fewer = options.fewer(straight=options.interpolation == "linear")
    written = []
    for i, one in enumerate(worth_a_file(performances(take.records(), only=track_id, lost=options.lost))):
        target = path.with_name(f"{path.stem}.{one.track_id}{path.suffix}") if i else path
        shown = calmed(one) if options.smooth else one
        if own is None:
            write_glb(target, builtin_character(), shown, options.interpolation, fewer)
        else:
            own.write(target, clip_of(shown), options.interpolation, fewer)
        written.append(target)
    return written


cast(Any, export).Options = GlbOptions


def write_glb(
    path: Path,
    character: Character,
    performance: Performance,
    interpolation: Interpolation = "linear",
    fewer: Fewer | None = None,
) -> None:
    """Write one character playing one performance, exactly as given; the file appears whole or not at all.

    Raises:
        SinkError: the file cannot be written.
    """
    animation = Animation(
        name="take",
        times_s=((performance.t_ns - performance.t_ns[:1]) / NS_PER_S).astype(np.float32),
        weights=playable(performance.weights),
        rotations={
            "head": performance.head_xyzw,
            "eye_left": performance.left_eye_xyzw,
            "eye_right": performance.right_eye_xyzw,
        },
        slopes=clamped_slopes if interpolation == "cubic" else None,
        fewer=fewer,
    )
    with written_bytes(path, folders=True) as file:
        write_character(file, character, animation)
