"""A WebSocket server that gives every frame to all its clients; each has a thread of its own and gets the newest.

It listens on the address it is given, loopback unless told otherwise. Web pages of other origins than this machine are
refused: any page in a browser could otherwise read the face.
"""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from mien.animate.signal import FaceSignal
from mien.errors import SinkError
from mien.sinks.live.outlet import Bell
from mien.sinks.protocols.packets import Encoder

_LOCAL = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
_IDLE_S, _GOODBYE_S = 1.0, 0.5


class WebSocketCarrier:
    """Serves frames at ws://host:port/.

    Raises:
        SinkError: the address cannot be listened at.
    """

    def __init__(self, encoder: Encoder, host: str, port: int) -> None:
        self.problem: str | None = "nobody is connected"
        self._encoder = encoder
        self._changed = threading.Condition()
        self._bells: dict[Any, Bell] = {}
        self._frame = 0
        self._texts: list[str] = []
        self._closing = False
        try:
            self._server = serve(
                self._client, host, port, compression=None, origins=[None, _LOCAL], max_size=4096, close_timeout=1
            )
        except OSError as error:
            raise SinkError(f"ws://{host}:{port}: {error.strerror or error}; choose another port") from error
        threading.Thread(target=self._server.serve_forever, name="mien-websocket", daemon=True).start()

    @property
    def port(self) -> int:
        """The port that is listened at."""
        return int(self._server.socket.getsockname()[1])

    def send(self, signal: FaceSignal) -> int:
        if not self._bells:
            self.problem = "nobody is connected"
            return 0
        self.problem = None
        texts = [data.decode() for data in self._encoder.encode(signal)]
        with self._changed:
            self._frame += 1
            self._texts = texts
            bells = list(self._bells.values())
        for bell in bells:
            bell.ring()
        return len(bells)

    def _client(self, connection: ServerConnection) -> None:
        news = Bell()
        with self._changed:
            self._bells[connection] = news
            seen = self._frame
        try:
            while not self._closing:
                news.wait(_IDLE_S)
                with self._changed:
                    if self._frame == seen:
                        continue
                    seen, texts = self._frame, self._texts
                for text in texts:
                    connection.send(text)
        except (ConnectionClosed, OSError):
            pass
        finally:
            with self._changed:
                del self._bells[connection]
                self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            for bell in self._bells.values():
                bell.ring()
            # Who reads is told that this is the end; a client that does not read keeps its thread in send().
            self._changed.wait_for(lambda: not self._bells, _GOODBYE_S)
            deaf = list(self._bells)
        for client in deaf:
            with suppress(OSError):
                client.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
