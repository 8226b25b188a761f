"""From addresses to open receivers."""

from __future__ import annotations

from collections.abc import Sequence

from mien.sinks.live.outlet import Carrier, Outlet, Outlets, Sender
from mien.sinks.protocols.table import Target


def open_outlets(targets: Sequence[Target]) -> Outlets:
    """Open every receiver; if one cannot be opened, those before it are closed again.

    Raises:
        SinkError: an address cannot be used.
    """
    waiting: list[Outlet] = []
    ready: list[Outlet] = []
    try:
        for target in targets:
            chosen = waiting if target.wire.carrier == "vts" else ready
            chosen.append(Outlet(target.name, _carrier(target)))
    except BaseException:
        for outlet in (*waiting, *ready):
            outlet.close()
        raise
    # Datagrams never wait, and a WebSocket's clients have threads of their own, so that one thread serves all of these.
    return Outlets([Sender([one]) for one in waiting] + ([Sender(ready)] if ready else []))


def _carrier(target: Target) -> Carrier:
    encoder = target.encoder()
    if target.wire.carrier == "websocket":
        from mien.sinks.live.websocket import WebSocketCarrier

        return WebSocketCarrier(encoder, target.host, target.port)
    if target.wire.carrier == "vts":
        from mien.sinks.live.vts_client import VtsCarrier

        return VtsCarrier(encoder, target.host, target.port, target.options)
    from mien.sinks.live.udp import AnsweringCarrier, UdpCarrier

    if target.protocol == "ifacialmocap" and target.options.answer:
        return AnsweringCarrier(encoder, target.host, target.port)
    return UdpCarrier(encoder, target.host, target.port)
