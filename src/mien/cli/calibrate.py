"""`mien calibrate`: parse, call `mien.recorder.calibrate`, say what it changed."""

from __future__ import annotations

import json
import math
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.saying import printed, say, say_loading

if TYPE_CHECKING:
    from types import FrameType

    from mien.action_units.calibration import Calibration
    from mien.action_units.guide import Step


def calibrate(
    source: Annotated[str, typer.Argument(metavar="CLIP_OR_CAMERA", help="A video, a take, or camera:0.")],
    out: Annotated[Path, typer.Option(help="The profile to write, .toml; a picture .png comes beside it.")],
    preset: Annotated[str, typer.Option(help="The one that will capture with the profile.")] = "balanced",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change an option, as of mien capture.")
    ] = None,
    guided: Annotated[
        bool | None,
        typer.Option("--guided/--any", help="The person follows the guide from the first frame on. Default: cameras."),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Learn how one person's face reads: its neutral, and the range of every expression, left and right.

    With a camera you are told what to do, for just under two minutes. Then: mien capture ... --profile FILE.
    """
    say_loading()
    from mien.recorder.calibrate import CalibrationRequest
    from mien.recorder.calibrate import calibrate as run

    stop = threading.Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        found, files = run(CalibrationRequest(source, out, preset, tuple(set_ or ()), guided), _ask, stop)
    finally:
        signal.signal(signal.SIGINT, before)
    facts = _facts(found, files)
    say(in_words(facts))
    for path in files:
        say(f"  {path}")
    if json_output and not printed(json.dumps(facts, indent=2)):
        raise typer.Exit(1)


def _ask(step: Step) -> None:
    say(f"[{step.seconds:.0f} s] {step.words}")


def _facts(found: Calibration, files: list[Path]) -> dict[str, Any]:
    def plain(row: dict[str, float]) -> dict[str, float | None]:
        return {k: round(v, 4) if math.isfinite(v) else None for k, v in row.items()}

    return {
        "frames": len(found.t_ns),
        "exercised": sorted(found.profile.seen),
        "blinks": plain(found.blinks()),
        "shapes": {name: plain(row) for name, row in found.numbers().items()},
        "outputs": [str(p) for p in files],
    }


def in_words(facts: dict[str, Any]) -> str:
    """One calibration in a sentence, and a warning where it is of little use; `facts` as of `_facts`."""
    rest = {w: [r[f"rest_{w}"] for r in facts["shapes"].values() if r[f"rest_{w}"] is not None] for w in _WORDS}
    still = " -> ".join(f"{sum(v) / max(len(v), 1):.3f}" for v in rest.values())
    blinks = facts["blinks"]
    peaks = " -> ".join("-" if blinks[f"peak_{w}"] is None else f"{blinks[f'peak_{w}']:.2f}" for w in _WORDS)
    return (
        f"{facts['frames']} frames; mean reading at rest {still}, blink peaks {peaks}; "
        f"{len(facts['exercised'])} shapes were exercised: {', '.join(facts['exercised']) or 'none'}"
        + ("" if facts["exercised"] else _NOTHING_DONE)
    )


_NOTHING_DONE = (
    "\nwarning: nothing moved far enough to be calibrated: the profile knows only how the face mostly looked, "
    "which is of use only if it was at rest then; follow the guide (mien calibrate camera:0), or take a longer clip"
)


_WORDS = ("before", "after")
