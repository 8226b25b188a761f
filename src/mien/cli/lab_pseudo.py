"""`mien lab pseudo`: label real pictures by a teacher that must agree with itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mien.cli.saying import say
from mien.cli.steps import StepProgress
from mien.errors import ConfigError
from mien.pipeline.registry import load, suggestion


def pseudo(
    source: Annotated[str, typer.Option(help="sfhq, fer2013 or clips; see docs/real-pixels.md.")],
    folder: Annotated[Path, typer.Option(help="Where the pictures are.")],
    out: Annotated[Path, typer.Option(help="The dataset's folder; again with the same options = go on.")],
    purpose: Annotated[str, typer.Option(help="train or test; refused where a source does not allow it.")] = "test",
    n: Annotated[int, typer.Option("--n", min=0, help="Pictures, evenly spread over the source; 0 = all.")] = 0,
    model: Annotated[
        str | None,
        typer.Option(help="A heatmap network of Mien's (name or folder) labels instead of MediaPipe: self-training."),
    ] = None,
    refused_by: Annotated[
        Path | None, typer.Option(help="Earlier labels of this source: look only at what they refused.")
    ] = None,
) -> None:
    """Make real pictures a dataset with 98 points, kept where the teacher agrees with itself in several views.

    Read it with open_dataset("pseudo:DIR").
    """
    if not out.name:
        raise ConfigError("--out: name a folder")
    sources = load("mien.lab.pseudo.sources:SOURCES")
    if source not in sources:
        raise ConfigError(f'--source: there is no source "{source}"{suggestion(source, sources)}')
    if purpose not in ("train", "test"):
        raise ConfigError(f'--purpose: train or test, not "{purpose}"')
    teacher = None if model is None else load("mien.lab.pseudo.own_teacher:OwnTeacher")(model)
    order = load("mien.lab.pseudo.labelling:Order")(
        source=source, purpose=purpose, count=n, refused_by="" if refused_by is None else str(refused_by)
    )
    if model is not None:  # it has no detector that could agree
        order = order.model_copy(update={"limits": order.limits.model_copy(update={"need_detection": False})})
    try:
        with StepProgress(f"labelling {source}", "pictures") as progress:
            seen: list[int] = []

            def told(step: Any) -> None:
                if not seen:
                    progress.started(step.done - 1, step.total)
                seen.append(step.done)
                progress.advance(1)

            summary = load("mien.lab.pseudo.labelling:label_source")(order, folder, out, told, teacher)
    except KeyboardInterrupt:
        say(f"{out}: what is finished stays: the same command goes on")
        raise
    kept = ", ".join(f"{split} {count}" for split, count in summary.kept.items()) or "none"
    refused = "; ".join(f"{reason}: {count}" for reason, count in summary.refused.items()) or "none"
    typer.echo(f"faces kept: {kept}. Refused: {refused}.")
    typer.echo(f'Look at them: mien lab data sheet pseudo {out} --out sheet.png --points; open_dataset("pseudo:{out}")')
