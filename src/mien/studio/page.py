"""Where the built pages are. They are made from `viewer/` by `make viewer`, and are part of no commit."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from mien.errors import RequestError


def page_folder() -> Path:
    """Folder with index.html.

    Raises:
        RequestError: the pages were not built.
    """
    folder = Path(str(files("mien.studio"))) / "page"
    if not (folder / "index.html").is_file():
        raise RequestError(
            "the studio's pages are not built: run `make viewer` in Mien's folder (it needs Node.js 20.19 or newer)"
        )
    return folder
