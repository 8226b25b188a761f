"""Reading from something that may block for ever: a thread reads, the iterating thread waits and can be freed.

libav and camera drivers cannot be interrupted from another thread without risk of a crash. So only the
reading thread touches them; `close` frees the waiting thread at once, and the reading thread lets go of the
device as soon as its read returns.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Arrivals(Generic[T]):
    """Runs `produce` in a thread and hands its items on, in order. Start with `iter`.

    Args:
        produce: makes the items; its generator is closed in its own thread.
        backlog: items that may wait.
        newest_wins: True = a full backlog loses its oldest item (`dropped` counts), False = the thread waits.
    """

    def __init__(self, produce: Callable[[], Iterator[T]], *, backlog: int, newest_wins: bool) -> None:
        self._produce = produce
        self._backlog = backlog
        self._newest_wins = newest_wins
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._done = False
        self.closing = threading.Event()
        self.dropped = 0
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[T]:
        with self._changed:
            if self._thread is None and not self.closing.is_set():
                self._thread = threading.Thread(target=self._run, name="mien-arrivals", daemon=True)
                self._thread.start()
        while True:
            with self._changed:
                while not self._items and not self._done and not self.closing.is_set():
                    self._changed.wait()
                if self.closing.is_set():
                    return
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error

    def close(self, wait_s: float = 1.0) -> bool:
        """End iteration now; True if nothing is being read any more (the thread never ran, or ended in time)."""
        self.closing.set()
        with self._changed:
            self._changed.notify_all()
        thread = self._thread
        if thread is None:
            return True
        if thread is not threading.current_thread():
            thread.join(wait_s)
        return not thread.is_alive()

    @property
    def started(self) -> bool:
        """Whether the thread was ever started; if so, the thread frees what it reads from."""
        return self._thread is not None

    def _run(self) -> None:
        items = self._produce()
        try:
            for item in items:
                if not self._offer(item):
                    break
        except BaseException as error:  # noqa: BLE001  handed to the iterating thread
            self._error = error
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._done = True
                self._changed.notify_all()

    def _offer(self, item: T) -> bool:
        with self._changed:
            if self._newest_wins and len(self._items) >= self._backlog:
                self._items.popleft()
                self.dropped += 1
            while len(self._items) >= self._backlog and not self.closing.is_set():
                self._changed.wait()
            self._items.append(item)
            self._changed.notify_all()
        return not self.closing.is_set()
