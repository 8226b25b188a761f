"""How far the teacher can be believed: its spread beside its error on hand-marked faces. Measures only, never trains.

python -m mien.lab.pseudo.measure --dataset wflw:landmarks98
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from mien.core.arrays import Float64
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.sample import Sample
from mien.lab.pseudo.look import OUTER_EYE_CORNERS
from mien.lab.pseudo.teacher import Teacher
from mien.lab.pseudo.verdict import Limits, refusal


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """Teacher and people, face by face.

    Attributes:
        error: (N, 98) distance of the teacher's points from those made by hand, in distances of the outer eye corners.
        spread: (N, 98) the teacher's spread, in the same unit.
        refused: N reasons, "" = kept.
        unseen: faces that the teacher said nothing about.
    """

    error: Float64
    spread: Float64
    refused: tuple[str, ...]
    unseen: int

    def rank_correlation(self) -> tuple[float, float]:
        """Spearman's rho of spread and error: of faces (means), and of all points."""
        faces = spearmanr(self.spread.mean(axis=1), self.error.mean(axis=1)).statistic
        return float(faces), float(spearmanr(self.spread.ravel(), self.error.ravel()).statistic)

    def nme(self, *, kept: bool) -> tuple[int, float]:
        """How many faces were kept (or refused), and their mean error."""
        which = np.array([(reason == "") == kept for reason in self.refused], dtype=np.bool_)
        return int(which.sum()), float(self.error[which].mean()) if which.any() else float("nan")

    def by_spread(self, bins: int = 6) -> list[tuple[float, float, float]]:
        """(from, to, mean error) of the points, in bins of equal size by their spread."""
        edges = np.quantile(self.spread, np.linspace(0, 1, bins + 1))
        place = np.clip(np.searchsorted(edges, self.spread, side="right") - 1, 0, bins - 1)
        return [(float(edges[i]), float(edges[i + 1]), float(self.error[place == i].mean())) for i in range(bins)]


def agreement(samples: Iterable[Sample], teacher: Teacher, limits: Limits) -> Agreement:
    """Let the teacher label hand-marked faces, given their boxes as a source gives them.

    Raises:
        ValueError: a sample has no points or no box, or nothing was seen at all.
    """
    error, spread, refused, unseen = [], [], [], 0
    for sample in samples:
        if sample.landmarks_xy is None or sample.boxes_xyxy is None:
            raise ValueError(f"{sample.name}: has no hand-made points; measure needs a dataset of 98 landmarks")
        image = sample.image()
        look = teacher.label(image, sample.boxes_xyxy[0])
        if look is None:
            unseen += 1
            continue
        truth = sample.landmarks_xy
        unit = float(np.linalg.norm(truth[OUTER_EYE_CORNERS[0]] - truth[OUTER_EYE_CORNERS[1]]))
        error.append(np.linalg.norm(look.xy - truth, axis=1) / unit)
        spread.append(look.spread)
        refused.append(refusal(look, (image.shape[1], image.shape[0]), limits))
    if not error:
        raise ValueError("the teacher saw none of the faces")
    return Agreement(np.array(error, np.float64), np.array(spread, np.float64), tuple(refused), unseen)


def report(found: Agreement, limits: Limits) -> str:
    """The figures as text."""
    faces, points = found.rank_correlation()
    kept, kept_error = found.nme(kept=True)
    refused, refused_error = found.nme(kept=False)
    lines = [
        f"{len(found.refused)} faces, {found.unseen} not seen; limits {limits.model_dump()}",
        f"rank correlation of spread and error: faces {faces:.2f}, points {points:.2f}",
        f"kept {kept}: NME {kept_error:.4f}; refused {refused}: NME {refused_error:.4f}",
        f"reasons: { {r: found.refused.count(r) for r in sorted(set(found.refused)) if r} }",
    ]
    mean = found.spread.mean(axis=1)
    for limit in (0.015, 0.02, 0.025, 0.03, 0.04, 0.06):
        below = mean <= limit
        above = found.error[~below].mean() if (~below).any() else float("nan")
        share = found.error[below].mean() if below.any() else float("nan")
        lines.append(f"mean spread up to {limit:.3f}: {int(below.sum())} faces, NME {share:.4f}; above {above:.4f}")
    lines += [f"points with spread {a:.4f}–{b:.4f}: error {e:.4f}" for a, b, e in found.by_spread()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Command line of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help='a dataset of 98 landmarks, for example "wflw:FOLDER"')
    given = parser.parse_args(arguments)
    teacher, limits = Teacher(), Limits()
    try:
        print(report(agreement(open_dataset(given.dataset), teacher, limits), limits))  # noqa: T201  a command's answer
    finally:
        teacher.close()


if __name__ == "__main__":
    main()
