"""A session without a network, for tests: Mien's and those of people who build on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import numpy as np

from mien.core.arrays import AnyArray
from mien.errors import ModelError
from mien.runtime.session import TensorSpec, check_feeds

Answer = float | Callable[[Mapping[str, AnyArray]], Mapping[str, AnyArray]]


class FakeSession:
    """Answers with arrays of the declared shapes; checks its inputs as a real session does.

    Args:
        inputs, outputs: what it pretends to have; build them by hand or take `card.input_specs`.
        answer: a number fills every output (an axis of any length becomes the length of the first input's
            first axis); a callable computes the outputs from the inputs and is checked too.
    """

    def __init__(self, inputs: Iterable[TensorSpec], outputs: Iterable[TensorSpec], answer: Answer = 0.0) -> None:
        self._inputs = MappingProxyType({s.name: s for s in inputs})
        self._outputs = MappingProxyType({s.name: s for s in outputs})
        self._answer = answer
        self._closed = False

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        return self._inputs

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        return self._outputs

    def run(self, feeds: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        if self._closed:
            raise ModelError("fake model: the session is closed")
        check_feeds("fake model", self._inputs, feeds)
        if callable(self._answer):
            answer = dict(self._answer(feeds))
            check_feeds("fake model's answer", self._outputs, answer)
            return answer
        shape = next(iter(feeds.values())).shape if feeds else ()
        free = shape[0] if shape else 1
        return {
            s.name: np.full([free if n is None else n for n in s.shape], self._answer, dtype=s.dtype)
            for s in self._outputs.values()
        }

    def close(self) -> None:
        self._closed = True
