"""`mien lab evaluate …`: measure models on marked data, and write the figures down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mien.cli.lab_expression import evaluate_expression
from mien.cli.lab_micro import micro
from mien.cli.saying import printed
from mien.cli.steps import StepProgress
from mien.pipeline.registry import load

evaluate = typer.Typer(
    help="Measure models on marked data: validation only.", no_args_is_help=True, rich_markup_mode=None
)


evaluate.command("expression")(evaluate_expression)


@evaluate.callback()
def _group() -> None:
    """A group even while it has one command."""


evaluate.command("micro")(micro)


@evaluate.command("landmarks")
def landmarks(
    data: Annotated[str, typer.Option(help="NAME:PATH of a dataset with 98 points; see `mien lab data list`.")],
    split: Annotated[str, typer.Option(help="Only this split.")] = "",
    count: Annotated[int, typer.Option(min=0, help="Faces, evenly spread; 0 = all.")] = 0,
    preset: Annotated[str, typer.Option(help="Its detector and landmark stage are measured.")] = "balanced",
    detector: Annotated[str | None, typer.Option(help="This detector stage instead.")] = None,
    landmarks: Annotated[str | None, typer.Option(help="This landmark stage instead.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="best.pt of a training run instead.")] = None,
    flip: Annotated[bool, typer.Option("--flip", help="Of a checkpoint: mean with the mirror image.")] = False,
    out: Annotated[Path | None, typer.Option(help="A folder for figures, curves and the worst faces.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """NME, failure rate, AUC by subset and by part of the face: end to end, and with the true crop.

    NME is the mean over the faces that were found; in failure rate and AUC a missed face counts as a failure. Some of
    what --out gets shows the data's pictures: mind its licence.
    """
    request = load("mien.lab.evaluate.landmarks:Request")(
        *(data, split, count, preset, detector, landmarks, checkpoint, flip)
    )
    with StepProgress("looking", "faces") as progress:

        def told(done: int, total: int) -> None:
            if done == 1:
                progress.started(0, total)
            progress.advance(1)

        runs = load("mien.lab.evaluate.landmarks:evaluate")(request, told)
    results: list[dict[str, Any]] = [load("mien.lab.evaluate.landmark_run:figures")(run) for run in runs]
    if out is not None:
        samples, _ = load("mien.lab.evaluate.landmarks:open_samples")(request)
        load("mien.lab.evaluate.landmark_report:write_report")(samples, runs, results, out)
    tables = load("mien.lab.evaluate.landmarks:tables")
    text = json.dumps({"runs": results}, indent=2, ensure_ascii=False) if json_output else tables(results)
    if not printed(text):
        raise typer.Exit(1)


@evaluate.command("detect")
def detect(
    data: Annotated[str, typer.Option(help="NAME:PATH of a dataset with boxes, e.g. widerface:FOLDER.")],
    detector: Annotated[
        str, typer.Option(help="cascade, mtcnn, ssd, mediapipe; or a preset: its landmark network judges as well.")
    ] = "cascade",
    model: Annotated[Path | None, typer.Option(help="Of --detector ssd: the folder of its network.")] = None,
    run: Annotated[Path | None, typer.Option(help="A folder of mien.lab.train.detect instead.")] = None,
    stages: Annotated[str, typer.Option(help="Of --run: the stages that give P-, R- and O-Net.")] = "p,r,o",
    least_px: Annotated[float, typer.Option(min=0, help="Faces with a shorter side below are ignored.")] = 24.0,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Probability from which a finding counts; default: its own.")
    ] = None,
    backgrounds: Annotated[Path | None, typer.Option(help="Folder of pictures without people.")] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for the pictures with boxes drawn in.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Average precision as WIDER FACE takes it; recall, precision, false findings by size; false ones where nobody is.

    What --out gets shows the data's pictures: mind its licence.
    """
    finders = "mien.lab.evaluate.detect_finders:"
    finder: Any
    if run is not None:
        finder = load(finders + "run_finder")(run, tuple(stages.split(",")))
    else:
        finder = load(finders + "named_finder")(detector, {} if model is None else {"model": str(model)})
    try:
        with StepProgress("looking", "pictures") as progress:

            def told(done: int, total: int) -> None:
                if done == 1:
                    progress.started(0, total)
                progress.advance(1)

            how = {"least_px": least_px, "threshold": threshold, "without_people": backgrounds, "told": told}
            found = load("mien.lab.evaluate.detect:evaluate")(finder, data, **how)
    finally:
        finder.close()
    if out is not None:
        load("mien.lab.evaluate.detect:write_pictures")(found, data, out)
    result: dict[str, Any] = load("mien.lab.evaluate.detect:figures")(found)
    table = load("mien.lab.evaluate.detect:table")
    if not printed(json.dumps(result, indent=2, ensure_ascii=False) if json_output else table(result)):
        raise typer.Exit(1)


@evaluate.command("action-units")
def action_units(
    rig: Annotated[
        list[str] | None, typer.Option(help="builtin, ict:DIR, makehuman:DIR or valid:DIR; several in turn.")
    ] = None,
    preset: Annotated[list[str] | None, typer.Option(help="Captures the clips; several see the same ones.")] = None,
    people: Annotated[int, typer.Option(min=1, max=30, help="Persons of each rig, none of them trained on.")] = 2,
    seconds: Annotated[float, typer.Option(min=0, help="Of each clip; 0 = everything a face can do, about 27 s.")] = 0,
    fps: Annotated[float, typer.Option(min=5, max=120, help="Frame rate of the clips, Hz.")] = 15.0,
    size: Annotated[int, typer.Option(min=96, max=1024, help="Side of the pictures, px.")] = 320,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds, other people and curves.")] = 1,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As of mien capture.")] = None,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Everybody follows the guide of mien calibrate first.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="A folder for figures.json.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """People of the rigs perform known curves, are drawn, and captured: correlation, error, lag, dead shapes."""
    module, report = "mien.lab.evaluate.action_units:", "mien.lab.evaluate.action_units_report:"
    names = tuple(rig or ["builtin"]), tuple(preset or ["balanced"])
    request = load(module + "Request")(*names, people, seconds, fps, size, seed, tuple(set_ or ()), calibrated)
    with StepProgress("performing", "frames") as progress:
        before = 0

        def told(done: int, total: int) -> None:
            nonlocal before
            if before == 0:
                progress.started(0, total)
            progress.advance(done - before)
            before = done

        runs = load(module + "evaluate")(request, told)
    facts: dict[str, Any] = load(report + "as_json")(runs)
    if out is not None:
        load(report + "write_figures")(facts, out)
    text = json.dumps(facts, indent=2, ensure_ascii=False) if json_output else load(report + "as_text")(runs)
    if not printed(text):
        raise typer.Exit(1)
