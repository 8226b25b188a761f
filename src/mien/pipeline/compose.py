"""From a configuration to a checked pipeline: parts are built by name; wiring errors come before the first frame."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from inspect import Parameter, signature
from typing import Any

from pydantic import ValidationError

from mien.core.record import FrameRecord, Trace
from mien.errors import ConfigError, MienError, StageError
from mien.pipeline.cautions import cautions
from mien.pipeline.loading import built_together, close_all, reads_of
from mien.pipeline.registry import EXPORTERS, SINKS, load, stage_class, suggestion
from mien.pipeline.stage import Options, Source, SourceInfo, Stage
from mien.pipeline.wiring import WHERE, check_wiring, fields_of_source, in_order, measured_anew


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


def build_stage(table: Mapping[str, Any], where: str, *, still: bool = False) -> Stage:
    """Build the stage that `table["use"]` names; sub-tables with a `use` of their own are built and passed in.

    `still`: for one picture only. A class may say by `for_still`, options → options, what it can do without then.
    """
    if not isinstance(table.get("use"), str):
        raise ConfigError(f'{where}: needs use = "room/part"')
    part = stage_class(table["use"], where)
    inner = {
        k: build_stage(v, f"{where}.{k}", still=still) for k, v in table.items() if isinstance(v, dict) and "use" in v
    }
    plain = {k: v for k, v in table.items() if k != "use" and k not in inner}
    wanted = {n: p for n, p in signature(part).parameters.items() if p.kind is Parameter.KEYWORD_ONLY}
    if unknown := inner.keys() - wanted.keys():
        raise ConfigError(f"{where}: {table['use']} takes no inner stage {', '.join(sorted(unknown))}")
    for name, parameter in wanted.items():
        if parameter.default is Parameter.empty and name not in inner:
            raise ConfigError(f'{where}: {table["use"]} needs a table [{where}.{name}] with use = "room/part"')
    options = options_for(part, plain, where)
    if still and callable(less := getattr(part, "for_still", None)):
        options = less(options)
    stage: Stage = part(options, **inner)
    return stage


@contextmanager
def _named(slot: str, record: FrameRecord) -> Iterator[None]:
    """Any failure of a stage is reported with its place."""
    try:
        yield
    except MienError:
        raise
    except Exception as error:
        stamp = record.stamp
        raise StageError(
            f'stage "{slot}" failed on frame {stamp.index} of {stamp.source}: {type(error).__name__}: {error}'
        ) from error


def _show(record: FrameRecord, stages: Sequence[tuple[str, Stage]]) -> None:
    for slot, stage in stages:
        with _named(slot, record):
            stage.feedback(record)


class Pipeline:
    """Composed stages; takes a record with an image to a record with everything filled.

    Attributes:
        stages: (slot, stage) in order.
        fields: what records carry at the end.
        notes: what the composition left out, and what else to know about it, in words.
        models: ids of all models, in the order of the stages, without repeats.
    """

    def __init__(
        self, stages: Sequence[tuple[str, Stage]], provided: Iterable[str] = ("image",), notes: Sequence[str] = ()
    ) -> None:
        self.stages = tuple(stages)
        self.notes = tuple(notes)
        self.fields = check_wiring(self.stages, provided)
        self._old = measured_anew(self.stages, provided)
        self.models = tuple(dict.fromkeys(m for _, stage in self.stages for m in stage.models))
        deciding = (i for i, (_, stage) in enumerate(self.stages) if stage.writes & WHERE)
        self._first = max(deciding, default=-1) + 1

    def process(self, record: FrameRecord) -> FrameRecord:
        """Run every stage on one record and time them; each half (`begin`, `finish`) shows its result to its stages.

        Raises:
            StageError: a stage failed; names the stage, the source and the frame.
        """
        return self.finish(self.begin(record))

    def begin(self, record: FrameRecord) -> FrameRecord:
        """The first half of `process`: the stages up to the last one that decides which faces there are and where their
        points lie. The next record needs no more than that, so it may begin while this one is finished elsewhere.

        Raises:
            StageError: see `process`.
        """
        if "faces.expression" in self._old:
            record = replace(record, faces=tuple(replace(face, expression=None) for face in record.faces))
        return self._through(record, self.stages[: self._first])

    def finish(self, record: FrameRecord) -> FrameRecord:
        """The second half: everything that is read from points and pixels. Records in the order they began.

        Raises:
            StageError: see `process`.
        """
        return self._through(record, self.stages[self._first :])

    def _through(self, record: FrameRecord, stages: Sequence[tuple[str, Stage]]) -> FrameRecord:
        stage_ns: dict[str, int] = dict(record.trace.stage_ns)
        for slot, stage in stages:
            began = time.perf_counter_ns()
            with _named(slot, record):
                record = stage.step(record)
            stage_ns[slot] = time.perf_counter_ns() - began
        record = replace(record, trace=Trace(stage_ns, self.models))
        _show(record, stages)
        return record

    def feedback(self, record: FrameRecord) -> None:
        """Show a finished record to every stage (also used to warm up a resumed capture).

        Raises:
            StageError: as `process`.
        """
        _show(record, self.stages)

    def close(self) -> None:
        """Release every stage."""
        for _, stage in self.stages:
            stage.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def check_options(config: Mapping[str, Any]) -> None:
    """Check the options of everything a configuration names, also of what it does not use, without building it.

    Raises:
        ConfigError: unknown part or key, or a wrong value.
    """
    for name, table in config.items():
        if not isinstance(table, dict) or name == "source":
            continue
        if name in SINKS or name in EXPORTERS:
            options_for(load(SINKS[name] if name in SINKS else EXPORTERS[name].target), table, name)
        else:
            _check_stage_options(table, name)


def _check_stage_options(table: Mapping[str, Any], where: str) -> None:
    part = stage_class(str(table.get("use")), where)
    inner = {k: v for k, v in table.items() if isinstance(v, dict) and "use" in v}
    options_for(part, {k: v for k, v in table.items() if k != "use" and k not in inner}, where)
    for key, value in inner.items():
        _check_stage_options(value, f"{where}.{key}")


def compose(config: Mapping[str, Any], source: SourceInfo) -> Pipeline:
    """Build and check the pipeline of a resolved configuration for a source.

    A recorded take has no pixels: stages that need them are left out, and what they wrote is kept as recorded.

    Raises:
        ConfigError, WiringError: before the first frame.
    """
    provided = fields_of_source(source)
    slots = [slot for slot in config["stages"] if "image" in provided or "image" not in reads_of(config[slot], slot)]
    build = partial(build_stage, still=source.kind == "photo")
    built = built_together([(slot, partial(build, config[slot], slot)) for slot in slots])
    try:
        for slot, stage in built.copy():
            if "image" not in provided and "image" in stage.reads:
                built.remove((slot, stage))
                stage.close()
        left_out = [slot for slot in config["stages"] if slot not in dict(built)]
        notes = [f"no pixels in a recorded take: {', '.join(left_out)} kept as recorded"] if left_out else []
        ordered = in_order(built)
        return Pipeline(ordered, provided, [*notes, *cautions(ordered)])
    except BaseException:
        close_all(built)
        raise


def doubts(source: Source, pipeline: Pipeline) -> list[str]:
    """What to doubt where recorded points are read again: a stage may be fitted to the points of another stage.

    A source says by `points_by` who found its points; a stage says by `doubt_about` what it thinks of them.
    """
    points_by = getattr(source, "points_by", None)
    if points_by is None:
        return []
    asked = (getattr(stage, "doubt_about", None) for _, stage in pipeline.stages)
    return [text for doubt in asked if callable(doubt) and (text := doubt(points_by)) is not None]
