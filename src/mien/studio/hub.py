"""Who is connected, and what each of them is still to be sent: the newest of every kind, never more.

A page that reads slowly gets fewer frames and not later ones; one that does not read at all is let go. Whoever
publishes never waits.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from pydantic import BaseModel
from starlette.websockets import WebSocket, WebSocketDisconnect

MOST_PAGES = 16
SEND_WITHIN_S = 10.0
"""A page that does not take a message for so long is let go."""

Data = str | bytes


class Page:
    """One connected browser page.

    Attributes:
        sent, replaced: messages; those that a newer one of their kind overtook.
    """

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._waiting: dict[str, Data] = {}
        self._something = asyncio.Event()
        self.sent = self.replaced = 0

    def put(self, kind: str, data: Data) -> None:
        """To be sent; replaces what waits of the same kind. Call in the event loop."""
        self.replaced += self._waiting.pop(kind, None) is not None
        self._waiting[kind] = data
        self._something.set()

    def drop(self, kind: str) -> None:
        """What waits of a kind is not sent."""
        self._waiting.pop(kind, None)

    async def send_all(self) -> None:
        """Send whatever comes until the page goes, or is found not to read."""
        with suppress(WebSocketDisconnect, RuntimeError, OSError, asyncio.TimeoutError):
            while True:
                await self._something.wait()
                self._something.clear()
                while self._waiting:
                    data = self._waiting.pop(next(iter(self._waiting)))
                    sending = self._socket.send_text(data) if isinstance(data, str) else self._socket.send_bytes(data)
                    await asyncio.wait_for(sending, SEND_WITHIN_S)
                    self.sent += 1


class Hub:
    """All pages. `publish` may be called from any thread; everything else in the event loop."""

    def __init__(self) -> None:
        self.pages: set[Page] = set()
        self._lock = threading.Lock()
        self._newest: dict[str, Data] = {}
        self._kept: dict[str, Data] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = False

    def serve_in(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """The event loop of the server; None = it ends."""
        with self._lock:
            self._loop, self._told = loop, False

    def join(self, page: Page) -> bool:
        """A page more, which is told what is kept; False = there are too many."""
        if len(self.pages) >= MOST_PAGES:
            return False
        self.pages.add(page)
        for kind, data in self._kept.items():
            page.put(kind, data)
        return True

    def leave(self, page: Page) -> None:
        """A page less."""
        self.pages.discard(page)

    def say(self, message: BaseModel, *, keep: bool = False) -> None:
        """Publish a text message; its type is its kind. `keep` = pages that come later are told too."""
        kind = str(getattr(message, "type", type(message).__name__))
        self.publish(kind, message.model_dump_json(), keep=keep)

    def publish(self, kind: str, data: Data, *, keep: bool = False) -> None:
        """To every page; never waits, and what nobody fetched yet is replaced."""
        with self._lock:
            if keep:
                self._kept[kind] = data
            if self._loop is None:
                return
            self._newest.pop(kind, None)
            self._newest[kind] = data
            if not self._told:
                self._told = True
                with suppress(RuntimeError):  # the loop was closed a moment ago
                    self._loop.call_soon_threadsafe(self._spread)

    def forget(self, kind: str) -> None:
        """Nothing of a kind that waits is sent any more, to anybody."""
        with self._lock:
            self._newest.pop(kind, None)
            if self._loop is not None:
                with suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._drop, kind)

    def _drop(self, kind: str) -> None:
        for page in self.pages:
            page.drop(kind)

    def _spread(self) -> None:
        with self._lock:
            newest, self._newest, self._told = self._newest, {}, False
        for kind, data in newest.items():
            for page in self.pages:
                page.put(kind, data)
