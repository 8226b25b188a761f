"""Progress of long laboratory work: done of total, rate, time left; on standard error."""

from __future__ import annotations

import time
from contextlib import suppress

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mien.cli.saying import say


class StepProgress:
    """A bar on a terminal; elsewhere one line at the start, one every few seconds. Never decides the work: a standard
    error that cannot be written is ignored.

    Args:
        what: is being done.
        unit: what is counted.
        every_s: of the lines.
    """

    def __init__(self, what: str, unit: str, every_s: float = 10.0) -> None:
        self._what, self._unit, self._every_s = what, unit, every_s
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._began = self._told = time.monotonic()
        self._before = self._done = self._total = 0

    def __enter__(self) -> StepProgress:
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def opening(self, what: str) -> None:
        """Said at once: what is done before the first step."""
        self._say(f"{self._what}: {what} ...", always=True)

    def reached(self, done: int, total: int) -> None:
        """So many are finished; the first call says of how many."""
        if self._task is None:
            self.started(0, total)
        self.advance(done - self._done)

    def started(self, done: int, total: int) -> None:
        """Work begins; `done` are there already."""
        self._began = self._told = time.monotonic()
        self._before = self._done = done
        self._total = total
        self._task = self._bar.add_task(self._what, total=total, completed=done, rate="")
        again = f", {done} are there" if done else ""
        self._say(f"{self._what}: {total} {self._unit}{again}")

    def advance(self, steps: int) -> None:
        """So many more are finished."""
        self._done += steps
        now = time.monotonic()
        rate = (self._done - self._before) / max(now - self._began, 1e-6)
        if self._task is not None:
            self._bar.update(self._task, advance=steps, rate=f"{rate:.1f}/s")
        if now - self._told > self._every_s:
            self._told = now
            left = (self._total - self._done) / max(rate, 1e-6)
            self._say(f"  {self._done}/{self._total} {self._unit}, {rate:.1f}/s, {left:.0f} s left")

    def _say(self, text: str, *, always: bool = False) -> None:
        if not self._console.is_terminal:
            say(text)
        elif always:
            with suppress(OSError):
                self._console.print(text, markup=False)
