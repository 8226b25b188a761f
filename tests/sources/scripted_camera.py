"""A camera driver that plays a script: what `cv2.VideoCapture` would do with real hardware."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np


class ScriptedCamera:
    """Gives RGB `frames` as BGR, then fails for ever (or blocks until `unplug`, if `hangs`)."""

    def __init__(
        self, frames: Sequence[np.ndarray], *, wait_s: float = 0.0, hangs: bool = False, opens: bool = True
    ) -> None:
        self._frames = list(frames)
        self._wait_s = wait_s
        self._hangs = hangs
        self._opens = opens
        self._next = 0
        self.unplug = threading.Event()
        self.released = 0
        self.asked: dict[int, float] = {}

    def isOpened(self) -> bool:  # noqa: N802  OpenCV's name
        return self._opens

    def read(self) -> tuple[bool, Any]:
        time.sleep(self._wait_s)
        if self._next < len(self._frames):
            self._next += 1
            return True, np.ascontiguousarray(self._frames[self._next - 1][..., ::-1])
        if self._hangs:
            self.unplug.wait(10)
        return False, None

    def get(self, key: int) -> float:
        h, w = self._frames[0].shape[:2] if self._frames else (0, 0)
        return {cv2.CAP_PROP_FRAME_WIDTH: w, cv2.CAP_PROP_FRAME_HEIGHT: h, cv2.CAP_PROP_FPS: 30.0}.get(key, 0.0)

    def set(self, key: int, value: float) -> bool:
        self.asked[key] = value
        return True

    def release(self) -> None:
        self.released += 1
