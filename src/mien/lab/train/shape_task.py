"""Training of the pixel reader: groups of crops in, loss and correlation out. The loop is `train.loop`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from mien.action_units.face_crop import HEIGHT, WIDTH, halves
from mien.action_units.features import features
from mien.action_units.neutral import less_crooked
from mien.core.arrays import Float32
from mien.lab.metrics.agreement import pearson_r
from mien.lab.models.shape_reader import ShapeReader
from mien.lab.train.augment import Augmentation
from mien.lab.train.landmark_task import crop_batches
from mien.lab.train.shape_crops import Bend, shaken
from mien.lab.train.shape_groups import AT_REST
from mien.lab.train.shape_set import ShapeSet
from mien.lab.train.shape_views import MARGIN

SHAKEN = Augmentation(
    scale=0.05, rotation_deg=3.0, shift=0.02, colour=0.0, blur=0.08, coarse=0.15, noise=0.12, jpeg=0.12
)


@dataclass(frozen=True, slots=True)
class ShapeSpec:
    """How the reader is taught.

    Attributes:
        faces: of each group in a batch: one at rest, which is compared with, and others.
        strength: how much more a full weight counts than none: most shapes rest in most faces.
        stranger: weight of the loss without a known resting face.
        colour: chance that a group's colours are changed.
        shake_points: standard deviation of the noise on the landmarks' front views, in distances of the eye corners.
        bend_px: how far faces are bent into other faces (`shape_crops.Bend`), px of the crop; 0 = not at all.
        squared: weight of the squared error of the weights beside their cross-entropy.
    """

    faces: int = 5
    strength: float = 3.0
    stranger: float = 0.5
    colour: float = 0.6
    shake_points: float = 0.004
    bend_px: float = 0.0
    squared: float = 0.0


class ShapeBatch(NamedTuple):
    """pairs (G, F, 2, 3, H, W), features (G, F, 2, FEATURES), plain and moved (G, F, 52) with NaN = not known; the
    first of each group is at rest."""

    pairs: Tensor
    features: Tensor
    plain: Tensor
    moved: Tensor


class _Groups(Dataset[tuple[Float32, Float32, Float32, Float32]]):
    """Group number n, by a random generator seeded with (seed, n)."""

    def __init__(self, task: ShapeTask) -> None:
        self.sets, self.spec, self.how, self.seed = task.sets, task.spec, task.how, task.seed
        self.reference = task.reference
        sets = task.sets
        shares = np.array([share for _, share in sets])
        self._chances = shares / shares.sum()

    def __getitem__(self, n: int) -> tuple[Float32, Float32, Float32, Float32]:
        rng = np.random.default_rng((self.seed, n))
        faces = self.sets[int(rng.choice(len(self.sets), p=self._chances))][0]
        group = int(rng.choice(faces.usable))
        rest = int(rng.integers(AT_REST))
        others = [k for k in range(faces.plain.shape[1]) if k != rest]
        chosen = [rest, *rng.choice(others, self.spec.faces - 1, replace=False).tolist()]
        tint = int(rng.integers(1 << 31)) if rng.random() < self.spec.colour else None
        bend = Bend.random(rng, self.spec.bend_px) if self.spec.bend_px > 0 else None
        crops = [shaken(faces.crops[group, k], self.how, tint, rng, bend) for k in chosen]
        fronts, turns = faces.seen()
        views = fronts[group, chosen] if bend is None else bend.points(fronts[group, chosen], self.reference)
        noise = self.spec.shake_points * rng.normal(size=(2, *fronts[group, chosen].shape)).astype(np.float32)
        now, rest_front = views + noise[0], views[0] + noise[1, 0]
        points = both_features(now, rest_front, turns[group, chosen], self.reference)
        return np.stack([halves(c) for c in crops]), points, faces.plain[group, chosen], faces.moved[group, chosen]


def both_features(fronts: Float32, rest: Float32, turns: Float32, reference: Float32) -> Float32:
    """(F, 2, FEATURES): without and with the face at rest, as the running stage makes them.

    Args:
        fronts: (F, 98, 2); a face that is NaN was not found, and looks like the one at rest.
        rest: (98, 2) front view at rest.
        turns: (F, 2) radians.
        reference: (98, 3) mean face.
    """
    turned = np.nan_to_num(turns)
    strange = features(fronts, None, turned, reference)
    if not np.isfinite(rest).any():
        return np.stack([strange, strange], axis=1)
    own = less_crooked(np.where(np.isfinite(rest), rest, reference[:, :2]).astype(np.float32))
    return np.stack([strange, features(fronts, own[None], turned, reference)], axis=1)


@dataclass(eq=False)
class ShapeTask:
    """See `loop.Task`.

    Attributes:
        net: a `ShapeReader`.
        reference: (98, 3) mean face that the landmarks' features refer to.
        spec: how it is taught.
        sets: what is learnt from, with shares.
        validation: faces of other persons.
        how: augmentation.
        batch, half, seed, workers: as the schedule has them; `batch` counts groups.
    """

    net: ShapeReader
    reference: Float32
    spec: ShapeSpec
    sets: Sequence[tuple[ShapeSet, float]]
    validation: ShapeSet
    how: Augmentation = field(default_factory=lambda: SHAKEN)
    batch: int = 12
    half: bool = True
    seed: int = 1
    workers: int = 0

    def __post_init__(self) -> None:
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batches(self, first_step: int) -> Iterator[ShapeBatch]:
        """Groups of crops and truth."""
        for parts in crop_batches(_Groups(self), first_step, self.batch, self.workers):
            yield ShapeBatch(*parts)

    def loss(self, batch: ShapeBatch) -> tuple[Tensor, Mapping[str, float]]:
        """Loss and its parts."""
        groups, faces = batch.pairs.shape[:2]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            found = self.net(batch.pairs.flatten(0, 1), batch.features.flatten(0, 1))
        stranger, familiar, own = (x.float().view(groups, faces, -1) for x in found)
        how = self.spec.strength, self.spec.squared
        known = shape_loss((familiar - own[:, :1])[:, 1:], batch.moved[:, 1:], *how)
        unknown = shape_loss(stranger, batch.plain, *how)
        parts = {"known": float(known.detach()), "unknown": float(unknown.detach())}
        return known + self.spec.stranger * unknown, parts

    def evaluate(self) -> dict[str, float]:
        """Mean correlation over the shapes with the resting face known and unknown; "score" is 1 - the former."""
        truth, known, unknown = answers(self.net, self.validation, self.reference, half=self.half)
        r = correlations(truth, known)
        mae = float(np.nanmean(np.abs(known - truth)))
        mean, strange = float(np.nanmean(r)), float(np.nanmean(correlations(truth, unknown)))
        return {"score": 1 - mean, "r": mean, "r_unknown": strange, "mae": mae, "weak": float((r < 0.5).sum())}


def shape_loss(logits: Tensor, weights: Tensor, strength: float, squared: float = 0.0) -> Tensor:
    """Cross-entropy of weights 0–1 (its minimum is the mean), and `squared` times their squared error; stronger
    movements counting more; NaN is left out."""
    known = torch.isfinite(weights)
    truth = torch.nan_to_num(weights)
    each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    least = F.binary_cross_entropy(truth, truth, reduction="none")
    worth = known * (1 + strength * truth)
    lost = each - least
    if squared:
        lost = lost + squared * (torch.sigmoid(logits) - truth) ** 2
    out: Tensor = (worth * lost).sum() / worth.sum().clamp(min=1.0)
    return out


def answers(net: ShapeReader, faces: ShapeSet, reference: Float32, *, half: bool) -> tuple[Float32, Float32, Float32]:
    """(N, 52) truth, and weights with the resting face known and unknown, of a whole set but its resting faces."""
    truth, beside, unknown = [], [], []
    rows, columns = slice(MARGIN, MARGIN + HEIGHT), slice(MARGIN, MARGIN + WIDTH)
    fronts, turns = faces.seen()
    for group in faces.usable.tolist():
        pairs = torch.from_numpy(np.stack([halves(c[rows, columns]) for c in faces.crops[group]]))
        resting = fronts[group, :AT_REST]
        known = np.isfinite(resting).all(axis=(1, 2))
        front = resting[known].mean(axis=0) if known.any() else resting[0]
        points = torch.from_numpy(both_features(fronts[group], front, turns[group], reference))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            stranger, familiar, own = (x.float() for x in net(pairs, points))
        rest = own[:AT_REST].mean(dim=0)
        beside.append(torch.sigmoid(familiar - rest)[AT_REST:].numpy())
        unknown.append(torch.sigmoid(stranger)[AT_REST:].numpy())
        truth.append(faces.moved[group, AT_REST:])
    return np.concatenate(truth), np.concatenate(beside), np.concatenate(unknown)


def correlations(truth: Float32, found: Float32) -> Float32:
    """(52,) Pearson's r of each shape; NaN where it is not known or never moves."""
    out = np.full(truth.shape[1], np.nan, np.float32)
    for k in range(truth.shape[1]):
        known = np.isfinite(truth[:, k])
        if known.sum() > 10:
            out[k] = pearson_r(truth[known, k], found[known, k]).value
    return out
