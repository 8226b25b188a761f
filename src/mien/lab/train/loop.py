"""The training loop of the lab: schedule, moving average, checkpoints, time budget, log. It knows no task.

A task gives batches by step number, a loss and a score on a validation set (lower is better). As batches depend on the
step alone, a run that was stopped and resumed takes the same steps as one that was not. (With a budget of minutes the
learning rate follows the clock and two runs never agree exactly.)

Started by torchrun, several processes train one network together (`train.together`); the first one keeps the clock,
evaluates, writes and logs.
"""

from __future__ import annotations

import json
import logging
import math
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mien.errors import RequestError
from mien.lab.train.checkpoints import MovingAverage, chance, read_checkpoint, set_chance, write_checkpoint
from mien.lab.train.means import Means
from mien.lab.train.schedule import Schedule
from mien.lab.train.together import Device, Together, on_device

__all__ = ["BEST", "LAST", "LOG", "Run", "Schedule", "Task"]

log = logging.getLogger(__name__)

LAST, BEST, LOG = "last.pt", "best.pt", "log.jsonl"


class Task(Protocol):
    """What is trained."""

    @property
    def net(self) -> nn.Module:
        """The network; the same object every time."""
        ...

    def batches(self, first_step: int) -> Iterable[Any]:
        """Batches from a step on, without end."""
        ...

    def loss(self, batch: Any) -> tuple[Tensor, Mapping[str, float]]:
        """The loss of a batch, and named parts of it for the log."""
        ...

    def evaluate(self) -> Mapping[str, float]:
        """Figures on the validation set; "score" chooses the best weights, lower is better."""
        ...


class Run:
    """One training run in a folder: `last.pt` (resumes), `best.pt` (averaged weights), `log.jsonl`."""

    def __init__(
        self,
        task: Task,
        schedule: Schedule,
        folder: Path,
        facts: Mapping[str, Any] | None = None,
        *,
        device: Device = "cpu",
    ) -> None:
        """
        Args:
            task: what is trained.
            schedule: how.
            folder: where to.
            facts: numbers and text stored in the checkpoints (the model's recipe).
            device: "auto" for tasks that evaluate where their network is.
        """
        self.task, self.schedule, self.folder = task, schedule, folder
        self.facts = dict(facts or {})
        self._together = Together(device)
        task.net.to(self._together.device)
        self.optimizer = schedule.optimizer(task.net)
        self.average = MovingAverage(task.net, schedule.average)
        self.step, self.seconds, self.best = 0, 0.0, math.inf
        self.idle = 0
        self._stop = False
        self._progress = 0.0

    def resume(self) -> bool:
        """Go on where `last.pt` stopped; False if there is none.

        Raises:
            ModelError: it cannot be read.
            RequestError: it is of another model.
        """
        path = self.folder / LAST
        if not path.is_file():
            return False
        state = read_checkpoint(path)
        if state["facts"] != self.facts:
            raise RequestError(f"{path}: was trained as {state['facts']}, not as {self.facts}: choose another --out")
        self.task.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.from_dict(state["average"])
        self.average.state = on_device(self.average.state, self._together.device)
        self.step, self.seconds, self.best = int(state["step"]), float(state["seconds"]), float(state["best"])
        self.idle = int(state.get("idle", 0))
        set_chance(state)
        self._progress = self.progress
        return True

    def save(self) -> None:
        """Write `last.pt`."""
        if not self._together.first:
            return
        state = {
            "facts": self.facts,
            "net": self.task.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.to_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "idle": self.idle,
            **chance(),
        }
        write_checkpoint(self.folder / LAST, state)

    @property
    def progress(self) -> float:
        """0–1 of the run."""
        by_steps = self.step / max(1, self.schedule.steps)
        if self.schedule.minutes is None:
            return by_steps
        return max(by_steps, self.seconds / (60 * self.schedule.minutes))

    def train(self) -> float:
        """Train to the end, the time budget or Ctrl-C; the best validation score.

        Stopped early it leaves `last.pt`; at the end also a last evaluation.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for state in (self.task.net.state_dict(), self.average.state):
            self._together.share_weights(state)
        self._note({"event": "start", "step": self.step, "schedule": asdict(self.schedule), **self.facts})
        if self.progress >= 1 or self._weary:
            return self.best
        with self._signals():
            self._steps()
        if not self._stop:
            self._evaluate()
        self.save()
        return self.best

    def _steps(self) -> None:
        s, parts, started = self.schedule, Means(), time.perf_counter()
        shown = time.monotonic()
        for batch in self.task.batches(self.step):
            self.task.net.train()
            rate = s.rate(self._progress)
            parts.add(self._one(batch, rate))
            now = time.perf_counter()
            self.seconds, started = self.seconds + now - started, now
            self._progress, self._stop = self._together.agree(self.progress, self._stop)
            if time.monotonic() - shown > 10 or self._progress >= 1:
                shown = time.monotonic()
                self._note({"event": "step", "step": self.step, "rate": rate, "eta_s": self.eta_s, **parts.take()})
            if self._stop or self._progress >= 1:
                return
            if self.step % s.evaluate_every == 0:
                self._evaluate()
                self._stop |= self._weary
                started = time.perf_counter()
            if self.step % s.save_every == 0:
                self.save()

    @property
    def _weary(self) -> bool:
        """Whether the score has not become better for as long as the schedule waits."""
        return 0 < self.schedule.patience <= self.idle

    @property
    def eta_s(self) -> float:
        """Seconds to go, if the rest is as fast as what was done."""
        return self.seconds * (1 / max(self.progress, 1e-6) - 1)

    def _one(self, batch: Any, rate: float) -> Mapping[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss, parts = self.task.loss(on_device(batch, self._together.device))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._together.average_gradients(self.task.net)
        norm = nn.utils.clip_grad_norm_(self.task.net.parameters(), self.schedule.clip, foreach=True)
        value = float(loss.detach())
        if math.isfinite(value) and math.isfinite(float(norm)):
            self.optimizer.step()
            self.average.update(self.task.net)
        else:
            log.warning("step %d: loss %s, gradient %s: skipped", self.step, value, float(norm))
        self.step += 1
        return {"loss": value, **parts}

    def _evaluate(self) -> None:
        """Score the averaged weights; keep them if they are the best so far."""
        if not self._together.first:
            return
        net = self.task.net
        own = {k: v.detach().clone() for k, v in net.state_dict().items()}
        net.load_state_dict(self.average.state)
        net.eval()
        began = time.perf_counter()
        with torch.inference_mode():
            figures = dict(self.task.evaluate())
        net.load_state_dict(own)
        self._note({"event": "score", "step": self.step, "took_s": time.perf_counter() - began, **figures})
        self.idle += 1
        if figures["score"] < self.best:
            self.idle = 0
            self.best = figures["score"]
            write_checkpoint(
                self.folder / BEST,
                {"facts": self.facts, "net": self.average.state, "step": self.step, "figures": figures},
            )

    def _note(self, entry: Mapping[str, Any]) -> None:
        if not self._together.first:
            return
        line = {"seconds": round(self.seconds, 1), **entry}
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        shown = " ".join(f"{k} {v:.5g}" if isinstance(v, float) else f"{k} {v}" for k, v in line.items())
        log.info("%s", shown)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM end the run after the step in hand; a second Ctrl-C interrupts."""

        def stop(number: int, frame: object) -> None:
            if self._stop:
                raise KeyboardInterrupt
            self._stop = True
            log.info("stopping after this step; run the same command to go on")

        before = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
