"""Performances without a camera over REST: words in, a take in the studio's folder out."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter

from mien.animate.expression_graph import EXPRESSIONS
from mien.animate.plan import Act
from mien.animate.script import parse_say
from mien.recorder.animate import AnimateRequest, animate
from mien.studio.perform_messages import Moods, PerformAsk, Performed, PerformedAct
from mien.studio.take_folder import opened_take


def perform_routes(folder: Path) -> APIRouter:
    """Routes below /perform; takes are made in `folder`."""
    router = APIRouter(prefix="/perform", tags=["perform"])

    @router.get("/expressions")
    def expressions() -> Moods:
        """Expressions that can be asked for."""
        return Moods(names=list(EXPRESSIONS))

    @router.post("")
    def perform(asked: PerformAsk) -> Performed:
        """Make a take."""
        settings = {"seed": asked.seed, "fps": asked.fps, "seconds": asked.seconds}
        script = parse_say(asked.words, **{k: v for k, v in settings.items() if v is not None})
        over = None if asked.over is None else opened_take(folder, asked.over).path
        made = animate(AnimateRequest(script, "said", folder / asked.name, over))
        return Performed(name=asked.name, frames=made.frames, acts=[_told(act) for act in made.acts])

    return router


def _told(act: Act) -> PerformedAct:
    return PerformedAct.model_validate({name: getattr(act, name) for name in PerformedAct.model_fields})
