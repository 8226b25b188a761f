"""Persons' calibrations over REST."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import APIRouter, HTTPException

from mien.action_units.guide import GUIDE
from mien.action_units.profile import read_profile
from mien.errors import ConfigError, RequestError
from mien.studio.messages import NAME
from mien.studio.rest_messages import GuideStep, Profile


def profile_routes(folder: Path) -> APIRouter:
    """Routes below /profiles; the files are in `folder`."""
    router = APIRouter(prefix="/profiles", tags=["profiles"])

    @router.get("")
    def listed() -> list[Profile]:
        """All that can be read."""
        return [p for p in (_profile(file) for file in sorted(folder.glob("[!.]*.toml"))) if p is not None]

    @router.get("/guide")
    def guide() -> list[GuideStep]:
        """What a person is asked to do."""
        return [GuideStep(name=s.name, words=s.words, seconds=s.seconds) for s in GUIDE]

    @router.delete("/{name}")
    def removed(name: str) -> dict[str, str]:
        """Forget a profile."""
        if not re.fullmatch(NAME, name):
            raise RequestError(f"{name[:80]!r} is no name of a profile")
        path = folder / f"{name}.toml"
        if not path.is_file():
            raise HTTPException(404, f"there is no profile {name}")
        path.unlink()
        path.with_suffix(".png").unlink(missing_ok=True)
        return {"removed": name}

    return router


def _profile(path: Path) -> Profile | None:
    try:
        return Profile(name=path.stem, facts=dict(read_profile(path).facts))
    except ConfigError:
        return None
