"""Training of networks that look and listen: clips in, loss and accuracy out. The loop is `train.loop`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mien.core.arrays import Float32, UInt8
from mien.errors import ConfigError
from mien.lab.models.expression.answer import ExpressionNetwork, ExpressionTargets
from mien.lab.train.augment import Augmentation, cover, photographed
from mien.lab.train.expression_clips import ExpressionClips
from mien.lab.train.expression_task import SHAKEN, ExpressionSpec, Rounds, class_weights, device_of, figures, shake
from mien.lab.train.landmark_task import crop_batches, normalised
from mien.lab.train.together import on_device

ClipInputs = tuple[Tensor, Tensor, Tensor]
"""(B, T, 3, S, S) normalised RGB, (B, T, 1, 96, 64) log-mel, (B,) 1 or 0: whether there is sound."""


class _Clips(Dataset[tuple[UInt8, Float32, np.float32, Float32, Float32]]):
    """Training clip number n, shaken as one: chance is seeded by (seed, n), the same for all its pictures."""

    def __init__(self, task: ClipTask) -> None:
        self.clips, self.how, self.spec, self.seed, self.muted = task.clips, task.how, task.spec, task.seed, task.muted
        self._order = Rounds(len(task.clips), task.seed)

    def __getitem__(self, n: int) -> tuple[UInt8, Float32, np.float32, Float32, Float32]:
        i, faces = self._order[n], self.clips.faces
        rng = np.random.default_rng((self.seed, n))
        moved = shake(self.how, self.spec.squeeze, rng)
        covered, heard = rng.random() < self.how.cover, rng.random() >= self.muted
        images = []
        for k in range(i * self.clips.moments, (i + 1) * self.clips.moments):
            image = faces.shaken(k, self.spec.input_px, moved)
            light = np.random.default_rng((self.seed, n, 7))
            if covered:
                cover(image, np.zeros((0, 2), np.float32), light)
            images.append(photographed(image, self.how, light))
        has_sound = np.float32(self.clips.has_sound[i] * heard)
        affect = np.zeros(0, np.float32) if faces.affect is None else faces.affect[i * self.clips.moments]
        return np.stack(images), self.clips.sound[i], has_sound, self.clips.probabilities[i], affect


@dataclass(eq=False)
class ClipTask:
    """See `loop.Task`.

    Attributes:
        net: an `ExpressionNetwork` of clips, what is taught.
        spec: how; clips are not mixed.
        clips: what is learnt from.
        held_out: a part of the training clips that chooses the best weights; never the validation split.
        how: augmentation of the pictures, alike for all of a clip.
        muted: chance that a clip is shown without its sound.
        batch, half, seed, workers: as the schedule has them; processes that make crops (0 = in this one).
    """

    net: nn.Module
    spec: ExpressionSpec
    clips: ExpressionClips
    held_out: ExpressionClips
    how: Augmentation = field(default_factory=lambda: SHAKEN)
    muted: float = 0.1
    batch: int = 8
    half: bool = True
    seed: int = 1
    workers: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.net, ExpressionNetwork):
            raise TypeError(f"ClipTask.net: expected an ExpressionNetwork, got {type(self.net).__name__}")
        if self.spec.mixup:
            raise ConfigError("[task] mixup: clips are not mixed; leave it out")
        self._network = self.net
        self._network.smoothing = self.spec.smoothing
        self._network.class_weight.copy_(torch.from_numpy(class_weights(self.clips, self.spec.balance)))

    def batches(self, first_step: int) -> Iterator[tuple[ClipInputs, ExpressionTargets]]:
        """Normalised crops with their sound, and targets."""
        for images, sound, has_sound, rows, affect in crop_batches(_Clips(self), first_step, self.batch, self.workers):
            one_by_one = normalised(images.flatten(0, 1))
            x = one_by_one.reshape(*images.shape[:2], *one_by_one.shape[1:])
            yield (x, sound, has_sound), ExpressionTargets(rows, affect if affect.shape[1] else None)

    def loss(self, batch: tuple[ClipInputs, ExpressionTargets]) -> tuple[Tensor, Mapping[str, float]]:
        """Loss and its parts."""
        inputs, targets = batch
        with torch.autocast(device_of(self.net).type, torch.bfloat16, enabled=self.half):
            answer = self._network(*inputs)
        judged = self._network.judge(answer, targets)
        return judged.total, judged.parts

    def evaluate(self) -> dict[str, float]:
        """Accuracy and macro F1 on the held-out part; "score" is 1 − accuracy."""
        found = clip_probabilities(self._network, self.held_out, self.spec.input_px, half=self.half)
        return figures(found, self.held_out)


def clip_inputs(clips: ExpressionClips, i: int, size_px: int) -> ClipInputs:
    """Clip i by itself, plain crops: a batch of one."""
    first = i * clips.moments
    crops = np.stack([clips.faces.crop(k, size_px) for k in range(first, first + clips.moments)])
    sound, has_sound = torch.from_numpy(clips.sound[i : i + 1]), torch.from_numpy(clips.has_sound[i : i + 1])
    return normalised(torch.from_numpy(crops))[None], sound, has_sound


def clip_probabilities(
    net: ExpressionNetwork,
    clips: ExpressionClips,
    size_px: int,
    *,
    half: bool = False,
    flip: bool = False,
    muted: bool = False,
) -> Float32:
    """(N, C) on plain crops, clip by clip; `flip`: mean with the mirror image; `muted`: as if none had sound."""
    out, device = [], device_of(net)
    for i in range(len(clips)):
        images, sound, has_sound = on_device(clip_inputs(clips, i, size_px), device)
        has_sound = has_sound * (not muted)
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
            p = net(images, sound, has_sound).logits.float().softmax(dim=1)
            if flip:
                p = (p + net(images.flip(4), sound, has_sound).logits.float().softmax(dim=1)) / 2
        out.append(p.cpu().numpy())
    return np.asarray(np.concatenate(out), np.float32)
