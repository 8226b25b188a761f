"""A calibration in the studio: `mien.recorder.calibrate`, told to the pages step by step."""

from __future__ import annotations

import math
import threading

from mien.action_units.calibration import Calibration
from mien.action_units.guide import GUIDE, Step
from mien.core.record import FrameRecord
from mien.recorder.calibrate import CalibrationRequest, calibrate
from mien.studio.browser_camera import BrowserCamera
from mien.studio.live_session import LiveSession
from mien.studio.messages import Calibrate, Calibrated, Guidance, Reached


def calibrate_in(session: LiveSession, asked: Calibrate) -> None:
    """Begin a calibration in place of the live run."""

    def work(stop: threading.Event, camera: BrowserCamera | None) -> None:
        path = session.profile_path(asked.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        request = CalibrationRequest(asked.source, path, asked.preset, guided=asked.guided)
        with session.showing() as show:

            def seen(record: FrameRecord) -> None:
                show(record)

            found, _ = calibrate(request, lambda step: session.hub.say(_guidance(step)), stop, seen=seen, source=camera)
        session.hub.say(_told(asked.name, found), keep=True)

    session.begin(work, asked)


def _guidance(step: Step) -> Guidance:
    number = [s.name for s in GUIDE].index(step.name)
    return Guidance(step=number, steps=len(GUIDE), name=step.name, words=step.words, seconds=step.seconds)


def _told(name: str, found: Calibration) -> Calibrated:
    blinks = found.blinks()
    rows = [
        Reached(
            shape=shape,
            **{f"{a}_{b}": _known(row.get(f"{a}_{b}")) for a in ("rest", "reach") for b in ("before", "after")},
        )
        for shape, row in found.numbers().items()
    ]
    return Calibrated(
        name=name,
        frames=len(found.t_ns),
        blink_before=_known(blinks["peak_before"]),
        blink_after=_known(blinks["peak_after"]),
        shapes=rows,
    )


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
