"""Which wires there are, and addresses like `vmc://127.0.0.1:39540?names=vrm0`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from mien.errors import RequestError
from mien.pipeline.compose import options_for
from mien.pipeline.registry import load, suggestion

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Wire:
    """One protocol.

    Attributes:
        module: where its `Options`, `PORT`, encoder and decoder are.
        encoder, decoder: names of the classes.
        what: what it is, for people.
        carrier: how the bytes travel when sending: UDP, a WebSocket server of ours, or VTube Studio's API.
    """

    module: str
    encoder: str
    decoder: str
    what: str
    carrier: Literal["udp", "websocket", "vts"] = "udp"


_ROOM = "mien.sinks.protocols"
WIRES: Mapping[str, Wire] = {
    "vmc": Wire(f"{_ROOM}.vmc", "VmcEncoder", "VmcDecoder", "VMC (OSC) for VSeeFace, Warudo, VMagicMirror, ..."),
    "livelink": Wire(f"{_ROOM}.livelink", "LiveLinkEncoder", "LiveLinkDecoder", "Live Link Face for Unreal Engine"),
    "ifacialmocap": Wire(
        f"{_ROOM}.ifacialmocap", "IfacialmocapEncoder", "IfacialmocapDecoder", "iFacialMocap and Facemotion3d"
    ),
    "osf": Wire(f"{_ROOM}.openseeface", "OpenSeeFaceEncoder", "OpenSeeFaceDecoder", "OpenSeeFace"),
    "vts": Wire(f"{_ROOM}.vts", "VtsEncoder", "VtsPhoneDecoder", "VTube Studio", carrier="vts"),
    "ws": Wire(f"{_ROOM}.json_face", "JsonEncoder", "JsonDecoder", "JSON over a WebSocket", carrier="websocket"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """An address, read.

    Attributes:
        protocol: key of `WIRES`.
        host, port: where to send, or where to listen.
        options: the protocol's, validated.
    """

    protocol: str
    host: str
    port: int
    options: Any

    @property
    def wire(self) -> Wire:
        """What is spoken there."""
        return WIRES[self.protocol]

    @property
    def name(self) -> str:
        """The address without options."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.protocol}://{host}:{self.port}"

    def encoder(self) -> Any:
        """A new encoder with the options."""
        return load(f"{self.wire.module}:{self.wire.encoder}")(self.options)

    def decoder(self) -> Any:
        """A new decoder with the options."""
        return load(f"{self.wire.module}:{self.wire.decoder}")(self.options)


def parse_target(address: str) -> Target:
    """Read PROTOCOL://[HOST][:PORT][?OPTION=VALUE&...]; host and port have defaults (loopback, the protocol's own).

    Raises:
        RequestError: unknown protocol, a port that is none, an unknown option or a wrong value.
    """
    scheme, separator, _ = address.partition("://")
    protocol = scheme.lower()
    if not separator or protocol not in WIRES:
        raise RequestError(f'"{address}": expected PROTOCOL://HOST:PORT{suggestion(protocol, WIRES)}')
    try:
        parts = urlsplit(address)
        port = parts.port
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise RequestError(f'"{address}" is no address: {error}') from None
    if parts.path not in ("", "/") or parts.fragment or parts.username is not None or port == 0:
        raise RequestError(f'"{address}": expected nothing but PROTOCOL://HOST:PORT?OPTION=VALUE')
    module = WIRES[protocol].module
    options = options_for(_Named(load(f"{module}:Options")), {k: _value(v) for k, v in pairs}, protocol)
    return Target(protocol, parts.hostname or LOOPBACK, port or load(f"{module}:PORT"), options)


class _Named:
    """What `options_for` wants: a part that has options."""

    def __init__(self, options: Any) -> None:
        self.Options = options


def _value(text: str) -> Any:
    """Numbers and truth values of an address; anything else is text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return int(text)
    except ValueError:
        return text
