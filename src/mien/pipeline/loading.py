"""Building stages side by side: most of their time is the loading of networks, which takes one core each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

from mien.pipeline.registry import stage_class
from mien.pipeline.stage import Stage

_AT_ONCE = 4


def reads_of(table: Mapping[str, Any], where: str) -> frozenset[str]:
    """What the stage that `table["use"]` names reads, as far as its class says so.

    Raises:
        ConfigError: there is no such stage.
    """
    use = table.get("use")
    reads = getattr(stage_class(use, where), "reads", None) if isinstance(use, str) else None
    return reads if isinstance(reads, frozenset) else frozenset()


class _Closable(Protocol):
    def close(self) -> None: ...


def built_together(makers: Sequence[tuple[str, Callable[[], Stage]]]) -> list[tuple[str, Stage]]:
    """(slot, stage) in order: the first one is built in this thread, with what all need, the others side by side.

    Raises:
        MienError: of a stage that cannot be built, at once. As after any other end before the last one is built, the
            others are closed again: those that are being built, as soon as they are.
    """
    built = [(slot, make()) for slot, make in makers[:1]]
    others: list[tuple[str, Future[Stage]]] = []
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mien-load")
    try:
        for slot, make in makers[1:]:
            others.append((slot, pool.submit(make)))
        done = wait([future for _, future in others], return_when=FIRST_EXCEPTION).done
        ready = [(slot, future.result()) for slot, future in others if future in done]
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for _, future in others:
            close_when_done(future)
        close_all(built)
        raise
    return built + ready


def close_when_done(opened: Future[Any]) -> None:
    """Close what a thread opens, now or when it is open; nothing happens if it cannot be opened or never begins."""
    opened.add_done_callback(_close_result)


def _close_result(opened: Future[_Closable]) -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result().close()


def close_all(stages: Iterable[tuple[str, Stage]]) -> None:
    """Release every stage."""
    for _, stage in stages:
        stage.close()
