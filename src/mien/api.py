"""The functions behind `import mien`; see the package's docstring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mien.core.record import FrameRecord
from mien.pipeline.stage import Span


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

    Yields:
        One record per frame (live sources: per processed frame), with `image` still present.

    Raises:
        MienError: see `mien.errors`; a source that breaks raises after its good frames.
    """
    from mien.pipeline.compose import compose
    from mien.pipeline.runner import run
    from mien.recorder import Request, resolve
    from mien.sources.opening import open_source

    config = resolve(Request(str(source), Path(), preset=preset, overrides=overrides, faces=faces))
    opened = open_source(source, span=span or Span())
    try:
        pipeline = compose(config, opened.info)
    except BaseException:
        opened.close()
        raise
    with pipeline:
        yield from run(opened, pipeline)
