"""Stages are built side by side, and whatever ends that early leaves nothing open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from mien.errors import ModelError
from mien.pipeline import loading
from mien.pipeline.fake import FakeStage
from mien.pipeline.loading import built_together

LONG_S = 10.0


def _failing() -> FakeStage:
    raise ModelError("no such network")


def _closed(stage: FakeStage) -> bool:
    """Sooner or later."""
    end = time.monotonic() + LONG_S
    while not stage.closed and time.monotonic() < end:
        time.sleep(0.005)
    return stage.closed


def _late(stage: FakeStage, begun: threading.Event, go: threading.Event) -> Callable[[], FakeStage]:
    def make() -> FakeStage:
        begun.set()
        assert go.wait(LONG_S)
        return stage

    return make


def test_stages_come_in_their_order() -> None:
    stages = [FakeStage() for _ in range(7)]
    made = built_together([(str(i), lambda s=s: s) for i, s in enumerate(stages)])
    assert made == [(str(i), s) for i, s in enumerate(stages)]
    assert built_together([]) == []
    assert not any(s.closed for s in stages)


def test_an_error_is_told_before_the_others_are_built_and_they_are_closed_then() -> None:
    first, slow, quick = FakeStage(), FakeStage(), FakeStage()
    begun, go = threading.Event(), threading.Event()
    makers = [("a", lambda: first), ("b", _late(slow, begun, go)), ("c", lambda: quick), ("d", _failing)]
    try:
        with pytest.raises(ModelError, match="no such network"):
            built_together(makers)
        assert first.closed
        assert quick.closed
        assert not slow.closed, "it is not open yet"
    finally:
        go.set()
    assert _closed(slow)


def test_an_interruption_leaves_nothing_open_and_begins_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = [FakeStage() for _ in range(7)]
    begun, go = [threading.Event() for _ in stages], threading.Event()

    def interrupted(*_: object, **__: object) -> None:
        for one in begun[1:5]:  # as many as are built at once
            assert one.wait(LONG_S)
        raise KeyboardInterrupt

    monkeypatch.setattr(loading, "wait", interrupted)
    makers = [("0", lambda: stages[0]), *((str(i), _late(stages[i], begun[i], go)) for i in range(1, 7))]
    try:
        with pytest.raises(KeyboardInterrupt):
            built_together(makers)
        assert stages[0].closed
    finally:
        go.set()
    assert all(_closed(s) for s in stages[1:5])
    assert not begun[5].is_set()
    assert not begun[6].is_set()
