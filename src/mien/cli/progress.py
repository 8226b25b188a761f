"""The progress line of a capture: frames, fps, time left; on standard error."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mien.core.record import FrameRecord
from mien.core.text import counted
from mien.pipeline.stage import SourceInfo


class _Console(Console):
    """Falls silent when nobody reads any more; Rich's own would end the process."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class CaptureProgress:
    """Draws the progress of `mien.recorder.capture_to_folder`; silent where standard error is no terminal,
    but for one line at the start and one every ten seconds.

    Attributes:
        told: warnings that were said already.
    """

    def __init__(self) -> None:
        self._console = _Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),  # a file name may hold brackets
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.fields[total_text]}  {task.fields[fps]}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._began = self._told = time.monotonic()
        self._frames = 0
        self._total: int | None = None
        self._done_before = 0
        self.told: set[str] = set()

    def __enter__(self) -> CaptureProgress:
        with suppress(Exception):  # a terminal that is gone ends no capture
            self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(Exception):
            self._progress.stop()

    def started(self, info: SourceInfo, done: int) -> None:
        """The source is open."""
        self._began = self._told = time.monotonic()
        self._total = info.frame_count
        self._frames = done
        self._done_before = done
        self._task = self._progress.add_task(
            info.name, total=info.frame_count, completed=done, total_text=info.frame_count or "?", fps=""
        )
        if not self._console.is_terminal:
            size = "{}×{}".format(*info.size_wh) if info.size_wh else "unknown size"
            again = f", resuming after {counted(done, 'frame')}" if done else ""
            frames = counted(info.frame_count, "frame") if info.frame_count else "? frames"
            self._console.print(f"Capturing {info.name} ({info.kind}, {size}, {frames}{again})", markup=False)

    def noted(self, lines: Sequence[str]) -> None:
        """What to know about the capture before it runs."""
        for line in lines:
            self._console.print(f"warning: {line}", markup=False, soft_wrap=True)
        self.told.update(lines)

    def frame(self, record: FrameRecord) -> None:
        """A record is finished."""
        self._frames += 1
        now = time.monotonic()
        fps = (self._frames - self._done_before) / max(now - self._began, 1e-6)
        if self._task is not None:
            self._progress.update(self._task, advance=1, fps=f"{fps:.0f} fps")
        if not self._console.is_terminal and now - self._told > 10:
            self._told = now
            left = f", {max(0, self._total - self._frames) / fps:.0f} s left" if self._total else ""
            self._console.print(f"  {self._frames}/{self._total or '?'} frames, {fps:.0f} fps{left}")

    def exporting(self, name: str) -> None:
        """An output is being made from the finished take."""
        if self._task is not None:
            self._progress.update(self._task, description=f"writing {name}")
        if not self._console.is_terminal:
            self._console.print(f"  writing {name}")
