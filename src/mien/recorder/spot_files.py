"""Table, strips and report of a spotting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mien.core.arrays import UInt8
from mien.core.timebase import nearest
from mien.errors import MienError, RequestError, SinkError
from mien.micro import face_crop
from mien.micro.spotter import Spotted
from mien.pipeline.stage import Span
from mien.recorder.spot import SpotOutcome, SpotRequest
from mien.sinks.exporters.whole_file import written_bytes
from mien.sinks.spotted.report import write_report
from mien.sinks.spotted.strip import Pictures, draw_strip
from mien.sinks.spotted.table import FILES, write_tables
from mien.sources.opening import open_source

REPORT = "events.html"
STRIPS = "events"
_MOST_STRIPS = 100
_MARGIN_NS = 50_000_000


def folder_of(request: SpotRequest) -> Path | None:
    """Where the files go: the folder that was named, or the take's own; None = nowhere.

    Raises:
        RequestError: files of an earlier spotting are there and may not be replaced.
    """
    folder = request.out
    source = Path(request.source)
    if folder is None and "://" not in request.source:
        if source.suffix == ".parquet" and source.is_file():
            folder = source.parent
        elif (source / "take.parquet").is_file():
            folder = source
    if folder is None:
        return None
    there = [name for name in (*FILES, REPORT) if (folder / name).exists()]
    if there and not request.overwrite:
        raise RequestError(f"{folder} already holds {', '.join(there)}: use --overwrite, or choose another --out")
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is a file; --out names a folder")
    return folder


def facts_of(outcome: SpotOutcome, threshold: float) -> dict[str, Any]:
    """What the outputs say about the run."""
    minutes = outcome.seconds / 60
    kinds = {kind: sum(s.event.kind == kind for s in outcome.found) for kind in ("micro", "macro")}
    return {
        "source": outcome.source,
        "frames": outcome.frames,
        "frames_with_face": outcome.frames_with_face,
        "seconds": round(outcome.seconds, 3),
        "frame_rate_hz": round(outcome.rate_hz, 3) if np.isfinite(outcome.rate_hz) else None,
        "pixels": outcome.pixels,
        "threshold": threshold,
        **kinds,
        "micro_per_minute": round(kinds["micro"] / minutes, 3) if minutes > 0 else None,
        "models": list(outcome.models),
        "warnings": outcome.warnings,
    }


def write_files(request: SpotRequest, outcome: SpotOutcome, folder: Path) -> list[Path]:
    """Write everything; the table comes first.

    Raises:
        SinkError: a file cannot be written.
    """
    facts = facts_of(outcome, request.threshold)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{folder} cannot be made: {error.strerror or error}; choose another --out") from error
    made = write_tables(outcome.found, folder, facts)
    strips = []
    shown = outcome.found[:_MOST_STRIPS]
    for number, spotted in enumerate(shown):
        grid = outcome.grids[spotted.event.track_id]
        picture = draw_strip(spotted, grid, _pictures(request, outcome, spotted))
        png = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
        path = folder / STRIPS / f"{number:03d}-{spotted.event.kind}.png"
        with written_bytes(path, folders=True) as file:
            file.write(png)
        strips.append(png)
        made.append(path)
    zero = min((int(g.t_ns[0]) for g in outcome.grids.values()), default=0)
    rows = [(k.replace("_", " "), v) for k, v in facts.items() if k not in ("warnings", "source", "models")]
    rows.append(("models", ", ".join(outcome.models)))
    page = {"source": outcome.source, "rows": rows, "warnings": outcome.warnings, "zero_ns": zero}
    write_report(shown, strips, folder / REPORT, page)
    return [*made, folder / REPORT]


def _pictures(request: SpotRequest, outcome: SpotOutcome, spotted: Spotted) -> Pictures | None:
    """The face at onset and apex, read again from the source; None if it cannot be (a stream, a take)."""
    event = spotted.event
    if not outcome.pixels or "://" in request.source or request.source.startswith("camera"):
        return None
    points = outcome.landmarks.get(event.track_id, [])
    times = np.array([t for t, _ in points], dtype=np.int64)
    wanted = [nearest(times, t, 10 * _MARGIN_NS) for t in (event.onset_ns, event.apex_ns)]
    if any(k is None for k in wanted):
        return None
    stamps = [int(times[k or 0]) for k in wanted]
    span = Span(max(0, min(stamps) - _MARGIN_NS), max(stamps) + _MARGIN_NS)
    images: dict[int, UInt8] = {}
    try:
        source = open_source(request.source, span=span)
        try:
            for record in source:
                if record.stamp.t_ns in stamps and record.image is not None:
                    images[record.stamp.t_ns] = record.image
        finally:
            source.close()
    except MienError:
        return None
    # Both through the crop of the onset: its landmarks' jitter must not look like movement.
    crop = face_crop.crop_from_landmarks(points[wanted[0] or 0][1])
    if crop is None or any(t not in images for t in stamps):
        return None
    return Pictures(*(face_crop.cut(images[t], crop) for t in stamps))


def with_outputs(outcome: SpotOutcome, outputs: list[Path]) -> SpotOutcome:
    """The same outcome with the files that were written."""
    return replace(outcome, outputs=outputs)
