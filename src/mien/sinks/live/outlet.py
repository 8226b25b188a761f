"""Receivers, and the threads that serve them: each has a place for one frame. Whoever offers a frame never waits.

A newer frame replaces one that is still waiting, so a slow receiver gets fewer frames and not later ones.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

import numpy as np

from mien.animate.signal import FaceSignal

WINDOW = 4096
"""Latencies are kept of so many last frames."""
_CLOSE_S = 2.0


class Carrier(Protocol):
    """How bytes get to a receiver; called from its sender's thread only, but for `close`."""

    problem: str | None
    """What is wrong at the moment, in words; None = nothing known."""

    def send(self, signal: FaceSignal) -> int:
        """Send one frame; may take its time. Returns how many receivers it was handed to: 0 = there is none now."""

    def close(self) -> None:
        """Let go, and end a `send` that is waiting."""


class Outlet:
    """A receiver and what happened to its frames.

    Attributes:
        name: its address.
        sent: frames that were handed over.
        replaced: frames that a newer one overtook.
        unsent: frames for which nobody was there, or that failed.
    """

    def __init__(self, name: str, carrier: Carrier) -> None:
        self.name = name
        self.sent = self.replaced = self.unsent = 0
        self._carrier = carrier
        self._latencies_ns: deque[int] = deque(maxlen=WINDOW)

    @property
    def problem(self) -> str | None:
        """What is wrong at the moment, in words."""
        return self._carrier.problem

    def deliver(self, signal: FaceSignal) -> None:
        """Send one frame and count it; called from its sender's thread. Never raises."""
        try:
            reached = self._carrier.send(signal)
        except Exception as error:  # noqa: BLE001  whatever one receiver does, the others go on
            self._carrier.problem = f"{type(error).__name__}: {error}"
            reached = 0
        if reached:
            self.sent += 1
            self._latencies_ns.append(time.monotonic_ns() - signal.t_ns)
        else:
            self.unsent += 1

    def close(self) -> None:
        """Let go of the receiver."""
        self._carrier.close()

    def figures(self) -> dict[str, Any]:
        """Counts, and the time from capture to the last byte handed over, ms (None = nothing was sent)."""
        latencies = np.array(self._latencies_ns, np.float64) / 1e6
        p50, p95 = np.percentile(latencies, [50, 95]).tolist() if len(latencies) else (None, None)
        return {
            "to": self.name,
            "sent": self.sent,
            "replaced": self.replaced,
            "unsent": self.unsent,
            "latency_ms": {"p50": p50, "p95": p95},
            "problem": self.problem,
        }


class Bell:
    """Wakes one thread. A `threading.Condition` does the same, but makes a lock for every wait: most of what a frame
    costs is waking up."""

    def __init__(self) -> None:
        self._quiet = threading.Lock()
        self._quiet.acquire()

    def ring(self) -> None:
        """Let the waiting thread go on, or the next one to wait; ringing twice is ringing once."""
        with suppress(RuntimeError):  # it rings already
            self._quiet.release()

    def wait(self, timeout_s: float = -1.0) -> bool:
        """Until it rings, or for so long; True = it rang."""
        return self._quiet.acquire(timeout=timeout_s)


class Sender:
    """A thread that serves receivers one after the other. Only receivers that never wait may share one: a thread less
    to wake costs less than what is sent.

    Args:
        outlets: at least one.
    """

    def __init__(self, outlets: Sequence[Outlet]) -> None:
        self.outlets = tuple(outlets)
        self._guard = threading.Lock()
        self._news = Bell()
        self._next: FaceSignal | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"mien-send {self.outlets[0].name}", daemon=True)
        self._thread.start()

    def offer(self, signal: FaceSignal) -> None:
        """Put the frame where the thread takes it; never waits for a receiver."""
        with self._guard:
            if self._next is not None:
                for outlet in self.outlets:
                    outlet.replaced += 1
            self._next = signal
        self._news.ring()

    def _run(self) -> None:
        while not self._closing or self._next is not None:
            if self._next is None:
                self._news.wait()
            with self._guard:
                signal, self._next = self._next, None
            if signal is not None:
                for outlet in self.outlets:
                    outlet.deliver(signal)

    def close(self) -> None:
        """Send what waits, if that is quick, and end."""
        self._closing = True
        self._news.ring()
        self._thread.join(timeout=0.2)
        for outlet in self.outlets:
            outlet.close()
        self._thread.join(timeout=_CLOSE_S)


class Outlets:
    """All receivers of a live run.

    Attributes:
        outlets: every receiver.
    """

    def __init__(self, senders: Sequence[Sender]) -> None:
        self._senders = tuple(senders)
        self.outlets = tuple(outlet for sender in senders for outlet in sender.outlets)

    def offer(self, signal: FaceSignal) -> None:
        """Give the frame to every thread."""
        for sender in self._senders:
            sender.offer(signal)

    def close(self) -> None:
        """Close all, at the same time."""
        threads = [threading.Thread(target=sender.close, daemon=True) for sender in self._senders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=2 * _CLOSE_S)
