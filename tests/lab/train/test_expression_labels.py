"""Valence, arousal and action units reach the networks that learn them, beside the class."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.lab.datasets.affwild2 import UNITS
from mien.lab.datasets.au_labels import AuLabels, parse_au_text
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.sample import Sample
from mien.lab.models.expression.catalogue import make
from mien.lab.train.augment import PLAIN
from mien.lab.train.expression_faces import ExpressionFaces, read_faces
from mien.lab.train.expression_labels import known_labels, other_labels
from mien.lab.train.expression_task import ExpressionSpec, ExpressionTask

TINY = {
    "name": "multi_task",
    "backbone": {"excite": False, "stem": 8, "blocks": [1, 1, 1, 1]},
    "features": 16,
    "scale": 16.0,
}


def labelled(folder: Path) -> ExpressionFaces:
    """Every second face has valence and arousal, every third one units."""
    samples = [s for i, s in enumerate(open_dataset(f"folder:{folder}")) if i < 24]
    for i, one in enumerate(samples):
        affect = (0.5, -0.25) if i % 2 == 0 else None
        units = AuLabels.of_presence((1, 12, 9), [1, 0, 1]) if i % 3 == 0 else None
        samples[i] = replace(one, valence_arousal=affect, action_units=units)
    return read_faces(samples, ("neutral", "anger", "disgust"))


def test_units_and_affect_are_taken_by_name() -> None:
    sample = replace(_sample(), valence_arousal=(0.1, -0.2), action_units=AuLabels.of_presence((2, 99), [1, 1]))
    affect, units = other_labels(sample)
    assert affect.tolist() == pytest.approx([0.1, -0.2])
    assert units[UNITS.index(2)] == 1
    assert np.isnan(units).sum() == len(UNITS) - 1
    coded = replace(_sample(), action_units=AuLabels.of_codes(parse_au_text("L12B+4?").codes))
    affect, units = other_labels(coded)
    assert np.isnan(affect).all()
    assert units[UNITS.index(12)] == 1, "one side counts"
    assert np.isnan(units[UNITS.index(4)]), "the coder was not sure"
    assert units[UNITS.index(1)] == 0, "the whole face was coded"
    assert known_labels([other_labels(_sample())]) == (None, None)


def test_they_reach_the_losses_and_gaps_stay_gaps(striped_faces: Path) -> None:
    torch.set_num_threads(1)
    faces = labelled(striped_faces)
    task = ExpressionTask(
        make(TINY, 3), ExpressionSpec(32), faces, faces.part(np.arange(6)), PLAIN, batch=24, half=False
    )
    batch = next(iter(task.batches(0)))
    targets = batch[1]
    assert targets.valence_arousal is not None
    assert targets.units is not None
    assert torch.isfinite(targets.valence_arousal).all(dim=1).sum() == 12
    assert torch.isfinite(targets.units).sum() == 2 * 8, "AU9 is none of the twelve"
    loss, parts = task.loss(batch)
    assert set(parts) == {"arcface", "affect", "units"}
    assert torch.isfinite(loss)
    plain = replace(faces, affect=None, units=None)
    task = ExpressionTask(make(TINY, 3), ExpressionSpec(32), plain, plain, PLAIN, batch=8, half=False)
    targets = next(iter(task.batches(0)))[1]
    assert targets.valence_arousal is None
    assert targets.units is None


def _sample() -> Sample:
    return Sample("folder", "a", "train")
