"""The first part of a preset's chain, detection to landmarks, as it runs on clips: with tracking and feedback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from mien.core.arrays import UInt8
from mien.core.record import FrameRecord, Stamp
from mien.errors import ConfigError
from mien.pipeline.compose import Pipeline, compose
from mien.pipeline.config import load_config
from mien.pipeline.stage import SourceInfo

FRAME_RATE_HZ = 30.0


def landmark_chain(preset: str, max_faces: int | None = None, overrides: Iterable[str] = ()) -> Pipeline:
    """The preset's stages up to its landmark stage.

    Args:
        preset: a shipped name or a file.
        max_faces: faces that are followed; None = the preset's.
        overrides: as for `load_config`.

    Raises:
        ConfigError: no such preset, or it has no landmark stage.
    """
    config = load_config(preset, overrides)
    uses = [str(config[slot]["use"]) for slot in config["stages"]]
    last = next((i for i, use in enumerate(uses) if use.startswith("landmarks/")), None)
    if last is None:
        raise ConfigError(f'preset "{preset}" has no stage landmarks/…')
    slots = config["stages"][: last + 1]
    tables: dict[str, Any] = {slot: dict(config[slot]) for slot in slots}
    if max_faces is not None:
        for table in tables.values():
            if table["use"] == "detect/track":
                table["max_faces"] = max_faces
    return compose({**config, **tables, "stages": slots}, SourceInfo("clip", "video"))


def frames_of(images: Iterable[UInt8], rate_hz: float = FRAME_RATE_HZ) -> Iterator[FrameRecord]:
    """Pictures as the frames of a clip."""
    for index, image in enumerate(images):
        stamp = Stamp("frames", index, round(index * 1e9 / rate_hz))
        yield FrameRecord(stamp, (image.shape[1], image.shape[0]), image)


def followed(pipeline: Pipeline, records: Iterable[FrameRecord]) -> Iterator[FrameRecord]:
    """Finished records, without their pictures."""
    for record in records:
        yield replace(pipeline.process(record), image=None)
