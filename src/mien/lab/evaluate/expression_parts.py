"""Which faces an expression reader is measured on, and whether it was taught on some of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from mien.errors import RequestError
from mien.lab.datasets.dataset import Dataset
from mien.lab.datasets.sample import Sample
from mien.lab.train.expression_labels import is_double
from mien.lab.train.expression_plan import faces_of, to_learn

log = logging.getLogger(__name__)


def measured(dataset: Dataset, part: str, count: int) -> list[Sample]:
    """Samples with an expression, at most `count` of them, evenly spread; near doubles are left out.

    Args:
        dataset: they are of.
        part: a split, a fold or a person; "" = everything.
        count: 0 = all.

    Raises:
        RequestError: there is none, or no such part.
    """
    some = dataset.part(part) if part else dataset
    out = [s for s in some if s.expression is not None and not is_double(s)]
    if not out:
        raise RequestError(f"{dataset.info.name}: no sample has an expression")
    return out if not 0 < count < len(out) else [out[i * len(out) // count] for i in range(count)]


def learnt_from(facts: Mapping[str, Any], dataset: Dataset, samples: Sequence[Sample]) -> int | None:
    """How many of the samples a checkpoint was taught on, or chosen by; None where it does not say what it was taught
    on. It knows names, not copies: of two folders both called "folder" equal names count.

    Args:
        facts: of the checkpoint.
        dataset: whose samples they are.
        samples: what is measured.

    Raises:
        ConfigError: the facts are none of an expression network.
    """
    spec = faces_of(facts)
    if spec is None:
        return None
    if dataset.info.name not in facts.get("data", ()):
        return 0
    try:
        learnt = to_learn(dataset, spec)
    except RequestError:  # this copy has no such part
        return 0
    return len({s.name for s in learnt} & {s.name for s in samples})


def warn_if_learnt(name: str, learnt: int | None, total: int) -> None:
    """Say in the log that a figure is one of faces that were learnt from."""
    if learnt:
        log.warning(
            "%s: was taught on %d of the %d faces measured, if this is the copy that it was taught on; name another "
            "--split, or what its recipe left out",
            name,
            learnt,
            total,
        )
