"""Drawn people before a whole preset: pictures of a sequence, and the chain that reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mien.core.record import FrameRecord, Stamp
from mien.lab.render.random_scene import Wishes
from mien.lab.render.sample import RenderedSample
from mien.lab.rigs.rig import Rig
from mien.lab.synth.render_sequence import CALM, render_sequence
from mien.lab.synth.sequence import FaceSequence
from mien.pipeline.compose import Pipeline, compose
from mien.pipeline.stage import SourceInfo

PEOPLE = 256
"""Persons of each rig that drawn datasets have."""


def drawn(rig: Rig, sequence: FaceSequence, size_px: int) -> Iterator[RenderedSample]:
    """The pictures, calm surroundings."""
    return render_sequence(rig, sequence, size_px, wishes())


def wishes() -> Wishes:
    """Of the scenes."""
    return replace(CALM, people=PEOPLE)


def whole_chain(config: dict[str, Any]) -> Pipeline:
    """All stages of a preset, without its outputs."""
    return compose(config, SourceInfo("drawn", "video"))


def as_record(sample: RenderedSample, index: int, t_ns: int) -> FrameRecord:
    """A picture as the frame of a clip."""
    h, w, _ = sample.image.shape
    return FrameRecord(Stamp("drawn", index, t_ns), (w, h), sample.image)
