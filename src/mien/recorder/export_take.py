"""Finished takes into further formats, on request: `mien export`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.core.text import counted
from mien.errors import RequestError, SinkError
from mien.output_folder import written_by_mien
from mien.pipeline.compose import options_for
from mien.pipeline.config import load_config
from mien.pipeline.registry import EXPORTERS, load, suggestion
from mien.take.reader import PARTS_FOLDER, TAKE_FILE

if TYPE_CHECKING:
    from mien.take.reader import Take


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export.

    Attributes:
        take: what `load_take` accepts.
        outputs: names of exporters.
        out: file to write (one output), or a folder (several, if there is one, or if it has no ending); None = beside
            the take.
        overrides: "name.option=value".
        track_id: only this face; None = everyone worth a file.
        overwrite: replace files that are not known to be Mien's own.
        edited: as the edits beside the take say; False = as it was captured.
    """

    take: Path
    outputs: Sequence[str]
    out: Path | None = None
    overrides: Sequence[str] = ()
    track_id: int | None = None
    overwrite: bool = False
    edited: bool = False


def export_take(request: ExportRequest) -> list[Path]:
    """Write a take in other formats.

    Returns:
        The files written.

    Raises:
        RequestError: no such output, face or option, or a file is in the way; nothing was written.
        MissingExtraError: an output needs a package that is not installed.
        SourceError: the take is missing or damaged. SinkError: a file cannot be written.
    """
    from mien.take.reader import load_take

    for name in request.outputs:
        if name not in EXPORTERS:
            raise RequestError(f'there is no output "{name}"{suggestion(name, EXPORTERS)}')
    options = _options(request)
    functions = {name: load(EXPORTERS[name].target) for name in request.outputs}
    checked = {name: options_for(functions[name], options.get(name, {}), name) for name in request.outputs}
    take = load_take(request.take)
    if request.edited:
        from mien.recorder.edited_take import EditedTake, read_edits

        take = EditedTake(take, read_edits(take))
    paths = _paths(request, take)
    _check_face(request, take, functions)
    made: list[Path] = []
    for name, path in paths.items():
        _make_folder(path.parent)
        keywords: dict[str, Any] = {} if checked[name] is None else {"options": checked[name]}
        if request.track_id is not None:
            keywords["track_id"] = request.track_id
        made += functions[name](take, path, **keywords)
    return made


def _options(request: ExportRequest) -> Mapping[str, Any]:
    """Tables of options by output.

    Raises:
        ConfigError: an override that cannot be read. RequestError: it is of an output that is not made.
    """
    for override in request.overrides:
        name = override.partition("=")[0].partition(".")[0].strip()
        if name not in request.outputs:
            raise RequestError(f"--set {override}: options are those of {', '.join(request.outputs)}, as NAME.OPTION")
    return load_config(overrides=request.overrides)


def _paths(request: ExportRequest, take: Take) -> dict[str, Path]:
    """Output → its file, none of them in the way of something else.

    Raises:
        RequestError: a file is there that is not known to be Mien's.
    """
    out = request.out
    if out is None:
        out = take.path.parent
    elif len(request.outputs) == 1 and not out.is_dir() and out.suffix:
        return _free(request, {request.outputs[0]: out}, take)
    return _free(request, {name: out / EXPORTERS[name].file_name for name in request.outputs}, take)


def _free(request: ExportRequest, paths: dict[str, Path], take: Take) -> dict[str, Path]:
    for name, path in paths.items():
        beside_parts = take.path.parent / TAKE_FILE if take.path.name == PARTS_FOLDER else take.path
        if path.resolve() in (take.path.resolve(), beside_parts.resolve()) or path.is_dir():
            raise RequestError(f"{path} is {'a folder' if path.is_dir() else 'the take itself'}; name another --out")
        further = [path.with_suffix(ending) for ending in EXPORTERS[name].beside]
        # A take cannot be made again as its exports can: one is never replaced unasked.
        foreign = [p for p in (path, *further) if p.exists() and (name == "parquet" or not written_by_mien(name, path))]
        if foreign and not request.overwrite:
            raise RequestError(f"{foreign[0]} is there already: name another --out, or say --overwrite")
    return paths


def _check_face(request: ExportRequest, take: Take, functions: Mapping[str, Any]) -> None:
    if request.track_id is None:
        return
    for name, function in functions.items():
        if "track_id" not in inspect.signature(function).parameters:
            raise RequestError(f'output "{name}" is about everybody: leave --face out')
    known = sorted(take.track_ids())
    if request.track_id not in known:
        faces = f"its {counted(len(known), 'face')}: {', '.join(map(str, known))}" if known else "it has no face"
        raise RequestError(f"the take has no face {request.track_id}; {faces}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{folder} cannot be made: {error.strerror or error}; name another --out") from error
