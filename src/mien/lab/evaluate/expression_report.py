"""Figures of expression readers on disk: figures.json, and a reliability diagram of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mien.errors import SinkError


def write_report(results: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write `figures.json` and `reliability.png`.

    Raises:
        SinkError: they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"runs": list(results)}, indent=1, ensure_ascii=False)
        (folder / "figures.json").write_text(text + "\n", encoding="utf-8")
        out = [folder / "figures.json"]
        shown = [r for r in results if r.get("reliability")]
        if shown:
            out.append(folder / "reliability.png")
            _draw(shown, out[-1])
    except OSError as error:
        raise SinkError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return out


def _draw(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Share right over mean probability, one panel each; the diagonal would be perfect."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(results), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, result in zip(figure.subplots(1, len(results), squeeze=False)[0], results, strict=True):
        bins = result["reliability"]
        most = max(b["count"] for b in bins)
        axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axis.bar(
            [b["sure"] for b in bins], [b["right"] for b in bins], [0.06 * b["count"] / most + 0.004 for b in bins]
        )
        axis.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability said", ylabel="share right")
        axis.set_title(f"{result['name']}\nECE {result['ece']:.3f}", fontsize=8)
    figure.savefig(path, dpi=110)
