"""Finished samples beside training: worker processes render ahead, samples arrive in the order of their seeds.

    with stream([RigSource("builtin"), RigSource("ict", folder, share=2.0)], workers=2) as samples:
        for sample in samples: ...

Sample i is the same however many workers there are. Each worker meets its own share of the persons, so that nobody
is prepared twice. Processes talk through pipes: when one dies, the pipe breaks and the iterator says so at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType

import numpy as np

from mien import errors
from mien.errors import MienError, StageError
from mien.lab.render import stream_worker
from mien.lab.render.random_scene import Wishes, person_of
from mien.lab.render.sample import RenderedSample

AHEAD = 32
"""Samples that a worker may be ahead of the one that is read; 0.2 MB each at 256 px."""
_PATIENCE_S = 3.0
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class RigSource:
    """A rig to draw from.

    Attributes:
        name, folder: of `rigs.catalogue.load_rig`.
        share: its part of the samples, relative to the other rigs'.
    """

    name: str
    folder: Path | None = None
    share: float = 1.0


def stream(
    rigs: Sequence[RigSource],
    first_seed: int = 0,
    count: int | None = None,
    wishes: Wishes | None = None,
    *,
    size_px: int | None = None,
    workers: int = 1,
) -> Stream:
    """Samples of seeds `first_seed`, `first_seed` + 1, ..., rendered ahead.

    Args:
        rigs: where faces come from; which rig a seed shows depends on the seed and the shares alone.
        first_seed: to go on where a training stopped, its last seed + 1.
        count: how many; None = without end.
        wishes: asked of every sample.
        size_px: pictures are size × size; None = as in `wishes`.
        workers: processes, each on one core; 0 = render in this process when a sample is asked for.

    Raises:
        ValueError: no rigs, a share that is not positive, negative numbers.
        ConfigError, SourceError: a rig cannot be loaded (with the first sample).
    """
    if not rigs or not all(np.isfinite(r.share) and r.share > 0 for r in rigs):
        raise ValueError("stream: expected at least one rig, and shares above 0")
    if first_seed < 0 or workers < 0 or (count is not None and count < 0):
        raise ValueError("stream: first_seed, count and workers must be 0 or more")
    asked = wishes or Wishes()
    asked = asked if size_px is None else replace(asked, size_px=size_px)
    return Stream(tuple(rigs), range(first_seed, 1 << 62 if count is None else first_seed + count), asked, workers)


def rig_of(seed: int, shares: Sequence[float]) -> int:
    """Which of several rigs a seed shows: every run of seeds has the shares as nearly as it can."""
    edges = np.cumsum(shares) / np.sum(shares)
    # Multiples of the golden ratio fill 0–1 more evenly than random numbers do.
    return min(int(np.searchsorted(edges, (seed * 0.6180339887498949) % 1.0, side="right")), len(shares) - 1)


class Stream(Iterator[RenderedSample]):
    """The iterator of `stream`; close it, or use it in a `with`."""

    def __init__(self, rigs: tuple[RigSource, ...], seeds: range, wishes: Wishes, workers: int) -> None:
        self._shares = [r.share for r in rigs]
        self._seeds, self._wishes = seeds, wishes
        self._read = self._asked = 0
        self._closed = False
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        self._own = None if workers else stream_worker.Renderer([(r.name, r.folder) for r in rigs], wishes)
        context = get_context("spawn")
        try:
            with _one_thread_each():
                for k in range(workers):
                    here, there = context.Pipe()
                    job = (there, [(r.name, r.folder) for r in rigs], wishes)
                    process = context.Process(target=stream_worker.serve, args=job, name=f"render-{k}", daemon=True)
                    process.start()
                    there.close()  # only the worker holds it now: if it dies, reading ends
                    self._pipes.append(here)
                    self._processes.append(process)
        except BaseException:
            self.close()
            raise

    @property
    def next_seed(self) -> int:
        """The seed of the sample that comes next: where another stream would go on."""
        return self._seeds.start + self._read

    def __next__(self) -> RenderedSample:
        """The next sample.

        Raises:
            StopIteration: all were read, or the stream was closed.
            StageError: a worker failed or died; the stream is closed then.
            ConfigError, SourceError: see `stream`.
        """
        if self._closed or self._read >= len(self._seeds):
            self.close()
            raise StopIteration
        seed = self.next_seed
        try:
            sample = self._render(seed) if self._own else self._receive(seed)
        except BaseException:
            self.close()
            raise
        self._read += 1
        return sample

    def _render(self, seed: int) -> RenderedSample:
        assert self._own is not None
        return self._own(seed, rig_of(seed, self._shares))

    def _receive(self, seed: int) -> RenderedSample:
        end = min(len(self._seeds), self._read + AHEAD * len(self._pipes))
        worker = self._worker_of(seed)
        try:
            for number in range(self._asked, end):
                to_ask = self._seeds.start + number
                self._pipes[self._worker_of(to_ask)].send((to_ask, rig_of(to_ask, self._shares)))
                self._asked = number + 1
            given, sample, failure = self._pipes[worker].recv()
        except (EOFError, OSError) as error:
            raise StageError(self._obituary(seed)) from error
        if failure is not None:
            raise _as_raised(failure, seed)
        if given != seed:
            raise StageError(f"renderer: worker {worker} sent seed {given} where {seed} was due; start a new stream")
        return sample  # type: ignore[no-any-return]

    def _worker_of(self, seed: int) -> int:
        """The same person is always rendered by the same worker, where there are people enough for all."""
        workers = len(self._pipes)
        if workers == 1:
            return 0
        people = self._wishes.people
        return (person_of(seed, people) if people >= 8 * workers else seed) % workers

    def _obituary(self, seed: int) -> str:
        dead = []
        for process in self._processes:
            process.join(0.2)
            if process.exitcode is not None:
                dead.append(f"{process.name} ended with code {process.exitcode}")
        return (
            f"renderer: a worker process died before seed {seed} was finished ({', '.join(dead) or 'its pipe broke'}); "
            f"was memory short? Go on with first_seed={seed}"
        )

    def close(self) -> None:
        """End the workers; may be called again."""
        if self._closed:
            return
        self._closed = True
        for pipe in self._pipes:
            pipe.close()  # whoever waits for work or to deliver wakes up and ends
        for process in self._processes:
            process.join(_PATIENCE_S)
            if process.is_alive():
                process.terminate()
                process.join(_PATIENCE_S)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _as_raised(failure: tuple[str, str], seed: int) -> MienError:
    """A worker's error as one of `mien.errors`."""
    kind, message = failure
    known = getattr(errors, kind, None)
    if isinstance(known, type) and issubclass(known, MienError) and known is not errors.MissingExtraError:
        return known(message)
    return StageError(f"renderer: seed {seed} failed in a worker: {kind}: {message}")


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """What starts in here uses one thread per process; libraries read these variables as they load."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
