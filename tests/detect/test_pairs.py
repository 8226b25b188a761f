"""Pairs of followed and found faces: with one of either no solver is needed, and the answer is the same."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from mien.detect.tracks import _paired


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (3, 3), (2, 5)])
def test_pairs_are_the_cheapest_as_a_whole(shape: tuple[int, int]) -> None:
    for seed in range(20):
        cost = np.random.default_rng(seed).normal(size=shape)
        rows, columns = _paired(cost)
        best = linear_sum_assignment(cost)
        assert (rows, columns) == (best[0].tolist(), best[1].tolist())


def test_following_faces_does_not_import_scipy() -> None:
    code = "import sys, mien.detect.track; sys.exit(any(m.startswith('scipy') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
