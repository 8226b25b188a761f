"""What is asked of a capture, what comes of it, and who may watch. How it is done is in `capture.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mien.action_units.profile import read_profile
from mien.core.record import FrameRecord
from mien.core.text import storable
from mien.errors import ConfigError, MienError
from mien.pipeline.config import load_config
from mien.pipeline.registry import SINKS, load
from mien.pipeline.stage import SourceInfo, Span, TakeSummary


@dataclass(frozen=True, slots=True)
class Request:
    """What to capture.

    Attributes:
        source: path, URL, "camera:0", "demo" (see `mien.sources.opening.open_source`).
        folder: where the outputs go; made if missing.
        preset: shipped name or TOML file.
        overrides: "key.sub=value".
        faces: at most this many faces; None = as the preset says.
        span: part of the source; with `resume`, the whole source means the span of the take.
        pixels: False = landmarks-only: no output contains a pixel of the source.
        resume: continue an unfinished take in `folder`, or make the outputs that a finished one lacks.
        overwrite: replace a take in `folder`.
        replace_demo: replace an earlier take of the built-in clip in `folder`, and nothing else.
    """

    source: str
    folder: Path
    preset: str = "balanced"
    overrides: Sequence[str] = ()
    faces: int | None = None
    span: Span = field(default_factory=Span)
    pixels: bool = True
    resume: bool = False
    overwrite: bool = False
    replace_demo: bool = False


@dataclass(slots=True)
class Outcome:
    """What came of it.

    Attributes:
        summary: how it ended; `frames` counts the records that are on the disk.
        outputs: files that exist now, in the order of the configuration.
        missing: names of outputs that could not be made from the take; `Request.resume` makes them.
        measured: records that went through the pipeline now (a failing disk may have kept fewer).
        frames_with_face: records of the take, resumed ones too, with at least one face.
        track_frames: track id → records of the take.
        stage_times: see `StageTimes.table`.
        seconds: wall time.
        resumed_frames: records that were there before.
        warnings: what to know before trusting the take (lost frames, yaw, blur, light).
        notes: what is good to know about it and no reason for doubt.
        error: what ended it, or None.
    """

    summary: TakeSummary
    outputs: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    measured: int = 0
    frames_with_face: int = 0
    track_frames: Mapping[int, int] = field(default_factory=dict)
    stage_times: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seconds: float = 0.0
    resumed_frames: int = 0
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: MienError | None = None


class Watcher(Protocol):
    """Is told how a capture proceeds; the command line draws its progress bar with it."""

    def started(self, info: SourceInfo, done: int) -> None:
        """The source is open; `done` frames are there already."""

    def frame(self, record: FrameRecord) -> None:
        """A record is finished."""

    def exporting(self, name: str) -> None:
        """An output is being made from the finished take."""


class Audience:
    """Passes everything on to a watcher, if there is one, until the first error in it: a progress bar whose
    terminal is gone ends no capture."""

    def __init__(self, watcher: Watcher | None) -> None:
        self._watcher = watcher

    def started(self, info: SourceInfo, done: int) -> None:
        self._tell(lambda watcher: watcher.started(info, done))

    def noted(self, lines: Sequence[str]) -> None:
        """What to know before the first frame, for a watcher that has a method `noted` too."""
        self._tell(lambda watcher: tell_notes(watcher, lines))

    def frame(self, record: FrameRecord) -> None:
        self._tell(lambda watcher: watcher.frame(record))

    def exporting(self, name: str) -> None:
        self._tell(lambda watcher: watcher.exporting(name))

    def _tell(self, call: Callable[[Watcher], None]) -> None:
        if self._watcher is None:
            return
        try:
            call(self._watcher)
        except Exception:  # noqa: BLE001  whatever it is, the frames matter more
            self._watcher = None


def tell_notes(watcher: object, lines: Sequence[str]) -> None:
    """Hand lines to a watcher that wants them: one that has a method `noted`."""
    noted = getattr(watcher, "noted", None)
    if lines and callable(noted):
        noted(lines)


def resolve(request: Request) -> dict[str, Any]:
    """The resolved configuration of a request: preset, overrides, number of faces, and no pixels if so wished.

    Raises:
        ConfigError: see `load_config`; or a profile that cannot be read, which is said before networks are loaded.
    """
    config = load_config(request.preset, request.overrides)
    units = config.get("action_units")
    if isinstance(units, dict) and isinstance(units.get("profile"), str):
        read_profile(units["profile"])
    if request.faces is not None:
        detect = config.get("detect")
        if not isinstance(detect, dict):
            raise ConfigError(f'--faces: preset "{request.preset}" has no stage slot "detect" to tell')
        detect["max_faces"] = request.faces
    if not request.pixels:
        config["outputs"] = [n for n in config["outputs"] if n not in SINKS or "image" not in load(SINKS[n]).reads]
    if "parquet" not in config["outputs"]:
        config["outputs"] = ["parquet", *config["outputs"]]
    return config


class PathNames:
    """Takes folders out of messages before they are stored: a take is given away, its maker's paths are not."""

    def __init__(self, request: Request) -> None:
        folders = [request.folder, request.folder.resolve()]
        if "://" not in request.source:
            folders += [Path(request.source).parent, Path(request.source).resolve().parent]
        self._folders = sorted({f"{f}/" for f in folders if str(f) not in (".", "/")}, key=len, reverse=True)

    def shortened(self, text: str) -> str:
        """The text with file names in place of paths, as UTF-8 can hold it."""
        for folder in self._folders:
            text = text.replace(folder, "").replace(folder.removesuffix("/"), Path(folder).name)
        return storable(text)
