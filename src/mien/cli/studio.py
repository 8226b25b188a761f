"""`mien studio`, and what `mien live --studio` does: parse, serve, say where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.cli.saying import say

PORT = 8300
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of the studio; 0 = any that is free.")]
Host = Annotated[
    str,
    typer.Option("--host", help="Address to listen at; another than this machine's own asks for a token."),
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Open no browser.")]


def studio(
    take: Annotated[
        Path | None, typer.Argument(metavar="[TAKE]", help="A take or its folder to open, or a folder of takes.")
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    no_browser: NoBrowser = False,
) -> None:
    """Open the studio in the browser: live view, characters, calibration, take editor. Ctrl-C ends it."""
    folder, first = _places(take)
    open_studio(folder, first, host, port, None, browser=not no_browser)


def open_studio(
    folder: Path,
    take: Path | None,
    host: str,
    port: int,
    start: tuple[str, str, tuple[str, ...], bool] | None,
    *,
    browser: bool,
) -> None:
    """Serve until Ctrl-C."""
    from mien.studio.serve import ServeRequest, serve

    def opened(address: str) -> None:
        say(f"The studio is at {address} ; Ctrl-C ends it")
        if browser:
            import webbrowser

            webbrowser.open(address)

    serve(ServeRequest(folder, take, host, port, start), opened)


def _places(take: Path | None) -> tuple[Path, Path | None]:
    """The folder to work in, and the take to open first."""
    from mien.errors import RequestError
    from mien.take.reader import PARTS_FOLDER, TAKE_FILE

    if take is None:
        out = Path("out")
        return (out if out.is_dir() else Path()), None
    if not take.exists():
        raise RequestError(f"{take}: there is no such take or folder")
    if take.is_dir() and not (take / TAKE_FILE).exists() and not (take / PARTS_FOLDER).is_dir():
        return take, None
    first = take if take.is_dir() else take.parent
    return first.parent if first.resolve() != first.parent.resolve() else first, first
