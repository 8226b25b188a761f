"""`mien doctor`: what is here, what is missing, and what to do about it. The checks are in `mien.cli.checks`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer


def doctor(
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Check versions, inference backends, cameras, codecs and space. Exit code 0 when `mien capture` can run."""
    from mien.cli.checks import run_checks

    findings = []
    area = ""
    for finding in run_checks():
        findings.append(finding)
        if json_output:
            continue
        if finding.area != area:
            area = finding.area
            typer.echo(area)
        mark = {"ok": " ", "note": "-", "warning": "!", "problem": "X"}[finding.state]
        typer.echo(f"  {mark} {finding.name}: {finding.value}")
    problems = [f for f in findings if f.state == "problem"]
    if json_output:
        typer.echo(json.dumps({"ok": not problems, "findings": [asdict(f) for f in findings]}, indent=2))
    else:
        for state in ("warning", "problem"):
            for finding in findings:
                if finding.state == state:
                    advice = f" -> {finding.advice}" if finding.advice else ""
                    typer.echo(f"{state}: {finding.name}: {finding.value}{advice}", err=True)
        typer.echo("Mien can run here." if not problems else "Mien cannot run here yet: see the problems above.")
    if problems:
        raise typer.Exit(1)
