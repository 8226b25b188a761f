"""The part of VTube Studio that plug-ins talk to, on loopback: it proves what `vts_client` sends.

It answers as VTube Studio's documentation says, refuses what that refuses, and keeps what it was told. An event stands
before every answer, since plug-ins must leave events out.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from mien.animate.signal import FaceSignal
from mien.sinks.protocols.json_face import parsed_object
from mien.sinks.protocols.packets import BadPacket
from mien.sinks.protocols.table import LOOPBACK
from mien.sinks.protocols.vts import API, TAKEN, Options, VtsDecoder

_BAD_JSON, _NAME, _VERSION, _UNKNOWN_TYPE, _NOT_AUTHENTICATED = 2, 3, 4, 7, 8
_DENIED, _PLUGIN_NAME, _BAD_PARAMETER, _DEFAULT_PARAMETER, _BAD_VALUE, _NO_PARAMETER = 50, 52, 350, 354, 451, 453
_DEFAULT = frozenset(
    (
        *TAKEN,
        "FacePositionX",
        "FacePositionY",
        "FacePositionZ",
        "FaceAngleX",
        "FaceAngleY",
        "FaceAngleZ",
        "MouthSmile",
        "MouthOpen",
        "Brows",
        "MousePositionX",
        "MousePositionY",
        "EyeOpenLeft",
        "EyeOpenRight",
        "EyeLeftX",
        "EyeLeftY",
        "EyeRightX",
        "EyeRightY",
        "FaceAngry",
        "BrowLeftY",
        "BrowRightY",
        "MouthX",
        "VoiceFrequency",
        "VoiceVolume",
        "VoiceVolumePlusMouthOpen",
        "VoiceFrequencyPlusMouthSmile",
    )
)
_LARGEST_VALUE = 1e6


class _Refusal(Exception):  # noqa: N818  an answer, no failure
    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


class VtsLoopback:
    """Listens at once; a context manager that closes.

    Args:
        allow: what its user says when a plug-in asks for a token.
        port: 0 = any that is free.
        token: the one it gives.

    Attributes:
        port: where it listens.
        asked: types of all requests, in order.
        created: names of the parameters that were made.
        injected: the requests that set parameters, as they came.
    """

    def __init__(self, *, allow: bool = True, port: int = 0, token: str = "t0ken") -> None:
        self.asked: list[str] = []
        self.created: list[str] = []
        self.injected: list[bytes] = []
        self._allow, self._token = allow, token
        self._server = serve(self._client, LOOPBACK, port, compression=None)
        self.port = int(self._server.socket.getsockname()[1])
        self._connections: list[ServerConnection] = []
        threading.Thread(target=self._server.serve_forever, name="mien-vts-loopback", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def signals(self, options: Options | None = None) -> list[FaceSignal]:
        """What was injected, read back; their time is their number."""
        decoder = VtsDecoder(options)
        return [signal for i, data in enumerate(list(self.injected)) for signal in decoder.decode(data, i)]

    def close(self) -> None:
        """End all connections without a word, as a program that is killed does."""
        self._server.shutdown()
        for connection in self._connections:
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)

    def _client(self, connection: ServerConnection) -> None:
        self._connections.append(connection)
        session = {"authenticated": False}
        with suppress(ConnectionClosed, OSError):
            for text in connection:
                data = text if isinstance(text, bytes) else text.encode()
                try:
                    kind, answer = self._answer(data, session)
                except _Refusal as refusal:
                    kind, answer = "APIError", {"errorID": refusal.number, "message": str(refusal)}
                envelope = {**API, "timestamp": 1, "requestID": "loopback", "messageType": kind, "data": answer}
                connection.send(json.dumps({**envelope, "messageType": "TestEvent"}))
                connection.send(json.dumps(envelope))

    def _answer(self, text: bytes, session: dict[str, bool]) -> tuple[str, dict[str, Any]]:
        try:
            table = parsed_object(text)
        except BadPacket as error:
            raise _Refusal(_BAD_JSON, str(error)) from None
        for key, number in (("apiName", _NAME), ("apiVersion", _VERSION)):
            if table.get(key) != API[key]:
                raise _Refusal(number, f"wrong {key}")
        kind, data = str(table.get("messageType")), table.get("data", {})
        self.asked.append(kind)
        if kind == "AuthenticationTokenRequest":
            return "AuthenticationTokenResponse", {"authenticationToken": self._new_token(data)}
        if kind == "AuthenticationRequest":
            session["authenticated"] = data.get("authenticationToken") == self._token
            return "AuthenticationResponse", {"authenticated": session["authenticated"], "reason": ""}
        if not session["authenticated"]:
            raise _Refusal(_NOT_AUTHENTICATED, "needs authentication")
        if kind == "ParameterCreationRequest":
            self._create(data)
        elif kind == "InjectParameterDataRequest":
            self._inject(data, text)
        else:
            raise _Refusal(_UNKNOWN_TYPE, f"unknown {kind}")
        return kind.removesuffix("Request") + "Response", {}

    def _new_token(self, data: dict[str, Any]) -> str:
        if not all(3 <= len(str(data.get(key, ""))) <= 32 for key in ("pluginName", "pluginDeveloper")):
            raise _Refusal(_PLUGIN_NAME, "names of the plug-in have 3 to 32 characters")
        if not self._allow:
            raise _Refusal(_DENIED, "denied")
        return self._token

    def _create(self, data: dict[str, Any]) -> None:
        name = str(data.get("parameterName", ""))
        if not 4 <= len(name) <= 32 or not name.isalnum():
            raise _Refusal(_BAD_PARAMETER, f"{name}: 4 to 32 letters and digits")
        if name in _DEFAULT:
            raise _Refusal(_DEFAULT_PARAMETER, f"{name} is a default parameter")
        self.created.append(name)

    def _inject(self, data: dict[str, Any], text: bytes) -> None:
        for entry in data.get("parameterValues", []):
            if entry["id"] not in _DEFAULT and entry["id"] not in self.created:
                raise _Refusal(_NO_PARAMETER, f"there is no {entry['id']}")
            if not abs(entry["value"]) <= _LARGEST_VALUE:
                raise _Refusal(_BAD_VALUE, f"{entry['id']}: {entry['value']}")
        self.injected.append(text)
