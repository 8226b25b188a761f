"""Datagrams: sent without waiting and without knowing whether anybody listens."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

from mien.animate.signal import FaceSignal
from mien.errors import SinkError
from mien.sinks.protocols.ifacialmocap import HELLO, PORT
from mien.sinks.protocols.packets import Encoder

_FORGET_S = 600.0
_MOST_PEERS = 16
_MOST_HEARD = 64
"""Datagrams looked at per frame: a flood of them must not hold up what is sent."""


def udp_socket(host: str, port: int, *, listen: bool) -> socket.socket:
    """A UDP socket connected to, or bound to, an address.

    Raises:
        SinkError: the name is not known, or the port is taken.
    """
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE if listen else 0
        )[0]
        one = socket.socket(family, kind, number)
    except (OSError, UnicodeError) as error:
        raise SinkError(f"{host}:{port}: {getattr(error, 'strerror', None) or error}; check the address") from error
    try:
        if listen:
            one.bind(address)
        else:
            one.connect(address)
    except OSError as error:
        one.close()
        hint = "another program listens there" if listen else "check the address"
        raise SinkError(f"{host}:{port}: {error.strerror or error}; {hint}") from error
    return one


class UdpCarrier:
    """Sends to one address. A full socket loses the frame; a port where nobody listens is remembered as a problem.

    Raises:
        SinkError: the address cannot be used.
    """

    def __init__(self, encoder: Encoder, host: str, port: int) -> None:
        self.problem: str | None = None
        self._encoder = encoder
        self._socket = udp_socket(host, port, listen=False)
        self._socket.setblocking(False)

    def send(self, signal: FaceSignal) -> int:
        refused = False
        try:
            for packet in self._encoder.encode(signal):
                refused = not self._heard(packet) or refused
        except BlockingIOError:
            self.problem = "the socket is full: frames are lost"
            return 0
        except OSError as error:
            self.problem = str(error.strerror or error)
            return 0
        self.problem = "nobody listens there" if refused else None
        return 0 if refused else 1

    def _heard(self, packet: bytes) -> bool:
        """Send one packet. A refusal is told by the send after the one that was refused, which is not sent then: so it
        is sent once more, and only the first packet to a dead port seems well."""
        try:
            self._socket.send(packet)
        except ConnectionRefusedError:
            with suppress(ConnectionRefusedError):
                self._socket.send(packet)
            return False
        return True

    def close(self) -> None:
        self._socket.close()


class AnsweringCarrier:
    """Acts as the phone of iFacialMocap: listens for a hello and sends to whoever said it, at the protocol's port.

    Raises:
        SinkError: the address cannot be listened at.
    """

    def __init__(self, encoder: Encoder, host: str, port: int, reply_port: int = PORT) -> None:
        self.problem: str | None = "nobody has said hello yet"
        self._encoder = encoder
        self._reply_port = reply_port
        self._peers: dict[str, float] = {}
        self._socket = udp_socket(host, port, listen=True)
        self._socket.setblocking(False)

    def send(self, signal: FaceSignal) -> int:
        self._hear()
        now = time.monotonic()
        self._peers = {peer: at for peer, at in self._peers.items() if now - at < _FORGET_S}
        packets = self._encoder.encode(signal) if self._peers else []
        reached = 0
        for peer in self._peers:
            try:
                for packet in packets:
                    self._socket.sendto(packet, (peer, self._reply_port))
                reached += 1
            except OSError as error:
                self.problem = str(error.strerror or error)
        return reached

    def _hear(self) -> None:
        for _ in range(_MOST_HEARD):
            try:
                data, address = self._socket.recvfrom(256)
            except OSError:  # nothing there, or a peer's port was closed
                return
            if data.startswith(HELLO) and (address[0] in self._peers or len(self._peers) < _MOST_PEERS):
                self._peers[address[0]] = time.monotonic()
                self.problem = None

    def close(self) -> None:
        self._socket.close()


def port_of(one: socket.socket) -> int:
    """The port a socket is bound to."""
    name: Any = one.getsockname()
    return int(name[1])
