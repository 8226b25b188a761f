"""Which parts exist: one explicit table of dotted strings per kind, loaded late, plus entry points.

The name in the table is the name on the command line, in presets and in takes. Other packages add stages
through the entry point group "mien.stages" (name "room/part", value "package.module:Class").
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from mien.errors import ConfigError, MissingExtraError

STAGES: Mapping[str, str] = {
    "detect/track": "mien.detect.track:Tracker",
    "detect/cascade": "mien.detect.cascade:CascadeDetector",
    "detect/ssd": "mien.detect.ssd:SsdDetector",
    "detect/mediapipe": "mien.detect.mediapipe:MediaPipeDetector",
    "detect/quality": "mien.detect.quality:QualityStage",
    "landmarks/hrnet98": "mien.landmarks.hrnet98:HeatmapLandmarks",
    "landmarks/points98": "mien.landmarks.points98:PointLandmarks",
    "landmarks/mediapipe": "mien.landmarks.mediapipe:MediaPipeLandmarks",
    "landmarks/headpose": "mien.landmarks.headpose:HeadPoseStage",
    "landmarks/gaze": "mien.landmarks.gaze:GazeStage",
    "action_units/landmarks": "mien.action_units.landmark_solver:LandmarkSolver",
    "action_units/fused": "mien.action_units.fused:FusedSolver",
    "micro/spot": "mien.micro.stage:SpotStage",
    "expression/network": "mien.expression.network:NetworkExpression",
    "expression/action_units": "mien.expression.from_units:UnitExpression",
}

POINT_STAGES = frozenset({"landmarks/hrnet98", "landmarks/points98", "landmarks/mediapipe"})
"""Those that find the landmarks of a face."""

SINKS: Mapping[str, str] = {
    "parquet": "mien.sinks.parquet:ParquetSink",
    "overlay": "mien.sinks.overlay:OverlaySink",
}
"""Written while capturing."""


@dataclass(frozen=True, slots=True)
class ExporterEntry:
    """A function `export(take, path, ...) -> list[Path]` and the file it makes in a capture's folder.

    Attributes:
        target: dotted string of the function.
        file_name: of the main person, or of everybody.
        what: what it is, for people.
        beside: endings of further files of the same name.
        per_person: further people get files of their own, with their track id before the ending.
    """

    target: str
    file_name: str
    what: str
    beside: tuple[str, ...] = ()
    per_person: bool = True


EXPORTERS: Mapping[str, ExporterEntry] = {
    "csv": ExporterEntry(
        "mien.sinks.exporters.openface_csv:export", "take.csv", "table as OpenFace 2.2 writes it", per_person=False
    ),
    "livelink": ExporterEntry(
        "mien.sinks.exporters.livelink_csv:export", "livelink.csv", "CSV of the Live Link Face app"
    ),
    "glb": ExporterEntry("mien.sinks.exporters.glb:export", "avatar.glb", "the built-in character playing the take"),
    "report": ExporterEntry("mien.sinks.report:export", "report.html", "curves and warnings to read", per_person=False),
    "unreal": ExporterEntry(
        "mien.sinks.exporters.unreal:export",
        "take.unreal.json",
        "rich curves, a curve table and an editor script for Unreal Engine",
        beside=(".csv", ".py"),
    ),
    "unity": ExporterEntry("mien.sinks.exporters.unity:export", "take.anim", "animation clip for Unity"),
    "blender": ExporterEntry("mien.sinks.exporters.blender:export", "take.blender.py", "script for Blender 3.6 to 5"),
    "vrma": ExporterEntry("mien.sinks.exporters.vrma:export", "take.vrma", "animation for VRM 1.0 characters"),
    "usd": ExporterEntry("mien.sinks.exporters.usd:export", "take.usda", "UsdSkel character and animation"),
    "bvh": ExporterEntry("mien.sinks.exporters.bvh:export", "head.bvh", "head and eyes as a skeleton"),
    "json": ExporterEntry("mien.sinks.exporters.json_clip:export", "take.json", "plain numbers for any language"),
    "parquet": ExporterEntry(
        "mien.sinks.exporters.take_copy:export",
        "take.parquet",
        "the take again, whole; with --edited its edits, with --face one person",
        per_person=False,
    ),
}
"""Made from the finished take."""

_EXTRAS = {
    "mediapipe": ("mediapipe", "mediapipe", "The MediaPipe backend"),
    "pxr": ("usd-core", "usd", "The USD exporter"),
}


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?` or the list of known names: the end of an error message about a name."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f'; did you mean "{close[0]}"?' if close else f"; known: {', '.join(known)}"


def load(dotted: str) -> Any:
    """Import "package.module:attribute".

    Raises:
        MissingExtraError: an optional package that it needs is not installed.
    """
    module_name, _, attribute = dotted.partition(":")
    try:
        return getattr(import_module(module_name), attribute)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in _EXTRAS:
            raise MissingExtraError(*_EXTRAS[missing]) from error
        raise


@cache
def stage_table() -> Mapping[str, str]:
    """Own stages and those of entry points; a foreign name never replaces an own one."""
    foreign = {e.name: e.value for e in entry_points(group="mien.stages")}
    return {**foreign, **STAGES}


def stage_class(name: str, where: str) -> Callable[..., Any]:
    """The class behind a stage name; `where` is the configuration key for the message.

    Raises:
        ConfigError: no such stage.
    """
    table = stage_table()
    if name not in table:
        raise ConfigError(f'{where}: there is no stage "{name}"{suggestion(name, table)}')
    return load(table[name])  # type: ignore[no-any-return]
