"""The folder of a capture: is it fit to be written, what is in the way, what belongs to an earlier take."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mien.errors import MienError, RequestError, SinkError
from mien.pipeline.registry import EXPORTERS, load
from mien.take.reader import PARTS_FOLDER, TAKE_FILE, load_take

MIN_FREE_BYTES = 32 * 1024 * 1024
_SINK_FILES = {"parquet": TAKE_FILE, "overlay": "overlay.mp4"}
_OF_A_TAKE = (
    "overlay.part-*",
    "take.parquet.tmp",
    *(
        f"{Path(entry.file_name).stem}.[0-9]*{ending}"
        for entry in EXPORTERS.values()
        if entry.per_person
        for ending in (Path(entry.file_name).suffix, *entry.beside)
    ),
    *(f"{Path(entry.file_name).stem}{ending}" for entry in EXPORTERS.values() for ending in entry.beside),
)
"""Files beside the named ones that only a capture makes."""
_HEAD_BYTES = 65_536
_MARKS = {
    "csv": (b"frame,face_id,timestamp,confidence,success",),
    "livelink": (b"Timecode,BlendShapeCount,",),
    "glb": (b'"generator":"mien ',),
    "report": (b'<meta name="generator" content="Mien">',),
    "unreal": (b'{"generator": "mien", "format": "mien rich curves',),
    "blender": (b"Written by Mien (generator: mien).",),
    "vrma": (b'"generator":"mien ',),
    "usd": (b'string generator = "mien"',),
    "json": (b'{"generator": "mien", "format": "mien clip',),
}
"""What stands near the beginning of the files that Mien writes; the other formats have no place for it."""


def file_name(output: str) -> str:
    """The file an output makes in a capture's folder."""
    return _SINK_FILES[output] if output in _SINK_FILES else EXPORTERS[output].file_name


def has_take(folder: Path) -> bool:
    """Whether a capture left its take, or parts of one, in the folder."""
    return (folder / TAKE_FILE).exists() or (folder / PARTS_FOLDER).exists()


def check_folder(
    folder: Path, source: str | None, outputs: Sequence[str], *, resume: bool, overwrite: bool, resumable: bool = True
) -> None:
    """Fail before the first frame, not after the last.

    Args:
        folder: where the outputs go.
        source: what is captured, as the user said it; None = nothing that is stored anywhere.
        outputs: names of the outputs that will be made.
        resume, overwrite: what may happen to a take that is there.
        resumable: whether the user could have asked to resume it.

    Raises:
        RequestError: something in the folder would be lost, or is the input.
    """
    files = [folder / file_name(o) for o in outputs]
    if source is not None and _inside(source, folder, files):
        raise RequestError(f"{source} cannot be both the input and an output; choose another --out")
    if resume or overwrite:
        return
    if _holds_records(folder):
        way = "use --resume to continue it" if resumable else "choose another --out"
        raise RequestError(f"{folder} already holds a take: {way}, --overwrite to replace it")
    there = [] if has_take(folder) else [f.name for f in files if f.exists()]
    if there:
        raise RequestError(
            f"{folder} already holds {', '.join(there)}, which the capture would replace: choose another --out, or "
            "say --overwrite"
        )


@contextmanager
def kept_if_used(folder: Path) -> Iterator[None]:
    """A folder that is made in the block goes again at its end, and those above it that were made for it, as far as
    nothing lies in them. What was there before stays."""
    new = [p for p in (folder, *folder.parents) if not os.path.lexists(p)]
    try:
        yield
    finally:
        for path in new:
            try:
                path.rmdir()
            except FileNotFoundError:
                continue
            except OSError:  # something lies in it
                break


def check_writable(folder: Path) -> None:
    """Make the folder if it is missing, and try it.

    Raises:
        SinkError: it cannot be written, or is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".mien-write-test.tmp"
        probe.write_bytes(b"x")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise SinkError(f"output folder {folder} cannot be written: {error.strerror or error}") from None
    if free < MIN_FREE_BYTES:
        raise SinkError(
            f"output folder {folder}: only {free // 2**20} MB free; free some space or choose another --out"
        )


def _inside(source: str, folder: Path, files: Sequence[Path]) -> bool:
    """Whether the input is something that the capture would write or remove."""
    path = Path(source).resolve()
    taken = {f.resolve() for f in files} | {f.resolve() for pattern in _OF_A_TAKE for f in folder.glob(pattern)}
    return path in taken or path == folder.resolve() or (folder / PARTS_FOLDER).resolve() in (path, *path.parents)


def holds_demo(folder: Path, outputs: Sequence[str]) -> bool:
    """Whether the folder holds a take of the built-in clip, and in the way of a new one no file of somebody else.

    The demo replaces what it made before without asking, so here every file has to show where it comes from.
    """
    try:
        if load_take(folder).header.source.kind != "synthetic":
            return False
    except MienError:
        return False
    files = {name: folder / file_name(name) for name in outputs}
    return all(written_by_mien(name, path) for name, path in files.items() if path.exists())


def written_by_mien(output: str, path: Path) -> bool:
    """Whether a file begins as Mien writes this output."""
    if output == "parquet":
        return True  # opened as a take
    if output == "overlay":
        return bool(load("mien.sinks.video_segment:facts_of")(path))
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    return any(mark in head for mark in _MARKS.get(output, ()))


def _holds_records(folder: Path) -> bool:
    """True = a take with at least one frame, or something that cannot be read and may be worth keeping."""
    if not has_take(folder):
        return False
    try:
        return len(load_take(folder)) > 0
    except MienError:
        return True


def remove_take(folder: Path, outputs: Sequence[str]) -> None:
    """Remove an earlier take and the outputs that will be made again; nothing else."""
    of_a_take = [f for pattern in _OF_A_TAKE for f in folder.glob(pattern)] if has_take(folder) else []
    for path in (*of_a_take, *(folder / file_name(o) for o in outputs)):
        path.unlink(missing_ok=True)
    (folder / TAKE_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder / PARTS_FOLDER, ignore_errors=True)
