"""Building stages side by side: most of their time is the loading of networks, which takes one core each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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


def built_together(makers: Sequence[tuple[str, Callable[[], Stage]]]) -> list[tuple[str, Stage]]:
    """(slot, stage) in order: the first one is built in this thread, with what all need, the others side by side.

    Raises:
        MienError: of the first stage that cannot be built; the others are closed again.
    """
    built = [(slot, make()) for slot, make in makers[:1]]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mien-load") as pool:
        others = [(slot, pool.submit(make)) for slot, make in makers[1:]]
    built += [(slot, future.result()) for slot, future in others if future.exception() is None]
    if problem := next((error for _, future in others if (error := future.exception()) is not None), None):
        close_all(built)
        raise problem
    return built


def close_all(stages: Iterable[tuple[str, Stage]]) -> None:
    """Release every stage."""
    for _, stage in stages:
        stage.close()
