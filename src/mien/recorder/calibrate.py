"""`mien calibrate`: watch one person, guided or not, and write a profile with a picture of what it changes."""

from __future__ import annotations

import threading
import tomllib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mien.action_units.calibration import Calibration, fit
from mien.action_units.guide import GUIDE, Step, guide_seconds, step_at
from mien.action_units.landmark_solver import LandmarkSolver
from mien.action_units.profile import write_profile
from mien.core.record import Face, FrameRecord
from mien.core.timebase import NS_PER_S
from mien.errors import ConfigError, RequestError
from mien.pipeline.compose import Pipeline, check_options, compose
from mien.pipeline.config import load_config
from mien.pipeline.runner import run
from mien.pipeline.stage import Source
from mien.recorder.calibration_picture import write_picture
from mien.sources.opening import open_source

SOLVERS = ("action_units/landmarks", "action_units/fused")
"""What a profile can be fitted to: what the stage reads in the end, by landmarks alone or by both."""


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """What to calibrate with.

    Attributes:
        source: video, take, "camera:0", …
        out: the profile to write.
        preset, overrides: as of a capture.
        guided: the person follows the guide from the first frame on; None = cameras are guided, clips are not.
        guide: the steps.
    """

    source: str
    out: Path
    preset: str = "balanced"
    overrides: Sequence[str] = ()
    guided: bool | None = None
    guide: Sequence[Step] = GUIDE


def calibrate(
    request: CalibrationRequest,
    asked: Callable[[Step], None] | None = None,
    stop: threading.Event | None = None,
    *,
    seen: Callable[[FrameRecord], None] | None = None,
    source: Source | None = None,
) -> tuple[Calibration, list[Path]]:
    """Watch, fit, write.

    Args:
        request: see there.
        asked: is told what to do next, when the guide is followed live.
        stop: set it to end watching early.
        seen: is given every finished frame.
        source: an opened source instead of `request.source`; is closed.

    Returns:
        What was found, and the files: profile and picture.

    Raises:
        ConfigError: the preset has no landmark solver, or has a profile already; unknown keys.
        SourceError: the source cannot be read.
        RequestError: too little of a face was seen, or the file to write is none of Mien's profiles.
        SinkError: a file cannot be written.
    """
    _check_out(request.out)
    config = _uncalibrated(request)
    source = source or open_source(request.source, options=config.get("source"))
    try:
        found = _watched(request, config, source, asked, stop or threading.Event(), seen)
    finally:
        source.close()
    write_profile(found.profile, request.out)
    picture = request.out.with_suffix(".png")
    write_picture(found, picture)
    return found, [request.out, picture]


def _uncalibrated(request: CalibrationRequest) -> dict[str, Any]:
    """The configuration to watch with: the preset's, without a profile and with every smile as it is.

    Raises:
        ConfigError: there is no landmark solver, or it has a profile already; unknown keys.
    """
    config = load_config(request.preset, request.overrides)
    check_options(config)
    slot = _solver_slot(config)
    if config[slot].get("profile") is not None:
        raise ConfigError(f"{slot}.profile: a calibration starts without one")
    return _believing_smiles(config, slot)


def _believing_smiles(config: Mapping[str, Any], slot: str) -> dict[str, Any]:
    """The solver takes every smile as it is: the guide asks for smiles, whatever the rest of the face looks like."""
    return {**config, slot: {**config[slot], "mood": False}}


def _watched(
    request: CalibrationRequest,
    config: Mapping[str, Any],
    source: Source,
    asked: Callable[[Step], None] | None,
    stop: threading.Event,
    seen: Callable[[FrameRecord], None] | None,
) -> Calibration:
    """Watch the source to its end or the guide's, and fit what was seen; see `calibrate`."""
    guided = source.info.live if request.guided is None else request.guided
    guide = request.guide if guided else None
    with compose(config, source.info) as pipeline:
        watch = _Watch(pipeline, guide, asked if source.info.live else None, stop)
        for record in run(source, pipeline, stop=watch.stop):
            watch.see(record)
            if seen is not None:
                seen(record)
        track, frames = watch.person()
        solver = next(s for _, s in pipeline.stages if isinstance(s, LandmarkSolver))
        facts: dict[str, str | float | bool] = {
            "source": source.info.name,
            "guided": guided,
            "frames": float(len(frames)),
        }
        return fit(frames, solver, facts, guide, solver.at_rest(track), pictures=watch.pictures)


def _check_out(path: Path) -> None:
    if path.suffix != ".toml":
        raise RequestError(f"--out {path}: a profile is a .toml file")
    if not path.exists():
        if (picture := path.with_suffix(".png")).exists():
            raise RequestError(f"--out {path}: {picture} is there already and would be replaced: name another")
        return
    if not _is_profile(path):
        raise RequestError(f"--out {path} is there already and is no profile: remove it or name another")


def _is_profile(path: Path) -> bool:
    """Whether a file is a profile, be it of another format: that one cannot be read, and is there to be replaced."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
    number, model = table.get("format"), table.get("model")
    return isinstance(number, int) and not isinstance(number, bool) and isinstance(model, str)


def _solver_slot(config: Mapping[str, Any]) -> str:
    for slot in cast(list[str], config["stages"]):
        if config[slot].get("use") in SOLVERS:
            return slot
    raise ConfigError(f'preset "{config["preset"]}" has no stage {" or ".join(SOLVERS)}: there is nothing to calibrate')


class _Watch:
    """Gathers faces by person, and says what the guide asks for."""

    def __init__(
        self,
        pipeline: Pipeline,
        guide: Sequence[Step] | None,
        asked: Callable[[Step], None] | None,
        stop: threading.Event,
    ) -> None:
        self.pipeline, self.stop = pipeline, stop
        self._guide, self._asked = guide, asked
        self._faces: dict[int | None, list[tuple[int, Face]]] = defaultdict(list)
        self._start: int | None = None
        self._step: int | None = None
        self.pictures = False

    def see(self, record: FrameRecord) -> None:
        """One finished frame; the guide starts with the first one that shows a face."""
        t_ns = record.stamp.t_ns
        self.pictures |= record.image is not None
        if self._start is None and record.faces:
            self._start = t_ns
        for face in record.faces:
            self._faces[face.track_id].append((t_ns, face))
        if self._guide is None or self._start is None:
            return
        step = step_at(self._guide, t_ns - self._start)
        if step is None or t_ns - self._start >= guide_seconds(self._guide) * NS_PER_S:
            self.stop.set()
        elif step != self._step and self._asked is not None:
            self._asked(self._guide[step])
        self._step = step

    def person(self) -> tuple[int | None, list[tuple[int, Face]]]:
        """Track id and frames of whoever was seen most."""
        if not self._faces:
            raise RequestError("no face was found: nothing can be calibrated")
        return max(self._faces.items(), key=lambda item: len(item[1]))
