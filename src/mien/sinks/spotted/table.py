"""The table of spotted expressions as Parquet, CSV and JSON; one row per event, sides and emotion in it."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mien.micro.spotter import Spotted
from mien.sinks.exporters.whole_file import written_bytes, written_text

FILES = ("events.parquet", "events.csv", "events.json")
_WEIGHTS = pa.map_(pa.string(), pa.float32())
SCHEMA = pa.schema(
    [
        *(pa.field(n, pa.string(), nullable=False) for n in ("kind", "emotion")),
        pa.field("track_id", pa.int64(), nullable=False),
        *(pa.field(n, pa.int64(), nullable=False) for n in ("onset_ns", "apex_ns", "offset_ns")),
        *(pa.field(n, pa.float32(), nullable=False) for n in ("confidence", "strength")),
        pa.field("action_units", _WEIGHTS, nullable=False),
        pa.field("emotions", _WEIGHTS, nullable=False),
        pa.field("moved_percent", _WEIGHTS, nullable=False),
    ]
)
"""Times are those of the source's stamps, ns. `action_units`: entry of schema "facs" (_L, _R the subject's own) →
probability. `emotions`: probability, and `emotion` the likeliest, of a micro-expression; empty for macro.
`moved_percent`: region → movement, % of the distance between the outer eye corners. `strength`: in noises of this
face."""


def as_row(spotted: Spotted) -> dict[str, Any]:
    """One event as plain data, in the order of `SCHEMA`."""
    event = spotted.event
    return {
        "kind": event.kind,
        "emotion": event.emotion or "",
        "track_id": event.track_id,
        "onset_ns": event.onset_ns,
        "apex_ns": event.apex_ns,
        "offset_ns": event.offset_ns,
        "confidence": round(event.confidence, 4),
        "strength": round(spotted.strength, 2),
        "action_units": dict(spotted.units),
        "emotions": dict(spotted.emotions),
        "moved_percent": dict(spotted.regions),
    }


def write_tables(found: Sequence[Spotted], folder: Path, facts: dict[str, Any]) -> list[Path]:
    """Write the three files.

    Args:
        found: what was spotted.
        folder: where to.
        facts: about the source and the run; kept in the JSON file and in the Parquet file's metadata.

    Raises:
        SinkError: a file cannot be written.
    """
    rows = [as_row(s) for s in found]
    parquet, text, plain = (folder / name for name in FILES)
    told = SCHEMA.with_metadata({"mien.spotted": json.dumps(facts)})
    columns = [dict(r, **{n: list(r[n].items()) for n in ("action_units", "emotions", "moved_percent")}) for r in rows]
    with written_bytes(parquet) as binary:
        pq.write_table(pa.Table.from_pylist(columns, schema=told), binary)
    with written_text(text) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(SCHEMA.names)
        for row in rows:
            writer.writerow(_cell(row[name]) for name in SCHEMA.names)
    with written_text(plain) as file:
        json.dump({**facts, "events": rows}, file, indent=1)
    return [parquet, text, plain]


def _cell(value: Any) -> Any:
    return " ".join(f"{k}:{v:g}" for k, v in value.items()) if isinstance(value, dict) else value
