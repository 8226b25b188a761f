"""The other end of `stream`: one process that renders what it is asked for."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import cv2

from mien.lab.render.random_scene import Wishes
from mien.lab.render.sample import RenderedSample, render_sample
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Rig


class Renderer:
    """Renders seeds with one of several rigs, which are loaded when they are first needed."""

    def __init__(self, rigs: Sequence[tuple[str, Path | None]], wishes: Wishes) -> None:
        self._rigs, self._wishes = rigs, wishes
        self._loaded: dict[int, Rig] = {}

    def __call__(self, seed: int, rig: int) -> RenderedSample:
        """The sample of a seed with rig number `rig`."""
        if rig not in self._loaded:
            self._loaded[rig] = load_rig(*self._rigs[rig])
        return render_sample(self._loaded[rig], seed, self._wishes.size_px, self._wishes)


def serve(pipe: Connection, rigs: Sequence[tuple[str, Path | None]], wishes: Wishes) -> None:
    """Answer (seed, rig number) with (seed, sample, None) or (seed, None, (kind, message)) until the pipe closes.

    A thread of its own sends, so that rendering goes on while the other side is busy; how far is up to what the
    other side asks for ahead.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side decides when to end
    cv2.setNumThreads(1)
    finished: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_send, args=(pipe, finished), daemon=True).start()
    render = Renderer(rigs, wishes)
    while True:
        try:
            seed, rig = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer: tuple[int, RenderedSample | None, tuple[str, str] | None] = (seed, render(seed, rig), None)
        except Exception as error:  # noqa: BLE001  whatever it is, the other side must know
            answer = (seed, None, (type(error).__name__, str(error)))
        finished.put(answer)


def _send(pipe: Connection, finished: SimpleQueue[Any]) -> None:
    while True:
        try:
            pipe.send(finished.get())
        except (BrokenPipeError, OSError):
            return
