"""Training of expression networks: crops in, loss and accuracy out. The loop is `train.loop`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mien.core.arrays import Float32, Int64, UInt8
from mien.lab.metrics.classes import accuracy, confusion_matrix, macro_f1
from mien.lab.models.expression.answer import ExpressionNetwork, ExpressionTargets
from mien.lab.train.augment import Augmentation, cover, photographed
from mien.lab.train.expression_faces import ExpressionFaces
from mien.lab.train.landmark_task import crop_batches, normalised


@dataclass(frozen=True, slots=True)
class ExpressionSpec:
    """How an expression network is taught.

    Attributes:
        input_px: side of the crop.
        smoothing: share of the probability that goes to all classes alike.
        mixup: α of the Beta distribution of mixtures (Zhang et al. 2018, "mixup"); 0 = none.
        mixed: chance that a batch is mixed.
        balance: how far rare classes weigh more: weight ∝ count^−balance; 0 = not at all, 1 = all classes alike.
        squeeze: width and height vary against each other by this share.
    """

    input_px: int = 48
    smoothing: float = 0.1
    mixup: float = 0.0
    mixed: float = 0.5
    balance: float = 0.3
    squeeze: float = 0.05


SHAKEN = Augmentation(scale=0.15, rotation_deg=15, rotation_chance=0.8, shift=0.03, cover=0.25, noise=0.1, jpeg=0.05)
"""Milder than for landmarks: the crop is aligned."""


def shake(
    how: Augmentation, squeeze: float, rng: np.random.Generator
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(3, 3) affine change of the unit square about its middle: mirror, turn, size, proportion, shift."""
    size = np.exp(rng.uniform(-how.scale, how.scale))
    turn = np.radians(rng.uniform(-how.rotation_deg, how.rotation_deg)) if rng.random() < how.rotation_chance else 0.0
    tall = np.exp(rng.uniform(-squeeze, squeeze))
    c, s = np.cos(turn), np.sin(turn)
    linear = size * np.array([[c, -s], [s, c]]) @ np.diag([tall, 1 / tall])
    if rng.random() < how.mirror:
        linear = linear @ np.diag([-1.0, 1.0])
    shift = np.clip(rng.normal(0, how.shift, 2), -2 * how.shift, 2 * how.shift) if how.shift else np.zeros(2)
    offset = 0.5 + shift - linear @ [0.5, 0.5]
    return np.array([[*linear[0], offset[0]], [*linear[1], offset[1]], [0, 0, 1]])


