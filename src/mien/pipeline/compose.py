"""From a configuration to a checked pipeline: parts are built by name; wiring errors come before the first frame."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from mien.core.record import FrameRecord, Trace
from mien.errors import ConfigError, MienError, StageError, WiringError
from mien.pipeline.registry import stage_class, suggestion
from mien.pipeline.stage import FIELDS, Options, SourceInfo, Stage


def options_for(part: Any, table: Mapping[str, Any], where: str) -> Any:
    """Validate a table of options against the part's `Options`: an attribute of the part, or of its module.

    `part` is a class or an exporter function.

    Raises:
        ConfigError: unknown key or wrong value; names the key, the value and the nearest known key.
    """
    model = getattr(part, "Options", None) or getattr(sys.modules[part.__module__], "Options", None)
    if model is None or model is Options:
        if table:
            raise ConfigError(f"{where}: takes no options, got {', '.join(table)}")
        return None
    try:
        return model.model_validate(dict(table))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(p) for p in first["loc"])
        if first["type"] == "extra_forbidden":
            raise ConfigError(f'{where}: unknown key "{key}"{suggestion(key, model.model_fields)}') from None
        raise ConfigError(f"{where}.{key}: {first['msg']}, got {first['input']!r}") from None


def build_stage(table: Mapping[str, Any], where: str) -> Stage:
    """Build the stage that `table["use"]` names; sub-tables with a `use` of their own are built and passed in."""
    if not isinstance(table.get("use"), str):
        raise ConfigError(f'{where}: needs use = "room/part"')
    part = stage_class(table["use"], where)
    inner = {k: build_stage(v, f"{where}.{k}") for k, v in table.items() if isinstance(v, dict) and "use" in v}
    plain = {k: v for k, v in table.items() if k != "use" and k not in inner}
    try:
        stage: Stage = part(options_for(part, plain, where), **inner)
    except TypeError as error:
        if inner and "unexpected keyword" in str(error):
            raise ConfigError(f"{where}: {table['use']} takes no inner stage {', '.join(inner)}") from error
        raise
    return stage


def check_wiring(stages: Sequence[tuple[str, Stage]], provided: Iterable[str]) -> frozenset[str]:
    """Everything read must have been written before. Returns the fields known at the end.

    Raises:
        WiringError: names the stage, the field and who would write it.
    """
    known = set(provided)
    for i, (slot, stage) in enumerate(stages):
        odd = (stage.reads | stage.writes) - FIELDS
        if odd:
            raise WiringError(f'stage "{slot}" declares unknown fields: {", ".join(sorted(odd))}')
        for field in sorted(stage.reads - known):
            later = [s for s, other in stages[i + 1 :] if field in other.writes]
            hint = f'; "{later[0]}" writes it but comes later' if later else "; no stage of this pipeline writes it"
            raise WiringError(f'stage "{slot}" reads {field} before anything writes it{hint}')
        known |= stage.writes
    return frozenset(known)


def fields_of_source(info: SourceInfo) -> frozenset[str]:
    """What a source's records carry: pixels, or (replay) everything but pixels."""
    return FIELDS - {"image"} if info.kind == "replay" else frozenset({"image"})


class Pipeline:
    """Composed stages; takes a record with an image to a record with everything filled.

    Attributes:
        stages: (slot, stage) in order.
        fields: what records carry at the end.
    """

    def __init__(self, stages: Sequence[tuple[str, Stage]], provided: Iterable[str] = ("image",)) -> None:
        self.stages = tuple(stages)
        self.fields = check_wiring(self.stages, provided)

    @property
    def models(self) -> tuple[str, ...]:
        """Ids of all models, in the order of the stages, without repeats."""
        return tuple(dict.fromkeys(m for _, stage in self.stages for m in stage.models))

    def process(self, record: FrameRecord) -> FrameRecord:
        """Run every stage on one record, time them, and show the result to every stage.

        Raises:
            StageError: a stage failed; names the stage, the source and the frame.
        """
        stage_ns: dict[str, int] = dict(record.trace.stage_ns)
        for slot, stage in self.stages:
            began = time.perf_counter_ns()
            try:
                record = stage.step(record)
            except MienError:
                raise
            except Exception as error:  # any failure of a part is reported with its place
                stamp = record.stamp
                raise StageError(
                    f'stage "{slot}" failed on frame {stamp.index} of {stamp.source}: {type(error).__name__}: {error}'
                ) from error
            stage_ns[slot] = time.perf_counter_ns() - began
        record = replace(record, trace=Trace(stage_ns, self.models))
        self.feedback(record)
        return record

    def feedback(self, record: FrameRecord) -> None:
        """Show a finished record to every stage (also used to warm up a resumed capture)."""
        for _, stage in self.stages:
            stage.feedback(record)

    def reset(self) -> None:
        """Forget every face."""
        for _, stage in self.stages:
            stage.reset()

    def close(self) -> None:
        """Release every stage."""
        for _, stage in self.stages:
            stage.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def compose(config: Mapping[str, Any], source: SourceInfo) -> Pipeline:
    """Build and check the pipeline of a resolved configuration for a source.

    Raises:
        ConfigError, WiringError: before the first frame.
    """
    built: list[tuple[str, Stage]] = []
    try:
        for slot in config["stages"]:
            built.append((slot, build_stage(config[slot], slot)))
        return Pipeline(built, fields_of_source(source))
    except BaseException:
        for _, stage in built:
            stage.close()
        raise
