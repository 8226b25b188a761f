"""Training of networks for action units: crops and intensities in, loss, correlation and F1 out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from mien.core.arrays import Float32, UInt8
from mien.core.schema import load_schema
from mien.lab.metrics.agreement import pearson_r
from mien.lab.models.au_graph import FULL, intensity
from mien.lab.train.au_faces import AuFaceSet, AuMixture, au_crop
from mien.lab.train.augment import PLAIN, Augmentation
from mien.lab.train.landmark_task import crop_batches, normalised

PRESENT = float(load_schema("facs").attributes["presence_threshold"])


@dataclass(frozen=True, slots=True)
class AuSpec:
    """How such a network is taught.

    Attributes:
        input_px: side of the crop; divisible by 32.
        shake_points: standard deviation of the landmarks' error when it places its regions, share of the crop's side:
            at run time they come from a network.
        present_weight: how much more an intensity counts where the unit is present: most units are absent in most
            faces.
        presence_weight: of the cross-entropy on presence.
        sharpness: slope of the probability of presence at the threshold, per unit of intensity.
        adjacency_faces: training faces whose units the graph's links are counted on.
    """

    input_px: int = 128
    shake_points: float = 0.008
    present_weight: float = 4.0
    presence_weight: float = 0.3
    sharpness: float = 3.0
    adjacency_faces: int = 1000


class AuBatch(NamedTuple):
    """image (B, 3, S, S), points (B, 98, 2) px, units (B, U) 0–5 with NaN = not asked for."""

    image: Tensor
    points: Tensor
    units: Tensor


class _Crops(Dataset[tuple[UInt8, Float32, Float32]]):
    """Training crop number n, by a random generator seeded with (seed, n)."""

    def __init__(self, mixture: AuMixture, how: Augmentation, spec: AuSpec, seed: int) -> None:
        self.mixture, self.how, self.spec, self.seed = mixture, how, spec, seed

    def __getitem__(self, n: int) -> tuple[UInt8, Float32, Float32]:
        rng = np.random.default_rng((self.seed, n))
        crop = au_crop(self.mixture.draw(rng), self.spec.input_px, self.how, rng)
        error = rng.normal(0.0, self.spec.shake_points * self.spec.input_px, crop.face.points_xy.shape)
        return crop.face.image, (crop.face.points_xy + error).astype(np.float32), crop.units


@dataclass(eq=False)
class AuTask:
    """See `loop.Task`.

    Attributes:
        net: an `AuGraph`.
        spec: how it is taught.
        mixture: what is learnt from.
        validation: faces of persons that are not.
        how: augmentation.
        batch, half, seed, workers: as the schedule has them; processes that make crops (0 = in this one).
    """

    net: nn.Module
    spec: AuSpec
    mixture: AuMixture
    validation: AuFaceSet
    how: Augmentation = field(default_factory=Augmentation)
    batch: int = 32
    half: bool = True
    seed: int = 1
    workers: int = 1

    def __post_init__(self) -> None:
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batches(self, first_step: int) -> Iterator[AuBatch]:
        """Normalised crops, points and truth."""
        crops = _Crops(self.mixture, self.how, self.spec, self.seed)
        for image, points, units in crop_batches(crops, first_step, self.batch, self.workers):
            yield AuBatch(normalised(image), points, units)

    def loss(self, batch: AuBatch) -> tuple[Tensor, Mapping[str, float]]:
        """Loss and its parts."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            logits = self.net(batch.image, batch.points)
        return au_loss(logits.float(), batch.units, self.spec)

    def evaluate(self) -> dict[str, float]:
        """Mean correlation, F1 of presence and mean absolute error over the units that occur; "score" is
        1 − correlation."""
        truth, found = answers(self.net, self.validation, self.spec, half=self.half)
        return figures(truth, found)


def au_loss(logits: Tensor, units: Tensor, spec: AuSpec) -> tuple[Tensor, Mapping[str, float]]:
    """Squared error of intensity / 5, present units counting more, and cross-entropy of presence, which is a question
    put to the same intensity; units that are NaN are left out.

    Args:
        logits: (B, U) of the network.
        units: (B, U) 0–5.
        spec: weights.
    """
    known = torch.isfinite(units)
    truth = torch.nan_to_num(units)
    present = (truth >= PRESENT).to(logits.dtype)
    answer = intensity(logits)
    weight = known * (1 + (spec.present_weight - 1) * present)
    squares = (weight * ((answer - truth) / FULL) ** 2).sum() / weight.sum().clamp(min=1.0)
    ask = F.binary_cross_entropy_with_logits(spec.sharpness * (answer - PRESENT), present, reduction="none")
    presence = (known * ask).sum() / known.sum().clamp(min=1)
    parts = {"intensity": float(squares.detach()), "presence": float(presence.detach())}
    return squares + spec.presence_weight * presence, parts


def answers(net: nn.Module, faces: AuFaceSet, spec: AuSpec, *, half: bool) -> tuple[Float32, Float32]:
    """(N, U) truth and intensities over a set, plain crops; NaN in the truth = not asked for."""
    rng = np.random.default_rng(0)
    truth, found = [], []
    for start in range(0, len(faces), 16):
        crops = [au_crop(faces.face(i), spec.input_px, PLAIN, rng) for i in range(start, min(start + 16, len(faces)))]
        image = torch.from_numpy(np.stack([c.face.image for c in crops]))
        points = torch.from_numpy(np.stack([c.face.points_xy for c in crops]))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            found.append(intensity(net(normalised(image), points)).float().numpy())
        truth.append(np.stack([c.units for c in crops]))
    return np.concatenate(truth), np.concatenate(found)


def figures(truth: Float32, found: Float32) -> dict[str, float]:
    """Means over the units that occur in the truth at all; see `AuTask.evaluate`. Without any: score 1."""
    rows = []
    for k in range(truth.shape[1]):
        known = np.isfinite(truth[:, k])
        a, b = truth[known, k], found[known, k]
        if not (a >= PRESENT).any():
            continue
        r = pearson_r(a, b).value
        both, either = (
            float(((a >= PRESENT) & (b >= PRESENT)).sum()),
            float((a >= PRESENT).sum() + (b >= PRESENT).sum()),
        )
        rows.append((0.0 if np.isnan(r) else r, 2 * both / either, float(np.abs(a - b).mean())))
    if not rows:
        return {"score": 1.0, "units": 0.0}
    r, f1, mae = np.array(rows).mean(axis=0).tolist()
    return {"score": 1 - r, "r": r, "f1": f1, "mae": mae, "units": float(len(rows))}
