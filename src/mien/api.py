"""The functions behind `import mien`; see the package's docstring."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mien.core.record import FrameRecord
from mien.pipeline.stage import Source, Span

if TYPE_CHECKING:
    from mien.pipeline.compose import Pipeline


def capture(
    source: str | Path | int,
    *,
    preset: str = "balanced",
    faces: int | None = None,
    overrides: Sequence[str] = (),
    span: Span | None = None,
) -> Iterator[FrameRecord]:
    """Finished records of any source, in order.

    Args:
        source: video, photo, folder of images, take (.parquet), URL, camera number, or "demo".
        preset: shipped name or TOML file.
        faces: at most this many faces; None = as the preset says.
        overrides: "key.sub=value", as `--set` on the command line.
        span: part of the source.

    Returns:
        An iterator: one record per frame (live sources: per processed frame), with `image` still present.

    Raises:
        MienError: see `mien.errors`; a wrong request raises at once, a source that breaks after its good frames.

    What went wrong without ending the source (damaged, skipped frames) goes to the logger "mien" as warnings.
    """
    from mien.pipeline.compose import check_options, compose, doubts
    from mien.recorder import Request, resolve
    from mien.sources.opening import open_source

    config = resolve(Request(str(source), Path(), preset=preset, overrides=overrides, faces=faces))
    check_options(config)
    opened = open_source(source, span=span or Span(), options=config.get("source"))
    try:
        pipeline = compose(config, opened.info)
        opened.warnings.extend(doubts(opened, pipeline))
        return _records(opened, pipeline)
    except BaseException:
        opened.close()
        raise


def _records(source: Source, pipeline: Pipeline) -> Iterator[FrameRecord]:
    from mien.pipeline.runner import run

    with pipeline:
        yield from run(source, pipeline)
    for warning in source.warnings:
        logging.getLogger("mien").warning("%s: %s", source.info.name, warning)
