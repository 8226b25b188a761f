"""A browser's camera as a source: JPEG pictures that arrive over a WebSocket, the newest wins.

What arrives is a stranger's data: its size is checked before it is decoded, and what is no JPEG is left out.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

from mien.core.record import FrameRecord, Stamp
from mien.core.text import counted
from mien.core.timebase import NS_PER_S
from mien.errors import SourceError
from mien.pipeline.stage import SourceInfo
from mien.studio.clock import monotonic_ns
from mien.studio.wire import CAMERA_HEAD

LONGEST_PICTURE = 1024 * 1024
MOST_PIXELS = 1920 * 1080
LEAST_SIDE = 32
SILENCE_S = 20.0
"""After so long without a picture the source ends."""
_OLDEST_NS = NS_PER_S


class BrowserCamera:
    """Give it messages with `offer` (any thread); iterate over it elsewhere."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next: bytes | None = None
        self._closed = False
        self._bad = 0
        self.warnings: list[str] = []

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("browser camera", "camera", live=True, clock="monotonic")

    def offer(self, message: bytes) -> None:
        """A binary message of a page, see `wire.py`; replaces one that is not read yet."""
        with self._changed:
            self._next = message
            self._changed.notify()

    def __iter__(self) -> Iterator[FrameRecord]:
        index, last_ns = 0, 0
        while (message := self._wait()) is not None:
            image = decoded(message)
            if image is None:
                self._bad += 1
                continue
            last_ns = max(last_ns + 1, _stamp_ns(message))
            yield FrameRecord(
                Stamp("browser camera", index, last_ns, "monotonic"), (image.shape[1], image.shape[0]), image
            )
            index += 1
        if self._bad:
            self.warnings.append(f"{counted(self._bad, 'picture')} of the browser's camera could not be read")

    def _wait(self) -> bytes | None:
        """The next message; None = closed.

        Raises:
            SourceError: nothing came for a long time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._next is not None or self._closed, SILENCE_S)
            message, self._next = self._next, None
            if message is None and not self._closed:
                raise SourceError(
                    f"no picture of the browser's camera for {SILENCE_S:.0f} s: allow the camera in the page"
                )
            return None if self._closed else message

    def close(self) -> None:
        """End the iteration now."""
        with self._changed:
            self._closed = True
            self._changed.notify()


def decoded(message: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None:
    """(H, W, 3) uint8 RGB of a message's picture; None = it is none, or too large."""
    picture = message[CAMERA_HEAD.size :]
    try:
        with Image.open(io.BytesIO(picture), formats=["JPEG"]) as head:
            w, h = head.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if min(w, h) < LEAST_SIDE or w * h > MOST_PIXELS:
        return None
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _stamp_ns(message: bytes) -> int:
    """When the picture was taken: as the page says if that is believable, else now."""
    now_ns = time.monotonic_ns()
    (said_ms,) = CAMERA_HEAD.unpack_from(message)
    if not 0 < said_ms < 1e15:
        return now_ns
    said_ns = monotonic_ns(said_ms)
    return said_ns if now_ns - _OLDEST_NS < said_ns <= now_ns else now_ns
