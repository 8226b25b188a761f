"""What is known about each dataset without a copy of it: `catalogue.toml`, checked on reading.

One table for all: the reader that understands its layout, its protocol, its published counts, its licence in a
sentence, and whom to ask for it. `docs/datasets.md` is made from it.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mien.errors import ConfigError
from mien.pipeline.registry import suggestion

Protocol = Literal["published", "loso", "folds", "hashed"]

METRICS = {
    "average_precision": "AP at IoU 0.5 over the easy, medium and hard faces (ignored faces count for nothing)",
    "nme": "mean point distance / distance of the outer eye corners (points 60 and 72)",
    "failure_rate_10": "share of faces with NME above 0.10",
    "auc_10": "area under the cumulative error curve up to NME 0.10, divided by 0.10",
    "accuracy": "share of items classified rightly",
    "macro_f1": "mean of the classes' F1 over the pooled test folds",
    "uf1": "mean of the classes' F1, counts pooled over all folds first",
    "uar": "mean of the classes' recall, counts pooled over all folds first",
    "spotting_f1": "F1 of intervals with overlap of at least 0.5, counts pooled over all videos",
    "mean_ccc": "mean of the concordance correlation of valence and of arousal",
    "au_f1": "mean over action units of F1 of presence",
    "au_icc": "mean over action units of ICC(3,1) of intensity",
}
"""The metrics that belong to the datasets, and what each means; `mien.lab.metrics.by_name.BY_NAME` computes them."""


class DatasetInfo(BaseModel):
    """Facts about one dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="on the command line and in code")
    title: str = Field(description="as its authors write it")
    task: str = Field(description="what it is labelled for")
    reader: str = Field(description="dotted name of the function that reads a copy")
    size: str = Field(description="what it holds, in words")
    expected: dict[str, int] = Field(
        default_factory=dict, description='published counts: "total", "subjects", a split, "/class" or "split/class"'
    )
    counts: Literal["exact", "recalled"] = Field("exact", description="recalled = difference up to 5 % is only noted")
    protocol: Protocol = Field(description="how train and test are kept apart")
    folds: int = Field(0, description="number of subject folds of protocol folds")
    split: str = Field(description="the split, in words")
    labels: str | None = Field(None, description="label schema of its expressions")
    fps: float | None = Field(None, description="nominal frame rate of its clips, Hz")
    metrics: tuple[str, ...] = Field((), description="names in METRICS")
    licence: str = Field(description="one sentence")
    ask: str = Field(description="where to ask for it")
    layout: str = Field(description="files as they are laid out on disk")
    remark: str = Field("", description="what the reader treats leniently, and why")


@cache
def catalogue() -> dict[str, DatasetInfo]:
    """Every dataset by name, in the order of the file.

    Raises:
        ValueError: the file contradicts itself.
    """
    text = (files("mien.lab.datasets") / "catalogue.toml").read_text(encoding="utf-8")
    found = {name: DatasetInfo(name=name, **table) for name, table in tomllib.loads(text).items()}
    for info in found.values():
        unknown = set(info.metrics) - set(METRICS)
        if unknown or (info.protocol == "folds") != (info.folds > 0):
            raise ValueError(f"catalogue.toml: {info.name}: unknown metric {sorted(unknown)} or folds without need")
    return found


def dataset_info(name: str) -> DatasetInfo:
    """One dataset by name or title ("samm", "CK+").

    Raises:
        ConfigError: there is none of this name; close names are suggested.
    """
    table = catalogue()
    key = name.strip().casefold()
    for info in table.values():
        if key in (info.name, info.title.casefold()):
            return info
    plain = _plain(name)
    if plain == "casme2":
        raise ConfigError('"casme2" may mean two datasets: casme-ii is CASME II, cas-me-2 is CAS(ME)²')
    for info in table.values():
        if plain and plain in (_plain(info.name), _plain(info.title)):
            return info
    raise ConfigError(f'there is no dataset "{name}"{suggestion(name, table)}')


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def catalogue_table() -> str:
    """The catalogue as a Markdown table, for `docs/datasets.md`."""
    rows = [
        "| name | dataset | task | size | split | metrics | licence | where to ask |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for info in catalogue().values():
        cells = (
            f"`{info.name}`",
            info.title,
            info.task,
            info.size,
            info.split,
            ", ".join(info.metrics) or "–",
            info.licence,
            info.ask,
        )
        rows.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(rows)


def catalogue_layouts() -> str:
    """The layouts on disk as Markdown, one heading per dataset, for `docs/datasets.md`."""
    parts = []
    for info in catalogue().values():
        remark = f"\n\n{info.remark}" if info.remark else ""
        parts.append(f"### {info.title} (`{info.name}`)\n\n```text\n{info.layout.strip()}\n```{remark}")
    return "\n\n".join(parts)


def metrics_list() -> str:
    """The metrics as a Markdown list, for `docs/datasets.md`."""
    return "\n".join(f"- `{name}`: {meaning}" for name, meaning in METRICS.items())


def with_generated_parts(page: str) -> str:
    """A Markdown page with the text between `<!-- NAME -->` and `<!-- /NAME -->` made anew from the catalogue.

    Raises:
        ValueError: a pair of marks is missing.
    """
    for name, text in (("table", catalogue_table()), ("metrics", metrics_list()), ("layouts", catalogue_layouts())):
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if page.count(start) != 1 or page.count(end) != 1:
            raise ValueError(f"the page needs one {start} and one {end}")
        head, _, rest = page.partition(start)
        page = f"{head}{start}\n{text}\n{end}{rest.partition(end)[2]}"
    return page
