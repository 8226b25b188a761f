"""Clips of a synthetic dataset: one sample per micro- or macro-expression, one per clip without any.

The clip is a lossless video; `frame_labels` gives every label of every frame.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mien.errors import SourceError
from mien.lab.datasets.au_labels import AuLabels
from mien.lab.datasets.labels import load_labels
from mien.lab.datasets.pictures import VideoMoment
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import Clip, ExpressionLabel, Sample
from mien.lab.datasets.synthetic_table import LABELS, MAX_PART_BYTES, Columns, read_part

CLIPS, FRAMES = "clips", "frames"
LABEL_SCHEMA = "synthetic"
SHOWN = ("micro", "macro")
"""Kinds of events that are samples; the others (blinks, …) are attributes."""
_EVENT = pa.struct(
    [
        pa.field("kind", pa.string()),
        pa.field("onset", pa.int32()),
        pa.field("apex", pa.int32()),
        pa.field("offset", pa.int32()),
        pa.field("emotion", pa.string()),
        pa.field("compound", pa.string()),
        pa.field("units", pa.list_(pa.string())),
        pa.field("intensities", pa.list_(pa.float32())),
    ]
)
CLIP_SCHEMA = pa.schema(
    [
        *(pa.field(n, pa.string(), nullable=False) for n in ("name", "rig", "subject", "kind")),
        *(pa.field(n, pa.int64(), nullable=False) for n in ("seed", "frames")),
        pa.field("fps", pa.float64(), nullable=False),
        pa.field("events", pa.list_(_EVENT), nullable=False),
    ],
    metadata={"format": "1"},
)


def write_clip_part(rows: Sequence[dict[str, Any]], path: Path, sizes: Mapping[str, int]) -> None:
    """Write one row per clip; the file appears under its name only when it is whole. `sizes`: as of `write_part`.

    Raises:
        OSError: it cannot be written.
    """
    unfinished = path.with_suffix(".unfinished")
    told = CLIP_SCHEMA.with_metadata({**CLIP_SCHEMA.metadata, b"sizes": json.dumps(dict(sizes)).encode()})
    with unfinished.open("wb") as file:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=told), file)
    unfinished.replace(path)


def read_clips(reading: Reading, base: str) -> None:
    """Add the events of every clip below `base` ("" or "FOLDER/")."""
    for name in reading.folder.files(base + LABELS, frozenset({".parquet"})):
        path = reading.folder.path(f"{base}{LABELS}/{name}")
        try:
            rows = _rows(path)
        except SourceError as error:
            reading.problem("table that cannot be read", str(error))
            continue
        for row in rows:
            video = reading.folder.inside(f"{base}{CLIPS}", str(row["name"]))
            if video is None or video not in reading.folder:
                reading.problem("missing clip", f"{row['name']} ({name})")
                continue
            labels = f"{base}{FRAMES}/{name}"
            if labels not in reading.folder:
                reading.problem("missing file", labels)
            _add(reading, row, reading.folder.path(video), reading.folder.path(labels))


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        if path.stat().st_size > MAX_PART_BYTES:
            raise SourceError(f"{path}: larger than a part may be ({MAX_PART_BYTES} bytes)")
        with path.open("rb") as file:
            table = pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path}: not a clip table ({error}); delete it and make the dataset again") from None
    if not table.schema.equals(CLIP_SCHEMA, check_metadata=False):
        raise SourceError(f"{path}: has other columns; was it made by another version?")
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def _add(reading: Reading, row: dict[str, Any], video: Path, labels: Path) -> None:
    shown = [e for e in row["events"] if e["kind"] in SHOWN] or [None]
    subject = str(row["subject"])
    split = reading.split_of(subject, str(row["name"]))
    make = partial(_sample, reading.info.name, row, (video, labels), split)
    samples = [make(k, event) for k, event in enumerate(shown)]
    reading.add_block(len(samples), samples.__getitem__, split, subject)


def _sample(
    dataset: str, row: dict[str, Any], files: tuple[Path, Path], split: str, k: int, event: dict[str, Any] | None
) -> Sample:
    video, labels = files
    fps = float(row["fps"])
    facts: dict[str, Any] = {"rig": row["rig"], "seed": int(row["seed"]), "frames": int(row["frames"])}
    facts |= {"clip": row["name"], "frame_labels": labels, "events": tuple(row["events"]), "sequence": row["kind"]}
    onset, apex, offset = (None if event is None else int(event[n]) for n in ("onset", "apex", "offset"))
    kind = "" if event is None else str(event["kind"])
    middle = int(row["frames"]) // 2 if apex is None else apex
    emotion = "" if event is None else str(event["emotion"])
    known = emotion in load_labels(LABEL_SCHEMA).names and emotion != "other"
    return Sample(
        dataset=dataset,
        name=f"{row['name']}#{k}",
        split=split,
        subject=str(row["subject"]),
        path=video,
        pixels=VideoMoment(video, middle / fps),
        expression=ExpressionLabel(emotion, LABEL_SCHEMA) if known else None,
        action_units=None if event is None else _units(event),
        clip=Clip(onset, apex, offset, fps=fps, kind=kind, video=video),
        attributes={**facts, "emotion": emotion, "compound": "" if event is None else str(event["compound"])},
    )


def _units(event: dict[str, Any]) -> AuLabels:
    names = tuple(str(u) for u in event["units"])
    intensity = np.asarray(event["intensities"], np.float32)
    return AuLabels(names, np.ones(len(names), np.float32), intensity, others_absent=True)


def frame_labels(sample: Sample) -> Columns:
    """Every label of every frame of a sample's clip: column → (T, …), in the order of the frames; see
    `synthetic_table.NUMBERS`. The column "face" counts the frames.

    Raises:
        SourceError: the table is missing or damaged, or the sample is none of a synthetic clip.
    """
    if "frame_labels" not in sample.attributes:
        raise SourceError(f"{sample.name}: not a clip that mien lab synth made")
    columns = read_part(Path(sample.attributes["frame_labels"]))
    rows = columns["name"] == sample.attributes["clip"]
    return {name: values[rows] for name, values in columns.items()}
