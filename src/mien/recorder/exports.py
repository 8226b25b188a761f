"""The outputs that are made from a finished take: all of them, or those that an earlier attempt did not reach."""

from __future__ import annotations

import errno
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.errors import MienError, SinkError
from mien.output_folder import file_name
from mien.pipeline.compose import options_for
from mien.pipeline.registry import EXPORTERS, SINKS, load
from mien.recorder.request import Audience, Outcome
from mien.take.reader import PARTS_FOLDER, TAKE_FILE, part_files

if TYPE_CHECKING:
    from mien.take.reader import Take

JUDGE = "mien.sinks.take_judgement:judged"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def missing_exports(folder: Path, config: Mapping[str, Any]) -> list[str]:
    """Outputs of the configuration that come from the finished take and are not there, or are older than it."""
    written_ns = (folder / TAKE_FILE).stat().st_mtime_ns
    files = {n: folder / file_name(n) for n in config["outputs"] if n not in SINKS}
    return [n for n, file in files.items() if not file.exists() or file.stat().st_mtime_ns < written_ns]


def export(
    folder: Path,
    config: Mapping[str, Any],
    outcome: Outcome,
    stop: threading.Event,
    audience: Audience,
    *,
    only: Sequence[str] | None = None,
) -> None:
    """Look at the take that a capture left, and make the outputs that come from it.

    A failing one does not stop the others, unless no other could be written either: a full disk, or being told to
    stop. What was not made is in `Outcome.missing`.

    Args:
        folder: of the capture.
        config: resolved configuration.
        outcome: of the capture; filled further.
        stop: set while this runs = skip what is not begun. Set before = the capture was stopped, its outputs are made.
        audience: is told.
        only: names of exporters; None = all of the configuration.
    """
    from mien.take.reader import load_take

    try:
        take = load_take(folder)
        outcome.summary = replace(outcome.summary, frames=len(take))
        outcome.outputs.append(take.path)
        judgement = load(JUDGE)(take)
        outcome.warnings, outcome.notes = judgement.warnings, judgement.notes
        outcome.frames_with_face, outcome.track_frames = judgement.frames_with_face, judgement.track_frames
    except MienError as error:
        if not (folder / TAKE_FILE).exists() and not part_files(folder / PARTS_FOLDER):
            outcome.summary = replace(outcome.summary, frames=0)
        outcome.error = outcome.error or error
        return
    before = stop.is_set()
    given_up = _disk_is_full(outcome.error)
    for name in config["outputs"]:
        path = folder / file_name(name)
        if name in SINKS or (only is not None and name not in only):
            outcome.outputs.extend([path] if path.exists() and path not in outcome.outputs else [])
        elif given_up or (stop.is_set() and not before):
            outcome.missing.append(name)
        else:
            audience.exporting(name)
            given_up = not _made(name, take, path, config, outcome)


def _made(name: str, take: Take, path: Path, config: Mapping[str, Any], outcome: Outcome) -> bool:
    """Make one output; False = it is of no use to try another."""
    failure: MienError
    try:
        function = load(EXPORTERS[name].target)
        options = options_for(function, config.get(name, {}), name)
        outcome.outputs.extend(function(take, path, **({} if options is None else {"options": options})))
        return True
    except KeyboardInterrupt:
        outcome.missing.append(name)
        return False
    except MienError as error:
        failure = error
    except Exception as error:  # noqa: BLE001  the other outputs must still be made
        failure = SinkError(f'output "{name}" in {path.parent} cannot be made: {type(error).__name__}: {error}')
        failure.__cause__ = error
    outcome.missing.append(name)
    outcome.error = outcome.error or failure
    return not _disk_is_full(failure)


def _disk_is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__
    return False
