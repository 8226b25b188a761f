"""Methods by one word each, for the commands that compare several."""

from __future__ import annotations

from pathlib import Path

from mien.errors import RequestError
from mien.lab.evaluate.landmark_finders import Finder, detector_stage, stage_finder

HELP = "a preset, DETECTOR+LANDMARKS (stage names), or a checkpoint (.pt, end to end behind --preset's detector)"


def finder_of(method: str, preset: str = "balanced") -> Finder:
    """The method that a word names.

    Args:
        method: a preset's name, "detect/…+landmarks/…", or the path of a checkpoint; before it "TITLE=" names it.
        preset: whose detector goes before a checkpoint.

    Raises:
        RequestError: no such method.
        ModelError: the checkpoint cannot be used.
    """
    title, rest = titled(method)
    if rest.endswith(".pt"):
        from mien.lab.evaluate.landmark_checkpoint import NetFinder, load_checkpoint

        detector, used = detector_stage(preset)
        return NetFinder(*load_checkpoint(Path(rest)), detector, name=title or f"{used} + {Path(rest).parent.name}")
    if "+" in rest:
        detector_name, _, landmark_name = (part.strip() for part in rest.partition("+"))
        return stage_finder(preset, detector_name, landmark_name, title or None)
    return stage_finder(rest, name=title or rest)


def titled(method: str) -> tuple[str, str]:
    """("TITLE", "rest") of "TITLE=rest"; without a title it is empty.

    Raises:
        RequestError: nothing is named.
    """
    title, equals, rest = method.partition("=")
    if not equals:
        title, rest = "", method
    if not rest.strip():
        raise RequestError(f'--method "{method}": expected {HELP}')
    return title.strip(), rest.strip()
