"""Which of several expression networks read the same pictures better: differences of accuracy with paired intervals.

    python benchmarks/expression_paired.py fer2013:FILE --split val --points FILE RUN/best.pt RUN/best.pt …

Every network is held against each that reads better; 5,000 draws of the pictures, the same draws for all networks.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from mien.lab.evaluate.expression import Request, evaluate

DRAWS = 5000


def main() -> None:
    """Print a line for each network and each pair."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--split", default="")
    parser.add_argument("--points", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    runs = evaluate(Request(given.data, tuple(given.models), given.split, points=given.points, flip=False))
    right = np.stack([run.found.argmax(axis=1) == run.truth for run in runs]).astype(np.float64)
    rng, total = np.random.default_rng(1), right.shape[1]
    drawn = np.stack([right[:, rng.integers(0, total, total)].mean(axis=1) for _ in range(DRAWS)])
    order = np.argsort(-right.mean(axis=1))
    for place, i in enumerate(order):
        print(f"{runs[i].name}: {right[i].mean():.4f}, {total} faces")
        for better in order[:place]:
            low, high = np.percentile(drawn[:, i] - drawn[:, better], [2.5, 97.5])
            behind = right[i].mean() - right[better].mean()
            print(f"  against {runs[better].name}: {behind:+.4f} [{low:+.4f}, {high:+.4f}]")


if __name__ == "__main__":
    main()
