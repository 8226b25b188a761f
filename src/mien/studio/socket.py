"""The WebSocket: what a page says is checked and followed; what the server says comes from the hub.

Orders that open something have a pace: a page that floods the server is answered that it is too quick, and let go if it
goes on. Stop and Privacy are never refused so; whoever sends far more of them than a hand can is let go. With every
refusal a page is told how things stand, so that no switch shows what is not so. Between two messages of a page
everybody else has their turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.metadata import version

import anyio
from fastapi import APIRouter
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from mien.core.schema import load_schema
from mien.pipeline.config import load_config, preset_names
from mien.sinks.protocols.table import WIRES, parse_target
from mien.studio.browser_camera import LONGEST_PICTURE
from mien.studio.clock import now_ms
from mien.studio.hub import Page
from mien.studio.messages import (
    Calibrate,
    Choice,
    Hello,
    Names,
    Ping,
    Pong,
    Privacy,
    Problem,
    Start,
    Stop,
    from_page,
)
from mien.studio.studio import Studio

LONGEST_TEXT = 16 * 1024
MOST_PROBLEMS = 20
"""So many messages that cannot be followed, and the page is let go."""
MOST_ORDERS, ORDERS_PER_S = 10, 2.0
"""So many orders of a page are followed at once, and so many a second in the long run."""
MOST_SWITCHES, SWITCHES_PER_S = 100, 20.0
"""The same of Stop and Privacy, which cost next to nothing; beyond it the page is let go."""
_PROTOCOL_ERROR, _TOO_BIG, _TRY_LATER = 1008, 1009, 1013


def hello() -> Hello:
    """What a page has to know before the first frame."""
    points, units = load_schema("wflw98"), load_schema("facs")
    names = Names(
        shapes=list(load_schema("arkit52").names),
        units=list(units.names),
        unit_titles=dict(units.attributes["titles"]),
        points=list(points.names),
        point_groups={k: list(v) for k, v in points.groups.items()},
        expressions=list(load_schema("expression8").names),
    )
    presets = [Choice(name=n, what=str(load_config(n).get("description", ""))) for n in preset_names()]
    outputs = [Choice(name=parse_target(f"{p}://").name, what=w.what) for p, w in WIRES.items()]
    return Hello(
        version=version("mien"), names=names, presets=presets, outputs=outputs, longest_picture=LONGEST_PICTURE
    )


def socket_route(studio: Studio) -> APIRouter:
    """The route /ws."""
    router = APIRouter()

    @router.websocket("/ws")
    async def speak(socket: WebSocket) -> None:
        await socket.accept()
        page = Page(socket)
        page.put("hello", hello().model_dump_json())
        if not studio.hub.join(page):
            await socket.close(_TRY_LATER, "too many pages are open")
            return
        try:
            async with anyio.create_task_group() as both:

                async def first_to_end(work: Awaitable[None]) -> None:
                    await work
                    both.cancel_scope.cancel()

                both.start_soon(first_to_end, page.send_all())
                both.start_soon(first_to_end, _listen(studio, page, socket))
        finally:
            studio.hub.leave(page)
        with suppress(RuntimeError, OSError, WebSocketDisconnect):
            await socket.close()

    return router


class Pace:
    """A bucket of orders that fills steadily.

    Args:
        most: at once.
        per_s: in the long run.
        clock: seconds.
    """

    def __init__(self, most: int, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._per_s, self._clock = most, per_s, clock
        self._left, self._at = float(most), clock()

    def takes(self) -> bool:
        """Whether one more may be followed now."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class _Paces:
    """Those of one page."""

    def __init__(self) -> None:
        self.orders = Pace(MOST_ORDERS, ORDERS_PER_S)
        self.switches = Pace(MOST_SWITCHES, SWITCHES_PER_S)


class _FloodError(Exception):
    """The page is let go."""


async def _listen(studio: Studio, page: Page, socket: WebSocket) -> None:
    problems, paces = 0, _Paces()
    with suppress(WebSocketDisconnect):
        while True:
            await asyncio.sleep(0)  # messages that have arrived are received without waiting
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text, data = message.get("text"), message.get("bytes")
            if len(text or "") > LONGEST_TEXT or len(data or b"") > LONGEST_PICTURE:
                await socket.close(_TOO_BIG, "the message is too long")
                return
            try:
                what = _followed(studio, page, paces, text, data)
            except _FloodError:
                await socket.close(_PROTOCOL_ERROR, "too many messages")
                return
            if what is not None:
                problems += 1
                page.put("problem", Problem(what=what).model_dump_json())
                page.put("session", studio.session.session.model_dump_json())
                if problems > MOST_PROBLEMS:
                    await socket.close(_PROTOCOL_ERROR, "too many messages that cannot be followed")
                    return


def _followed(studio: Studio, page: Page, paces: _Paces, text: str | None, data: bytes | None) -> str | None:
    """Do what a message says; what is wrong with it, or None.

    Raises:
        _FloodError: far more than a hand can do.
    """
    if text is None:
        if data is None or len(data) < 16:
            return "a picture of a camera is a time and a JPEG"
        studio.session.picture(data)
        return None
    try:
        message = from_page.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'message'}: {first['msg']}"[:300]
    match message:
        case Ping():
            page.put("pong", Pong(t_ms=message.t_ms, server_ms=now_ms()).model_dump_json())
        case Stop() | Privacy():
            if not paces.switches.takes():
                raise _FloodError
            if isinstance(message, Privacy):
                studio.session.privacy(message.on)
            else:
                studio.session.stop()
        case Start() | Calibrate():
            if not paces.orders.takes():
                return f"{message.type}: too many orders, {ORDERS_PER_S:g} a second are followed"
            if isinstance(message, Start):
                studio.session.start(message)
            else:
                from mien.studio.calibrating import calibrate_in

                calibrate_in(studio.session, message)
    return None
