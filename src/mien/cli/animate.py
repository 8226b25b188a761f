"""`mien animate`: a performance without a camera."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.saying import printed, say
from mien.core.text import counted, storable

if TYPE_CHECKING:
    from mien.animate.plan import Act
    from mien.animate.script import Script


def animate(
    script: Annotated[
        Path | None, typer.Argument(metavar="SCRIPT.toml", help="What happens; see docs/animate.md.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder for the take.")] = None,
    words: Annotated[
        str | None,
        typer.Option("--say", metavar="TEXT", help='Instead of a script: "surprise 0.8 at 0.2s, then neutral".'),
    ] = None,
    over: Annotated[Path | None, typer.Option(metavar="TAKE", help="Lay it over the face of this take.")] = None,
    face: Annotated[int | None, typer.Option(help="With --over: the track id; otherwise the one seen most.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed, another performance.")] = None,
    fps: Annotated[float | None, typer.Option(min=5.0, max=1000.0, help="Frames per second; 60.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, max=3600.0, help="Length of the take.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a take in the folder.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Perform a SCRIPT (or --say) without a camera: a take like any other, for export, render and live."""
    from mien.errors import RequestError
    from mien.recorder.animate import AnimateRequest
    from mien.recorder.animate import animate as run

    if out is None:
        raise RequestError("say where the take goes: --out FOLDER")
    if (script is None) == (words is None):
        raise RequestError('say either a script file or --say "surprise 0.8 at 0.2s, then neutral"')
    if over is None and face is not None:
        raise RequestError("--face is for --over TAKE: without it there is one face")
    asked, name = _script(script, words, {"seed": seed, "fps": fps, "seconds": seconds})
    outcome = run(AnimateRequest(asked, name, out, over, face, overwrite))
    acts = [_act(a) for a in outcome.acts]
    for act in acts:
        say(_line(act))
    say(f"{counted(outcome.frames, 'frame')} in {storable(str(outcome.path))}; mien render and mien export show it")
    table = {"frames": outcome.frames, "acts": acts, "output": storable(str(outcome.path))}
    if json_output and not printed(json.dumps(table, indent=2)):
        raise typer.Exit(1)


def _script(path: Path | None, words: str | None, settings: dict[str, Any]) -> tuple[Script, str]:
    from mien.animate.script import Script, parse_say, read_script

    chosen = {k: v for k, v in settings.items() if v is not None}
    if path is None:
        return parse_say(words or "", **chosen), "said"
    whole = read_script(path)
    return Script.model_validate({**whole.model_dump(by_alias=True), **chosen}), path.name


def _act(act: Act) -> dict[str, Any]:
    times = ("onset_s", "apex_s", "release_s", "offset_s")
    return {
        "kind": act.kind,
        "expression": act.expression,
        "intensity": round(act.intensity, 3),
        **{k: round(getattr(act, k), 3) for k in times},
        "units": {k: round(v, 2) for k, v in act.units.items()},
    }


def _line(act: dict[str, Any]) -> str:
    units = ", ".join(f"{k} {v:.1f}" for k, v in act["units"].items())
    what = act["expression"] or "units"
    return f"  {act['onset_s']:.2f}–{act['offset_s']:.2f} s  {act['kind']} {what} {act['intensity']:.2f}: {units}"
