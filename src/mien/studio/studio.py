"""What the server has: the hub, the live session, and the folder it works in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fastapi import APIRouter

from mien.studio.hub import Hub
from mien.studio.live_session import LiveSession
from mien.studio.rest_avatars import avatar_routes
from mien.studio.rest_perform import perform_routes
from mien.studio.rest_profiles import profile_routes
from mien.studio.rest_takes import take_routes


@dataclass(eq=False)
class Studio:
    """One studio.

    Attributes:
        folder: takes are looked for here; profiles and characters are kept in `studio/` below it.
        first: take to open first, or None.
    """

    folder: Path
    first: Path | None = None
    hub: Hub = field(default_factory=Hub)
    session: LiveSession = field(init=False)

    def __post_init__(self) -> None:
        self.session = LiveSession(self.hub, self.own / "profiles")

    @property
    def own(self) -> Path:
        """Where the studio keeps what is its own."""
        return self.folder / "studio"

    def routers(self) -> list[APIRouter]:
        """REST routes, below /api."""
        return [
            take_routes(self.folder, self.first),
            avatar_routes(self.own / "avatars"),
            perform_routes(self.folder),
            profile_routes(self.session.profiles),
        ]

    def close(self) -> None:
        """End what is under way."""
        self.session.close()
