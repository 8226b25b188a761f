"""What a sample of any dataset teaches an expression network: its class or votes, valence and arousal, action units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.core.arrays import Float32
from mien.lab.datasets.affwild2 import UNITS
from mien.lab.datasets.sample import Sample


def is_double(sample: Sample) -> bool:
    """Whether the sample may not be learnt from: it is a near double of one that is validated on."""
    return bool(sample.attributes.get("near_val")) and sample.split == "train"


def label_row(sample: Sample, classes: Sequence[str]) -> Float32 | None:
    """(C,) probabilities of a sample, or None if it shows none of the classes."""
    label = sample.expression
    if label is None:
        return None
    votes = np.array([label.votes.get(c, 0.0) for c in classes], np.float32)
    if votes.sum() <= 0:
        votes = np.array([float(c == label.name) for c in classes], np.float32)
    return votes / votes.sum() if votes.sum() > 0 else None


def other_labels(sample: Sample) -> tuple[Float32, Float32]:
    """(2,) valence and arousal, and (12,) presence of the units of Aff-Wild2 (`affwild2.UNITS`); NaN = not labelled.

    A unit that is labelled for one side of the face counts if it is there.
    """
    affect = np.array(sample.valence_arousal or (np.nan, np.nan), np.float32)
    units = np.full(len(UNITS), np.nan, np.float32)
    if (labels := sample.action_units) is not None:
        if labels.others_absent:
            units[:] = 0
        for name, there in zip(labels.names, labels.presence, strict=True):
            plain = name.removesuffix("_L").removesuffix("_R")
            if plain in _UNIT_NAMES:
                at = _UNIT_NAMES.index(plain)
                units[at] = there if not units[at] > 0 else units[at]
    return affect, units


_UNIT_NAMES = tuple(f"AU{n}" for n in UNITS)


def known_labels(others: Sequence[tuple[Float32, Float32]]) -> tuple[Float32 | None, Float32 | None]:
    """(N, 2) and (N, 12) of `other_labels` of N samples; None where no sample has any."""
    affect, units = np.stack([a for a, _ in others]), np.stack([u for _, u in others])
    return (affect if np.isfinite(affect).any() else None), (units if np.isfinite(units).any() else None)
