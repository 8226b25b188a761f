"""Inner loops compiled by Numba, kept for the next start where that is possible and safe.

Compiling takes 0.6 s of processor time for the built-in clip and 2.7 s for the preview of a character (measured once),
so what was compiled is kept. Numba keeps it as a pickle, which is code to whoever loads it: beside the source it is as
good as the source's own compiled files, which Python runs; elsewhere (the user's cache folder, `NUMBA_CACHE_DIR`) it is
only loaded from a folder of the user's own into which nobody else may write. On Windows that is not looked at. Where
nothing can be kept, loops are compiled at every start.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit


def loop(**options: Any) -> Callable[[Any], Any]:
    """`numba.njit`, kept between runs if that can be done.

    Args:
        options: Numba's, but `cache`.
    """

    def decorated(function: Any) -> Any:
        try:
            kept = njit(cache=True, **options)(function)
        except RuntimeError:  # neither the package nor the user's cache folder can be written
            return njit(**options)(function)
        stats = getattr(kept, "stats", None)  # none if NUMBA_DISABLE_JIT is set
        if stats is None or _trusted(Path(stats.cache_path), Path(function.__code__.co_filename)):
            return kept
        return njit(**options)(function)

    return decorated


def _trusted(folder: Path, source: Path) -> bool:
    """Whether what lies in the folder may be loaded."""
    if os.name != "posix" or folder == source.parent / "__pycache__":
        return True
    try:
        facts = folder.stat()
    except OSError:
        return False
    return facts.st_uid == os.geteuid() and not facts.st_mode & 0o022
