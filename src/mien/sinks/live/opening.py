"""From addresses to open receivers."""

from __future__ import annotations

from collections.abc import Sequence

from mien.sinks.live.outlet import Carrier, Outlet, Outlets
from mien.sinks.protocols.table import Target


def open_outlets(targets: Sequence[Target]) -> Outlets:
    """Open every receiver; if one cannot be opened, those before it are closed again.

    Raises:
        SinkError: an address cannot be used.
    """
    opened: list[Outlet] = []
    try:
        for target in targets:
            opened.append(Outlet(target.name, _carrier(target)))
    except BaseException:
        Outlets(opened).close()
        raise
    return Outlets(opened)


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
