"""The other end of VTube Studio's API: connect, get a token once, authenticate, inject, and begin again after a loss.

The first time VTube Studio asks its user; the token it then gives is kept in a file only the user may read.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from mien.animate.signal import FaceSignal
from mien.sinks.protocols.packets import BadPacket, Encoder
from mien.sinks.protocols.vts import PLUGIN, Options, custom_parameters, request, response

RETRY_S = 2.0
DENIED_RETRY_S = 60.0
"""Whoever said no is not asked again at once."""
ANSWER_S = 2.0
ASK_S = 120.0
"""How long the user of VTube Studio may take to allow the plug-in."""
_NEEDS_AUTHENTICATION, _DENIED = 8, 50


class Refused(Exception):  # noqa: N818  never leaves this module
    """VTube Studio answered with an error."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(f"VTube Studio: {text} (error {number})")
        self.number = number


class VtsCarrier:
    """Sends frames to VTube Studio. Never raises: what is wrong is in `problem`, and it tries again every 2 s."""

    def __init__(self, encoder: Encoder, host: str, port: int, options: Options | None = None) -> None:
        self.problem: str | None = None
        self._options = options or Options()
        self._encoder = encoder
        self._address = f"ws://{f'[{host}]' if ':' in host else host}:{port}"
        self._file = Path(self._options.token_file) if self._options.token_file else _default_file()
        self._connection: ClientConnection | None = None
        self._retry_at = 0.0
        self._requests = 0
        self._closing = False

    def send(self, signal: FaceSignal) -> int:
        if self._closing or (self._connection is None and time.monotonic() < self._retry_at):
            return 0
        try:
            connection = self._connection or self._connected()
            for message in self._encoder.encode(signal):
                self._exchange(connection, message, ANSWER_S)
            self.problem = None
            return 1
        except (OSError, WebSocketException, BadPacket, Refused) as error:
            self.problem = f"{self._address}: {_in_words(error)}"
            denied = isinstance(error, Refused) and error.number == _DENIED
            self._lose(DENIED_RETRY_S if denied else RETRY_S)
            return 0

    def close(self) -> None:
        self._closing = True
        self._lose()

    def _lose(self, retry_s: float = RETRY_S) -> None:
        self._retry_at = time.monotonic() + retry_s
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError, WebSocketException):
                connection.close()

    def _connected(self) -> ClientConnection:
        # Entered, not only opened: websockets 17 wants it so. Leaving is closing.
        connection = connect(
            self._address, open_timeout=ANSWER_S, close_timeout=0.5, compression=None, proxy=None, max_size=1 << 20
        ).__enter__()
        self._connection = connection
        if not self._authenticated(connection, self._stored_token()):
            token = self._new_token(connection)
            if not self._authenticated(connection, token):
                raise BadPacket("VTube Studio does not take the token it gave")
        if self._options.arkit:
            for number, parameter in enumerate(custom_parameters()):
                self._exchange(connection, request("ParameterCreationRequest", parameter, f"mien-p{number}"), ANSWER_S)
        return connection

    def _authenticated(self, connection: ClientConnection, token: str | None) -> bool:
        if token is None:
            return False
        data = {**PLUGIN, "authenticationToken": token}
        answer = self._exchange(connection, request("AuthenticationRequest", data), ANSWER_S)
        return answer.get("authenticated") is True

    def _new_token(self, connection: ClientConnection) -> str:
        self.problem = "waiting for the plug-in to be allowed in VTube Studio"
        answer = self._exchange(connection, request("AuthenticationTokenRequest", PLUGIN), ASK_S)
        token = answer.get("authenticationToken")
        if not isinstance(token, str) or not 0 < len(token) <= 64:
            raise BadPacket("VTube Studio gave no token")
        with suppress(OSError):  # without the file the user is asked again next time
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"authenticationToken": token}, file)
        return token

    def _stored_token(self) -> str | None:
        try:
            token = json.loads(self._file.read_text(encoding="utf-8"))["authenticationToken"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return token if isinstance(token, str) else None

    def _exchange(self, connection: ClientConnection, message: bytes, seconds: float) -> dict[str, Any]:
        """Send a request and take its answer; events and late answers in between are left out.

        Raises:
            Refused: VTube Studio says no. OSError: no answer in time.
        """
        wanted = json.loads(message)["messageType"].removesuffix("Request") + "Response"
        connection.send(message.decode())
        until = time.monotonic() + seconds
        while True:
            text = connection.recv(timeout=max(0.0, until - time.monotonic()))
            kind, data = response(text if isinstance(text, bytes) else text.encode())
            if kind == "APIError":
                number = data.get("errorID")
                raise Refused(number if isinstance(number, int) else 0, str(data.get("message", ""))[:200])
            if kind == wanted:
                return data


def _default_file() -> Path:
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "mien" / "vtube-studio.json"


def _in_words(error: Exception) -> str:
    if isinstance(error, Refused) and error.number == _NEEDS_AUTHENTICATION:
        return "the plug-in is not allowed; allow it in VTube Studio"
    if isinstance(error, ConnectionRefusedError):
        return 'nobody listens there; switch on "Start API" in VTube Studio'
    return str(error) or type(error).__name__
