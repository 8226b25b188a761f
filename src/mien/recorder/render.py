"""A take becomes a character's video or still: `mien render`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mien.animate.performance import Performance, performance
from mien.animate.smooth import calmed
from mien.avatar.character import Character
from mien.errors import RequestError
from mien.take.reader import load_take

SIZES_PX = (64, 4096)


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """What to draw.

    Attributes:
        take: what `load_take` accepts.
        out: .mp4, or .png with `at_s`.
        avatar: the user's character; None = the built-in one.
        profile: of that character; None = what the rig doctor proposes.
        track_id: whose face; None = the one seen most.
        size_wh: px; made even for video.
        at_s: a still at this time; None = the whole take.
        calm: without tremor.
        overwrite: replace the file.
    """

    take: Path
    out: Path
    avatar: Path | None = None
    profile: Path | None = None
    track_id: int | None = None
    size_wh: tuple[int, int] = (720, 720)
    at_s: float | None = None
    calm: bool = True
    overwrite: bool = False


def render(request: RenderRequest, stop: threading.Event, told: Callable[[int, int], None]) -> int:
    """Draw; returns the number of frames.

    Args:
        request: what.
        stop: set = what was drawn so far becomes the file.
        told: is given frames drawn and frames in all.

    Raises:
        RequestError: a wrong name or size, no such face, or a file in the way.
        SourceError: the take or the character cannot be read. SinkError: the file cannot be written.
        ConfigError: the profile is wrong.
    """
    from mien.sinks.character_video import write_still, write_video

    _check(request)
    take = load_take(request.take)
    one = performance(take.records(), request.track_id)
    if len(one) == 0:
        raise RequestError(f"{request.take} has no frame to draw")
    if request.track_id is not None and one.track_id != request.track_id:
        known = ", ".join(map(str, sorted(take.track_ids()))) or "none"
        raise RequestError(f"{request.take} has no face {request.track_id}; faces: {known}")
    shown: Performance = calmed(one) if request.calm else one
    character = _character(request)
    if request.at_s is not None:
        write_still(request.out, character, shown, request.at_s, request.size_wh)
        return 1
    w, h = request.size_wh
    even = (w - w % 2, h - h % 2)

    def go_on(done: int) -> bool:
        told(done, len(shown))
        return not stop.is_set()

    return write_video(request.out, character, shown, even, go_on)


def _check(request: RenderRequest) -> None:
    wanted = ".png" if request.at_s is not None else ".mp4"
    if request.out.suffix.lower() != wanted:
        raise RequestError(f"--out {request.out}: {'a still' if wanted == '.png' else 'a video'} is a {wanted}")
    if request.out.exists() and (request.out.is_dir() or not request.overwrite):
        raise RequestError(f"{request.out} is there already: name another --out, or say --overwrite")
    if not all(SIZES_PX[0] <= side <= SIZES_PX[1] for side in request.size_wh):
        raise RequestError(f"--size: width and height are {SIZES_PX[0]} to {SIZES_PX[1]} px")
    if request.profile is not None and request.avatar is None:
        raise RequestError("--profile is for --avatar FILE: the built-in character needs none")


def _character(request: RenderRequest) -> Character:
    if request.avatar is None:
        from mien.avatar.builtin import builtin_character

        return builtin_character()
    from mien.animate.profile import read_profile
    from mien.avatar.check import check_rig
    from mien.avatar.propose import shape_table
    from mien.avatar.rig_character import rig_character

    if request.profile is None:
        return rig_character(request.avatar, shape_table(check_rig(request.avatar)))
    # Drawn without the profile's curves and rules: a picture adds up shapes.
    profile = read_profile(request.profile)
    if profile.inputs != "arkit52":
        raise RequestError(
            f"profile {request.profile}: a take drives a character by ARKit's shapes, not by {profile.inputs}"
        )
    table: dict[str, dict[str, float]] = {}
    for target, row in profile.rules.outputs.items():
        for shape, gain in row.parts.items():
            table.setdefault(shape, {})[target] = gain
    return rig_character(request.avatar, table)