class Rounds:
    """Item of number n: every one of `count` once in `count` numbers, in an order that changes from round to round."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self._round, self._order = -1, np.zeros(0, np.int64)

    def __getitem__(self, n: int) -> int:
        turn, place = divmod(n, self.count)
        if turn != self._round:
            self._round = turn
            self._order = np.random.default_rng((self.seed, 1, turn)).permutation(self.count)
        return int(self._order[place])


_NONE: Float32 = np.zeros(0, np.float32)
"""Labels that no face of the set has."""


class _Crops(Dataset[tuple[UInt8, Float32, Float32, Float32]]):
    """Training crop number n. Every face once in N numbers, in an order that changes; chance is seeded by (seed, n)."""

    def __init__(self, faces: ExpressionFaces, how: Augmentation, spec: ExpressionSpec, seed: int) -> None:
        self.faces, self.how, self.spec, self.seed = faces, how, spec, seed
        self._order = Rounds(len(faces), seed)

    def __getitem__(self, n: int) -> tuple[UInt8, Float32, Float32, Float32]:
        i = self._order[n]
        rng = np.random.default_rng((self.seed, n))
        image = self.faces.shaken(i, self.spec.input_px, shake(self.how, self.spec.squeeze, rng))
        if rng.random() < self.how.cover:
            cover(image, np.zeros((0, 2), np.float32), rng)
        affect = _NONE if self.faces.affect is None else self.faces.affect[i]
        units = _NONE if self.faces.units is None else self.faces.units[i]
        return photographed(image, self.how, rng), self.faces.probabilities[i], affect, units


@dataclass(eq=False)
class ExpressionTask:
    """See `loop.Task`.

    Attributes:
        net: an `ExpressionNetwork`, what is taught.
        spec: how.
        faces: what is learnt from.
        held_out: a part of the training faces that chooses the best weights; never the validation split.
        how: augmentation.
        batch, half, seed, workers: as the schedule has them; processes that make crops (0 = in this one).
    """

    net: nn.Module
    spec: ExpressionSpec
    faces: ExpressionFaces
    held_out: ExpressionFaces
    how: Augmentation = field(default_factory=lambda: SHAKEN)
    batch: int = 64
    half: bool = True
    seed: int = 1
    workers: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.net, ExpressionNetwork):
            raise TypeError(f"ExpressionTask.net: expected an ExpressionNetwork, got {type(self.net).__name__}")
        self._network = self.net
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network.smoothing = self.spec.smoothing
        self._network.class_weight.copy_(torch.from_numpy(class_weights(self.faces, self.spec.balance)))

    def batches(self, first_step: int) -> Iterator[tuple[Tensor, ExpressionTargets]]:
        """Normalised crops and targets."""
        crops = _Crops(self.faces, self.how, self.spec, self.seed)
        for step, (image, *labels) in enumerate(crop_batches(crops, first_step, self.batch, self.workers), first_step):
            mixed = [normalised(image), *labels]
            rng = np.random.default_rng((self.seed, 3, step))
            if self.spec.mixup and rng.random() < self.spec.mixed:
                share = float(rng.beta(self.spec.mixup, self.spec.mixup))
                mixed = [share * one + (1 - share) * one.flip(0) for one in mixed]
            x, rows, *others = mixed
            yield x, ExpressionTargets(rows, *(one if one.shape[1] else None for one in others))

    def loss(self, batch: tuple[Tensor, ExpressionTargets]) -> tuple[Tensor, Mapping[str, float]]:
        """Loss and its parts."""
        image, targets = batch
        with torch.autocast(device_of(self.net).type, torch.bfloat16, enabled=self.half):
            answer = self._network(image)
        judged = self._network.judge(answer, targets)
        return judged.total, judged.parts

    def evaluate(self) -> dict[str, float]:
        """Accuracy and macro F1 on the held-out part; "score" is 1 − accuracy."""
        return figures(probabilities(self._network, self.held_out, self.spec.input_px, half=self.half), self.held_out)


class Labelled(Protocol):
    """Faces or clips with their labels; see `ExpressionFaces`."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the C expressions."""
        ...

    @property
    def probabilities(self) -> Float32:
        """(N, C)."""
        ...

    @property
    def counts(self) -> Int64:
        """(C,)."""
        ...


def class_weights(faces: Labelled, balance: float) -> Float32:
    """(C,) weights ∝ count^−balance, mean 1 over the faces; 1 for a class without a face."""
    counts = faces.counts.astype(np.float64)
    weight = np.where(counts > 0, np.maximum(counts, 1) ** -balance, 0)
    mean = (weight * counts).sum() / counts.sum()
    return np.asarray(np.where(counts > 0, weight / mean, 1), np.float32)


def device_of(net: nn.Module) -> torch.device:
    """Where a network's weights are."""
    return next(net.parameters()).device


def probabilities(
    net: ExpressionNetwork,
    faces: ExpressionFaces,
    size_px: int,
    *,
    half: bool = False,
    batch: int = 128,
    flip: bool = False,
) -> Float32:
    """(N, C) on plain crops; `flip`: mean with the mirror image."""
    out, device = [], device_of(net)
    for first in range(0, len(faces), batch):
        numbers = range(first, min(first + batch, len(faces)))
        x = normalised(torch.from_numpy(np.stack([faces.crop(i, size_px) for i in numbers]))).to(device)
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
            p = net(x).logits.float().softmax(dim=1)
            if flip:
                p = (p + net(x.flip(3)).logits.float().softmax(dim=1)) / 2
        out.append(p.cpu().numpy())
    return np.asarray(np.concatenate(out), np.float32)


def figures(found: Float32, faces: Labelled) -> dict[str, float]:
    """See `ExpressionTask.evaluate`."""
    names = np.array(faces.classes)
    matrix = confusion_matrix(
        names[faces.probabilities.argmax(axis=1)].tolist(), names[found.argmax(axis=1)].tolist(), faces.classes
    )
    right, f1 = accuracy(matrix, faces.classes).value, macro_f1(matrix, faces.classes).value
    chosen = np.take_along_axis(found, faces.probabilities.argmax(axis=1)[:, None], axis=1)
    return {
        "score": 1 - right,
        "accuracy": right,
        "macro_f1": f1,
        "nll": float(-np.log(np.maximum(chosen, 1e-9)).mean()),
    }


def plain(how: Augmentation) -> Augmentation:
    """Without things in front of the face or bad pictures: for short trials."""
    return replace(how, cover=0.0, noise=0.0, jpeg=0.0, blur=0.0, coarse=0.0)
