"""The take as a Parquet file, safe against crashes.

While capturing, finished parts of a few seconds stand in `take.parts/`; each is written under another name,
flushed to the disk and then renamed, so a killed process loses only the records since the last part. `close`
merges them, a few parts at a time, into `take.parquet` and removes them. Memory holds one part and one row group.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from mien.core.record import FrameRecord
from mien.core.text import counted
from mien.errors import SinkError
from mien.pipeline import stage
from mien.pipeline.stage import TakeHeader, TakeSummary
from mien.take.codec import SCHEMA, encode, schemas_of, to_metadata
from mien.take.reader import PARTS_FOLDER, TAKE_FILE, explained, opened, part_files
from mien.take.resume import check_same, unfinished_take


class ParquetOptions(stage.Options):
    """How often a part is finished, and the size of the merged file's row groups."""

    part_frames: int = Field(default=256, ge=1, description="a part is finished after this many frames")
    part_s: float = Field(default=5.0, gt=0, description="... or after this many seconds: what a crash can cost")
    group_frames: int = Field(default=1024, ge=1, description="frames per row group of the finished file")


class ParquetSink:
    """Writes `take.parquet` in `folder`; see the module. A sink of the pipeline (`pipeline.stage.Sink`).

    Args:
        options: see `ParquetOptions`.
        folder: where; made if missing.
        resume: go on behind an unfinished take in `folder`.
        clock: seconds, monotonic; tells when a part is old enough.
    """

    Options = ParquetOptions
    reads: frozenset[str] = frozenset()

    def __init__(
        self,
        options: ParquetOptions | None = None,
        *,
        folder: Path,
        resume: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options or ParquetOptions()
        self._folder = Path(folder)
        self._resume = resume
        self._clock = clock
        self._parts = self._folder / PARTS_FOLDER
        self._header = TakeHeader(stage.SourceInfo("", ""))
        self._pending: list[FrameRecord] = []
        self._part_began = 0.0
        self._next_part = 0
        self._fresh = True
        self._after_index: int | None = None
        self._schemas: set[str] = set()

    @property
    def path(self) -> Path:
        """The finished file."""
        return self._folder / TAKE_FILE

    def open(self, header: TakeHeader) -> None:
        """Create the folder and prove that it can be written.

        Raises:
            SinkError: not writable, or a take is there already and `resume` was not asked for.
            ConfigError: the take to be resumed is of another source, or was made with other settings.
            RequestError: the take to be resumed is complete.
        """
        self._header = header
        with self._explained("be created"):
            there = self.path.exists() or bool(part_files(self._parts))
            if there and not self._resume:
                raise SinkError(f"{self._folder} already holds a take: choose another folder, resume or overwrite it")
            self._fresh = not there
            if there:
                self._continue()
            self._parts.mkdir(parents=True, exist_ok=True)
            probe = self._parts / "probe.tmp"
            probe.write_bytes(b"take")
            probe.unlink()

    def _continue(self) -> None:
        take = unfinished_take(self._folder)
        if take is None:
            return
        check_same(take.header, self._header)
        models = tuple(dict.fromkeys((*take.header.models, *self._header.models)))
        self._header = replace(self._header, created_utc=take.header.created_utc, models=models)
        last = take.tail(1)
        self._after_index = last[0].stamp.index if last else None
        if self.path.exists():
            # The closed file becomes the first part; parts beside it are left-overs of the merge that made it.
            shutil.rmtree(self._parts, ignore_errors=True)
            self._parts.mkdir()
            self.path.replace(self._parts / _part_name(0))
        self._next_part = int(part_files(self._parts)[-1].stem) + 1

    def write(self, record: FrameRecord) -> None:
        """Take one record; now and then finishes a part.

        Raises:
            SinkError: disk full or gone; parts finished before stay readable.
        """
        if self._after_index is not None:
            if record.stamp.index <= self._after_index:
                raise SinkError(
                    f"{self.path}: frame {record.stamp.index} of {record.stamp.source} is in the resumed take already"
                )
            self._after_index = None
        if not self._pending:
            self._part_began = self._clock()
        self._pending.append(record.slim())
        full = len(self._pending) >= self._options.part_frames
        if full or self._clock() - self._part_began >= self._options.part_s:
            self._finish_part()

    def _finish_part(self) -> None:
        if not self._pending:
            return
        target = self._parts / _part_name(self._next_part)
        with self._explained("be written"):
            used = schemas_of(self._pending)
            table = encode(self._pending)
            with written(target, to_metadata(self._header, None, used)) as writer:
                writer.write_table(table)
        self._schemas |= used
        self._next_part += 1
        self._pending = []

    def close(self, summary: TakeSummary) -> None:
        """Merge the parts into `take.parquet`. A capture that failed before its first record leaves nothing behind.

        Raises:
            SinkError: disk full or gone; the parts stay and `load_take(folder)` reads them.
        """
        self._finish_part()
        with self._explained("be finished"):
            files = part_files(self._parts)
            if self._fresh and not files and summary.state == "failed":
                shutil.rmtree(self._parts, ignore_errors=True)
                return
            frames, schemas = 0, set(self._schemas)
            for file in files:
                with explained(file), opened(file) as parquet:
                    frames += parquet.metadata.num_rows
                    schemas |= _schemas_in(parquet)
            with written(self.path, to_metadata(self._header, replace(summary, frames=frames), schemas)) as writer:
                for table in _grouped(files, self._options.group_frames):
                    writer.write_table(table)
            shutil.rmtree(self._parts, ignore_errors=True)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            reason = getattr(error, "strerror", None) or error
            kept = f"; {counted(self._next_part, 'part')} of the take kept in {self._parts}" if self._next_part else ""
            raise SinkError(f"take {self.path} cannot {what}: {reason}{kept}") from error


def _part_name(number: int) -> str:
    return f"{number:06d}.parquet"


def _schemas_in(parquet: Any) -> set[str]:
    return set(json.loads((parquet.schema_arrow.metadata or {})[b"mien.schemas"]))


@contextmanager
def written(target: Path, metadata: dict[str, str]) -> Iterator[Any]:
    """A Parquet writer whose file appears under `target` only when it is whole and on the disk."""
    temporary = target.with_name(target.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            with pq.ParquetWriter(
                file, SCHEMA.with_metadata(metadata), compression="zstd", write_page_checksum=True
            ) as writer:
                yield writer
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    temporary.replace(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power failure; only POSIX lets a folder be flushed."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _grouped(files: list[Path], frames: int) -> Iterator[Any]:
    """The parts' tables, put together to row groups of about `frames` rows."""
    waiting: list[Any] = []
    for file in files:
        with explained(file), opened(file) as parquet:
            groups = parquet.num_row_groups
            for group in range(groups):
                waiting.append(parquet.read_row_group(group, use_threads=False).replace_schema_metadata(None))
                if sum(map(len, waiting)) >= frames:
                    yield pa.concat_tables(waiting).combine_chunks()
                    waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()
