"""Performances without a camera over REST: words in, a take in the studio's folder out."""

from __future__ import annotations

import threading
from pathlib import Path

from fastapi import APIRouter, HTTPException

from mien.animate.expression_graph import EXPRESSIONS, ExpressionGraph
from mien.animate.generate import TAIL_S
from mien.animate.plan import Act, plan
from mien.animate.script import Script, parse_say
from mien.errors import RequestError
from mien.recorder.animate import AnimateRequest, animate
from mien.studio.perform_messages import Moods, PerformAsk, Performed, PerformedAct
from mien.studio.take_folder import opened_take

MOST_FRAMES = 36_000
"""Ten minutes at 60 frames per second: more is for `mien animate`, which nobody else waits for."""
_OWN = "studio"
"""Folder of the studio's own things."""


def perform_routes(folder: Path) -> APIRouter:
    """Routes below /perform; takes are made in `folder`."""
    router = APIRouter(prefix="/perform", tags=["perform"])
    busy = threading.Lock()

    @router.get("/expressions")
    def expressions() -> Moods:
        """Expressions that can be asked for."""
        return Moods(names=list(EXPRESSIONS))

    @router.post("")
    def perform(asked: PerformAsk) -> Performed:
        """Make a take; one at a time."""
        if asked.name.lower() == _OWN:
            raise RequestError(f"{asked.name} is the studio's own folder: choose another name")
        settings = {"seed": asked.seed, "fps": asked.fps, "seconds": asked.seconds}
        script = parse_say(asked.words, **{k: v for k, v in settings.items() if v is not None})
        take = None if asked.over is None else opened_take(folder, asked.over)
        frames = _frames(script) if take is None else len(take)
        if frames > MOST_FRAMES:
            raise RequestError(f"{frames} frames are more than {MOST_FRAMES}: shorter, fewer a second, or mien animate")
        if not busy.acquire(blocking=False):
            raise HTTPException(409, "another performance is being made: try again when it is done")
        try:
            made = animate(AnimateRequest(script, "said", folder / asked.name, None if take is None else take.path))
        finally:
            busy.release()
        return Performed(name=asked.name, frames=made.frames, acts=[_told(act) for act in made.acts])

    return router


def _frames(script: Script) -> int:
    seconds = script.seconds
    if seconds is None:
        graph = ExpressionGraph()
        try:
            seconds = max((act.offset_s for act in plan(script, graph)), default=0.0) + TAIL_S
        finally:
            graph.close()
    return int(seconds * script.fps) + 1


def _told(act: Act) -> PerformedAct:
    return PerformedAct.model_validate({name: getattr(act, name) for name in PerformedAct.model_fields})
