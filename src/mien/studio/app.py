"""The web application: REST under /api, one WebSocket at /ws, the built pages under everything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from mien.errors import MienError, RequestError
from mien.studio.guard import Guard, Rules
from mien.studio.socket import socket_route
from mien.studio.studio import Studio


def create_app(studio: Studio, rules: Rules, pages: Path | None) -> FastAPI:
    """The application.

    Args:
        studio: what it serves.
        rules: who may speak to it.
        pages: folder of the built pages; None = only REST and WebSocket.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        studio.hub.serve_in(asyncio.get_running_loop())
        try:
            yield
        finally:
            studio.hub.serve_in(None)
            await asyncio.to_thread(studio.close)

    app = FastAPI(
        title="Mien studio", version=version("mien"), lifespan=lifespan, docs_url=None, redoc_url=None,
        openapi_url="/api/openapi.json",
    )  # fmt: skip
    app.add_middleware(Guard, rules=rules)

    @app.exception_handler(MienError)
    def explained(_: Request, error: MienError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 400 if isinstance(error, RequestError) else 500)

    app.include_router(socket_route(studio))
    for router in studio.routers():
        app.include_router(router, prefix="/api")
    if pages is not None:
        app.mount("/", StaticFiles(directory=pages, html=True))
    return app
