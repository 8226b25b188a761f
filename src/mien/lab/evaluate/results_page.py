"""`docs/results.md`: figures that were measured, kept as data and written into marked sections of the page.

    python -m mien.lab.evaluate.results_page add --figures OUT/figures.json --title Ours --seen "held out"
    python -m mien.lab.evaluate.results_page write

A section lies between `<!-- begin NAME -->` and `<!-- end NAME -->`; everything else on the page is written by people
and stays. The data are `docs/results/*.json`: landmarks (one entry per title and protocol), robustness, jitter, clips,
action units.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mien.errors import RequestError, SinkError, SourceError
from mien.lab.evaluate.landmark_report import write_error_curves, write_subset_curves
from mien.lab.evaluate.landmark_robustness import Curve, write_curves
from mien.lab.evaluate.landmark_run import PROTOCOLS, errors_of
from mien.lab.evaluate.results_tables import SECTIONS

log = logging.getLogger(__name__)

STORE, PAGE, IMAGES = Path("docs/results"), Path("docs/results.md"), Path("docs/images")
_ROWS = {"landmarks": "runs", "robustness": "curves", "jitter": "rows", "clips": "clips", "action-units": "runs"}
_KEYS = {
    "landmarks": ("table", "method", "protocol", "data"),
    "robustness": ("method", "protocol", "kind", "data"),
    "jitter": ("what",),
    "clips": ("preset", "clip"),
    "action-units": ("preset", "calibrated"),
}
"""Entries of a kind that agree in these replace each other."""


def add(store: Path, figures: Path, title: str, seen: str, table: str = "main", causes: Path | None = None) -> int:
    """Keep the figures of a file, in place of what was kept under the same title; how many entries came in.

    Args:
        store: folder of the data; made if it is not there.
        figures: figures.json, robustness.json, jitter.json or clips.json as an evaluation wrote it.
        title: name of the method on the page; empty = as it named itself.
        seen: whether the data were held out, in words.
        table: "main" or "ablation".
        causes: a JSON object, name of a face → what is wrong with it, by looking.

    Raises:
        SourceError: no such file of figures. SinkError: it cannot be kept.
    """
    facts = read_facts(figures)
    kind = facts.get("kind", "landmarks")
    rows = _ROWS.get(kind)
    if rows is None or not isinstance(facts.get(rows), list):
        raise SourceError(f"{figures}: no figures that go onto the page; known: {', '.join(_ROWS)}")
    common: dict[str, Any] = {"seen": seen, "table": table}
    common |= {"data": facts["data"]} if "data" in facts else {}
    common |= {"causes": read_facts(causes)} if causes is not None else {}
    new: list[dict[str, Any]] = [{**row, **common, **({"method": title} if title else {})} for row in facts[rows]]
    path = store / f"{kind}.json"
    kept = read_facts(path)["entries"] if path.is_file() else []
    keys = {tuple(e.get(k) for k in _KEYS[kind]) for e in new}
    entries = [e for e in kept if tuple(e.get(k) for k in _KEYS[kind]) not in keys] + new
    try:
        store.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"entries": entries}, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{path}: {error.strerror or error}") from error
    return len(new)


def read_facts(path: Path) -> dict[str, Any]:
    """A JSON object out of a file.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read as figures: {error}") from error
    if not isinstance(facts, dict):
        raise SourceError(f"{path}: cannot be read as figures: expected one JSON object")
    return facts


def write_page(store: Path, page: Path) -> list[str]:
    """Write every section for which there are data; their names.

    Raises:
        SourceError: data that cannot be read. SinkError: the page cannot be written.
    """
    text = page.read_text(encoding="utf-8") if page.is_file() else "# Results\n"
    done = []
    for name, (kind, render) in SECTIONS.items():
        if not (store / f"{kind}.json").is_file():
            continue
        body = render(read_facts(store / f"{kind}.json")["entries"])
        if body:
            text = with_section(text, name, body)
            done.append(name)
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{page}: {error.strerror or error}") from error
    return done


def write_charts(store: Path, images: Path) -> list[Path]:
    """Draw the curves that the page shows, from the kept data; the files.

    Raises:
        SourceError: data that cannot be read. SinkError: a picture cannot be written.
    """
    done = []
    for kind, name in (("landmarks", "landmarks-ced.png"), ("robustness", "landmarks-robustness.png")):
        if not (store / f"{kind}.json").is_file():
            continue
        entries = read_facts(store / f"{kind}.json")["entries"]
        done.append(images / name)
        if kind == "robustness":
            write_curves([Curve.of_json(e) for e in entries], done[-1])
            continue
        runs = [e for e in entries if e["table"] == "main"]
        write_error_curves({f"{e['method']}, {e['protocol']}": errors_of(e) for e in runs}, done[-1])
        for protocol in PROTOCOLS:
            own = [e for e in runs if e["protocol"] == protocol]
            if own and all("errors" in s for e in own for s in e["subsets"].values()):
                done.append(images / f"landmarks-ced-{protocol.replace(' ', '-')}.png")
                write_subset_curves({e["method"]: e for e in own}, done[-1])
    return done


def with_section(text: str, name: str, body: str) -> str:
    """The page with a section's content replaced; a section that is not there is put at the end.

    Raises:
        RequestError: a marker stands there without its other half, or twice.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    section = f"{begin}\n{body.strip()}\n{end}"
    counts = text.count(begin), text.count(end)
    if counts == (0, 0):
        return f"{text.rstrip()}\n\n{section}\n"
    if counts != (1, 1) or text.index(begin) > text.index(end):
        raise RequestError(
            f"the page has {counts[0]} × {begin} and {counts[1]} × {end}: expected one of each, in order"
        )
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: section, text)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", type=Path, default=STORE)
    actions = parser.add_subparsers(dest="action", required=True)
    adding = actions.add_parser("add", help="keep the figures of an evaluation")
    adding.add_argument("--figures", type=Path, required=True)
    adding.add_argument("--title", default="")
    adding.add_argument("--seen", required=True, help="were the data held out? in words")
    adding.add_argument("--table", choices=("main", "ablation"), default="main")
    adding.add_argument("--causes", type=Path, help="JSON: face → cause, for the table of the worst")
    writing = actions.add_parser("write", help="write the sections of the page")
    writing.add_argument("--page", type=Path, default=PAGE)
    writing.add_argument("--images", type=Path, default=IMAGES, help="folder of the page's pictures")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.action == "add":
        count = add(*(options.store, options.figures, options.title, options.seen, options.table, options.causes))
        log.info("%s: %d entries kept", options.store, count)
    else:
        log.info("%s: %s", options.page, ", ".join(write_page(options.store, options.page)))
        log.info("%s", ", ".join(map(str, write_charts(options.store, options.images))))


if __name__ == "__main__":
    main()
