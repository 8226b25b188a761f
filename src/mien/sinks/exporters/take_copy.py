"""The take again as a take: a whole one of one that was cut short, an edited one with its edits, or one person alone.

Everything reads back the same, also what other formats have no place for: confidences, events, models, settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pyarrow as pa

from mien.core.record import FrameRecord
from mien.errors import SinkError
from mien.sinks.parquet import written
from mien.take.codec import encode, schemas_of, to_metadata
from mien.take.reader import Take

_GROUP_FRAMES = 1024


def export(take: Take, path: Path, *, track_id: int | None = None) -> list[Path]:
    """Write the take.

    Args:
        take: what to write.
        path: file to write; appears whole or not at all.
        track_id: only this face and its events; None = everything.

    Returns:
        The file.

    Raises:
        SinkError: it cannot be written. SourceError: the take is damaged.
    """
    schemas: set[str] = set()
    frames = 0
    for record in _chosen(take, track_id):
        schemas |= schemas_of([record])
        frames += 1
    metadata = to_metadata(take.header, replace(take.summary, frames=frames), schemas)
    try:
        with written(path, metadata) as writer:
            records = _chosen(take, track_id)
            while group := list(islice(records, _GROUP_FRAMES)):
                writer.write_table(encode(group))
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or error
        raise SinkError(f"{path} cannot be written: {reason}; free some space or choose another folder") from error
    return [path]


def _chosen(take: Take, track_id: int | None) -> Iterator[FrameRecord]:
    for record in take.records():
        if track_id is None:
            yield record
        else:
            faces = tuple(f for f in record.faces if f.track_id == track_id)
            yield replace(record, faces=faces, events=tuple(e for e in record.events if e.track_id == track_id))
