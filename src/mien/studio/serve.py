"""Runs the server until Ctrl-C."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from mien.errors import MissingExtraError, SinkError

MOST_MESSAGE_BYTES = 1024 * 1024 + 64
PORT = 8300


@dataclass(frozen=True, slots=True)
class ServeRequest:
    """What to serve where.

    Attributes:
        folder: see `mien.studio.studio.Studio`.
        take: take to open first.
        host, port: where to listen; port 0 = any.
        start: begin a live run with this source, preset and these receivers: (source, preset, to, smooth).
    """

    folder: Path
    take: Path | None = None
    host: str = "127.0.0.1"
    port: int = PORT
    start: tuple[str, str, tuple[str, ...], bool] | None = None


def room_of(request: ServeRequest) -> str:
    """The part of the address behind "#" that opens the take in the editor; "" = no take, the live view."""
    if request.take is None:
        return ""
    take, folder = request.take.resolve(), request.folder.resolve()
    name = take.relative_to(folder).as_posix() if take.is_relative_to(folder) else ""
    return f"#/takes/{quote(name, safe='')}" if name else ""


def serve(request: ServeRequest, opened: Callable[[str], None]) -> None:
    """Serve until Ctrl-C.

    Args:
        request: see there.
        opened: is told the address to open.

    Raises:
        MissingExtraError: FastAPI or Uvicorn is not installed.
        RequestError: the pages are not built.
        SinkError: the address cannot be listened at.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "fastapi", "studio", "The studio") from error
    from mien.studio.app import create_app
    from mien.studio.guard import Rules
    from mien.studio.messages import Start
    from mien.studio.page import page_folder
    from mien.studio.studio import Studio

    pages = page_folder()
    listening = _bound(request.host, request.port)
    rules = Rules.for_host(request.host)
    studio = Studio(request.folder, request.take)
    if request.start is not None:
        source, preset, to, smooth = request.start
        studio.session.start(Start(source=source, preset=preset, to=list(to), smooth=smooth))
    host = f"[{request.host}]" if ":" in request.host else request.host
    token = f"?token={rules.token}" if rules.token else ""
    opened(f"http://{host}:{listening.getsockname()[1]}/{token}{room_of(request)}")
    config = uvicorn.Config(
        create_app(studio, rules, pages),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=MOST_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        limit_concurrency=256,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((host, port))
    except OSError as error:
        one.close()
        raise SinkError(
            f"{host}:{port} cannot be listened at: {error.strerror or error}; choose another --port"
        ) from None
    return one
