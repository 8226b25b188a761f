"""The report of a spotting: one HTML file with the strips in it; loads nothing from anywhere, text is escaped."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from mien.core.timebase import timecode
from mien.micro.spotter import Spotted
from mien.sinks.exporters.whole_file import written_text


def write_report(found: Sequence[Spotted], strips: Sequence[bytes], path: Path, facts: Mapping[str, Any]) -> None:
    """Write the report.

    Args:
        found: events.
        strips: a PNG for each, in order.
        path: HTML file.
        facts: "source", "rows" (name, value), "warnings", "zero_ns".

    Raises:
        SinkError: it cannot be written.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files("mien.sinks.spotted") / "report.html").read_text(encoding="utf-8"))
    zero = int(facts["zero_ns"])
    rows = [
        {
            "times": " – ".join(timecode(t - zero) for t in (s.event.onset_ns, s.event.apex_ns, s.event.offset_ns)),
            "event": s.event,
            "units": ", ".join(f"{n} {p:.2f}" for n, p in s.units.items()),
            "emotions": ", ".join(f"{n} {p:.2f}" for n, p in sorted(s.emotions.items(), key=lambda e: -e[1])[:3]),
            "picture": base64.b64encode(strip).decode(),
        }
        for s, strip in zip(found, strips, strict=True)
    ]
    with written_text(path) as file:
        file.write(template.render(events=rows, **facts))
