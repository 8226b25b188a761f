"""Reading a take: `load_take` checks what it can before the first record, `Take.records` streams the rest.

Reads data and nothing else: no pickles, no code. A file that is cut off, altered or foreign is a `SourceError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mien.core.record import FrameRecord
from mien.errors import ConfigError, SourceError
from mien.pipeline.compose import options_for
from mien.pipeline.registry import EXPORTERS, load, suggestion
from mien.pipeline.stage import TakeHeader, TakeSummary
from mien.take.codec import SCHEMA, decode, from_metadata

TAKE_FILE = "take.parquet"
PARTS_FOLDER = "take.parts"
_ID_COLUMNS = ("faces.list.element.track_id", "events.list.element.track_id")

LEFT_BEHIND = "the capture ended without closing its take (process killed or machine switched off)"
"""`TakeSummary.problem` of a take that consists of parts only."""


class Take:
    """A recorded take. Get one from `load_take`.

    Attributes:
        path: the file, or the folder of the parts that an unfinished capture left behind.
        header: what the take says about itself.
        summary: how the capture ended; `frames` counts the records that are there.
    """

    def __init__(self, path: Path, files: list[Path], header: TakeHeader, summary: TakeSummary) -> None:
        self.path = path
        self.header = header
        self.summary = summary
        self._files = files

    def __len__(self) -> int:
        return self.summary.frames

    def __repr__(self) -> str:
        return f"Take({self.header.source.name}, {len(self)} frames, {self.summary.state})"

    def records(self) -> Iterator[FrameRecord]:
        """All records in order, without images. May be called many times; holds one row group at a time.

        Raises:
            SourceError: the file is damaged; records given before are good.
        """
        for file in self._files:
            yield from _records(file)

    def export(self, output: str, path: str | Path, **options: object) -> list[Path]:
        """Write the take in another format.

        Args:
            output: name of an exporter ("glb", "unreal", "vrma", ...; see `mien.pipeline.registry.EXPORTERS`).
            path: file to write; further faces get files of their own beside it where a format holds one face.
            options: the exporter's options.

        Returns:
            The files written.

        Raises:
            ConfigError: no such output, or an option it does not know.
            SourceError: the take is damaged.
            SinkError: the file cannot be written.
        """
        if output not in EXPORTERS:
            raise ConfigError(f'there is no output "{output}"{suggestion(output, EXPORTERS)}')
        function = load(EXPORTERS[output].target)
        checked = options_for(function, options, output)
        made: list[Path] = function(self, Path(path), **({} if checked is None else {"options": checked}))
        return made

    def tail(self, count: int, span_ns: int | None = None) -> list[FrameRecord]:
        """The last `count` records (fewer if the take is shorter), and of these only those of the last `span_ns`."""
        found: list[FrameRecord] = []
        for file in reversed(self._files):
            with explained(file), opened(file) as parquet:
                for group in reversed(range(parquet.num_row_groups)):
                    found = decode(parquet.read_row_group(group, use_threads=False)) + found
                    if len(found) >= count or _older(found, span_ns):
                        return _last(found, count, span_ns)
        return _last(found, count, span_ns)

    def check(self) -> None:
        """Read every byte once and compare it with its checksum.

        Raises:
            SourceError: a file is damaged; names it.
        """
        for file in self._files:
            with explained(file), opened(file) as parquet:
                for group in range(parquet.num_row_groups):
                    parquet.read_row_group(group, use_threads=False)

    def track_ids(self) -> frozenset[int]:
        """Every track id that occurs, in faces and in events; reads nothing else.

        Raises:
            SourceError: the file is damaged.
        """
        ids: set[int] = set()
        for file in self._files:
            with explained(file), opened(file) as parquet:
                for group in range(parquet.num_row_groups):
                    table = parquet.read_row_group(group, columns=list(_ID_COLUMNS), use_threads=False)
                    for column in table.columns:
                        found = pc.struct_field(pc.list_flatten(column), "track_id").unique()
                        ids.update(i for i in found.to_pylist() if i is not None)
        return frozenset(ids)


def _older(records: list[FrameRecord], span_ns: int | None) -> bool:
    return bool(records) and span_ns is not None and records[-1].stamp.t_ns - records[0].stamp.t_ns > span_ns


def _last(records: list[FrameRecord], count: int, span_ns: int | None) -> list[FrameRecord]:
    records = records[-count:] if count else []
    if not _older(records, span_ns):
        return records
    return [r for r in records if records[-1].stamp.t_ns - r.stamp.t_ns <= (span_ns or 0)]


def load_take(path: str | Path) -> Take:
    """Open a take.

    Args:
        path: the Parquet file, the folder that holds `take.parquet`, or a folder in which a capture that was
            killed left `take.parts`.

    Raises:
        SourceError: nothing there, cut off, altered, written by something else, or by a newer Mien.
    """
    path = Path(path)
    if path.is_dir():
        if (path / TAKE_FILE).exists():
            path = path / TAKE_FILE
        else:
            return _from_parts(path if path.name == PARTS_FOLDER else path / PARTS_FOLDER)
    if not path.is_file():
        raise SourceError(f"there is no take at {path}: give a take.parquet or the folder of a capture")
    header, summary, frames = _opened(path)
    if summary is None:
        summary = TakeSummary("failed", frames, problem=LEFT_BEHIND)
    if summary.frames != frames:
        raise SourceError(f"{path}: holds {frames} records but says {summary.frames}: the file was altered")
    return Take(path, [path], header, summary)


def part_files(folder: Path) -> list[Path]:
    """Finished parts in a `take.parts` folder, in order."""
    return sorted(p for p in folder.glob("*.parquet") if p.stem.isdigit())


def _from_parts(folder: Path) -> Take:
    files = part_files(folder)
    if not files:
        raise SourceError(f"there is no take in {folder.parent}: neither {TAKE_FILE} nor finished parts of one")
    opened = [_opened(file) for file in files]
    frames = sum(count for _, _, count in opened)
    return Take(folder, files, opened[-1][0], TakeSummary("failed", frames, problem=LEFT_BEHIND))


def _opened(path: Path) -> tuple[TakeHeader, TakeSummary | None, int]:
    with explained(path), opened(path) as parquet:
        raw = parquet.schema_arrow.metadata or {}
        header, summary = from_metadata({k.decode(): v.decode() for k, v in raw.items() if k.startswith(b"mien.")})
        if not parquet.schema_arrow.equals(SCHEMA):
            raise ValueError("its columns are not those of a take")
        return header, summary, int(parquet.metadata.num_rows)


def _records(path: Path) -> Iterator[FrameRecord]:
    with ExitStack() as stack:
        with explained(path):
            parquet = stack.enter_context(opened(path))
        for group in range(parquet.num_row_groups):
            with explained(path):
                records = decode(parquet.read_row_group(group, use_threads=False))
            yield from records


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A `pyarrow.parquet.ParquetFile` whose pages are checked; Arrow itself cannot open a name that is no UTF-8."""
    with path.open("rb") as file, pq.ParquetFile(file, page_checksum_verification=True) as parquet:
        yield parquet


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file provokes into a `SourceError` that names the file and says what to do."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError, MemoryError) as error:
        raise SourceError(_reason(path, error)) from error


def _reason(path: Path, error: BaseException) -> str:
    text = _what_is_wrong(path, error)
    if path.parent.name != PARTS_FOLDER or not path.stem.isdigit():
        return text
    return (
        f"{text.partition(': copy it again')[0]}. This is a part of an unfinished take: move it and those behind it "
        f"out of {path.parent}; the parts before it can be read and resumed"
    )


def _what_is_wrong(path: Path, error: BaseException) -> str:
    try:
        size = path.stat().st_size
    except OSError as failure:
        return f"{path} cannot be read: {failure.strerror or failure}"
    if size == 0:
        return f"{path} is empty: no take was written; capture again"
    with path.open("rb") as file:
        starts = file.read(4) == b"PAR1"
        file.seek(max(0, size - 4))
        ends = file.read(4) == b"PAR1"
    if not starts:
        return f"{path} is not a take: not a Parquet file; give the take.parquet that a capture wrote"
    if not ends or size < 12:
        return f"{path} is cut off (its end is missing): copy it again, or load the folder of the capture"
    detail = " ".join(islice(str(error).split(), 40)) or type(error).__name__
    return f"{path} cannot be read as a take: {detail}"
