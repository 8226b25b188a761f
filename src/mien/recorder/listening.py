"""Where received packets come from: a UDP port, a phone that wants to be asked, or a WebSocket server."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from mien.errors import MienError, RequestError, SourceError
from mien.sinks.protocols.ifacialmocap import HELLO, HELLO_V2
from mien.sinks.protocols.ifacialmocap import PORT as PHONE_PORT
from mien.sinks.protocols.packets import LARGEST_PACKET
from mien.sinks.protocols.table import Target
from mien.sinks.protocols.vts import PHONE_PORT as VTS_PHONE_PORT
from mien.sinks.protocols.vts import phone_request

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_WAIT_S = 0.1
_ASK_AGAIN_S = 2.0
_LONGEST_READ = 1 << 20
"""Messages of a WebSocket up to this many bytes are read, and the decoder's limit drops them; longer ones are not."""
_BROKEN = {1002: b"", 1007: b"", 1009: bytes(LARGEST_PACKET + 1)}
"""Why this end hung up (RFC 6455: wrong frames, wrong text, too long) → what the decoder is given instead."""


class Packets(Protocol):
    """Where packets come from."""

    ended: bool
    """Whether the other end said that there will be no more."""

    def next(self) -> bytes | None:
        """The next one; None = none within a tenth of a second. Raises `SourceError` when there will be none."""

    def close(self) -> None:
        """Let go."""


def open_packets(target: Target) -> Packets:
    """Listen at, or connect to, an address.

    Raises:
        RequestError: the protocol needs a phone's address. SourceError: the address cannot be used.
    """
    if target.wire.carrier == "websocket":
        return _WebSocketPackets(target)
    phone = getattr(target.options, "phone", "")
    if target.protocol == "vts" and not phone:
        raise RequestError(
            f"{target.name}: VTube Studio on a PC sends nothing; name the phone that does: vts://0.0.0.0?phone=ADDRESS"
        )
    return _UdpPackets(target, phone)


class _UdpPackets:
    """Datagrams at an address. Where the protocol wants it, a phone is asked for them every two seconds."""

    ended = False

    def __init__(self, target: Target, phone: str) -> None:
        from mien.sinks.live.udp import port_of, udp_socket

        try:
            self._socket = udp_socket(target.host, target.port, listen=True)
        except MienError as error:
            raise SourceError(str(error)) from error
        self._socket.settimeout(_WAIT_S)
        self._ask: Callable[[], None] | None = None
        self._ask_at = 0.0
        if phone and target.protocol == "vts":
            self._ask = self._asking(phone_request(port_of(self._socket)), (phone, VTS_PHONE_PORT))
        elif phone:
            hello = HELLO + (HELLO_V2 if target.options.version == 2 else b"")
            self._ask = self._asking(hello, (phone, PHONE_PORT))

    def _asking(self, data: bytes, address: tuple[str, int]) -> Callable[[], None]:
        def ask() -> None:
            with suppress(OSError):
                self._socket.sendto(data, address)

        return ask

    def next(self) -> bytes | None:
        if self._ask is not None and time.monotonic() >= self._ask_at:
            self._ask()
            self._ask_at = time.monotonic() + _ASK_AGAIN_S
        try:
            return self._socket.recv(LARGEST_PACKET + 1)
        except TimeoutError:
            return None
        except ConnectionError:  # a phone's port that is closed; it may open again
            return None
        except OSError as error:
            raise SourceError(f"listening failed: {error.strerror or error}") from error

    def close(self) -> None:
        self._socket.close()


class _WebSocketPackets:
    """Messages of a WebSocket server, such as another Mien. One that breaks the rules costs that message: a long one is
    not read, and where nothing can follow it on the same connection, another is opened."""

    ended = False

    def __init__(self, target: Target) -> None:
        from websockets.exceptions import WebSocketException

        host = f"[{target.host}]" if ":" in target.host else target.host
        self._address = f"ws://{host}:{target.port}"
        try:
            self._connection = self._connected()
        except (OSError, WebSocketException) as error:
            raise SourceError(f"{target.name}: cannot connect: {error}; is the other end running?") from error

    def _connected(self) -> ClientConnection:
        from websockets.sync.client import connect

        # Entered, not only opened: websockets 17 wants it so. Leaving is closing.
        return connect(
            self._address, open_timeout=5, close_timeout=1, proxy=None, max_size=_LONGEST_READ, max_queue=4
        ).__enter__()

    def next(self) -> bytes | None:
        from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, WebSocketException

        try:
            # As bytes: what is no UTF-8 is the decoder's to count, not a reason to hang up.
            return self._connection.recv(timeout=_WAIT_S, decode=False)
        except TimeoutError:
            return None
        except ConnectionClosedOK:
            self.ended = True
            return None
        except ConnectionClosed as error:
            stands_for = _BROKEN.get(error.sent.code) if error.sent is not None else None
            if stands_for is None:
                raise SourceError(f"the other end closed the connection: {error}") from error
        try:
            self._connection.close()
            self._connection = self._connected()
        except (OSError, WebSocketException) as error:
            raise SourceError(f"connecting again behind a broken message failed: {error}") from error
        return stands_for

    def close(self) -> None:
        self._connection.close()
