"""Teaching a network of the cascade: batches of windows in, loss out. The loop is `train.loop`.

Face or not: cross-entropy, −(y log p + (1 − y) log(1 − p)); eq. 1 of seeds 000 and 001 prints 1 − log p in its second
half, which falls as p rises towards 1 and cannot be meant. Of each batch the hardest 70 % count (Zhang et al. 2016).
Box: eq. 2, squared distance (or smooth L1). Points: eq. 3, squared distance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.core.arrays import Float32
from mien.detect.cascade_geometry import normalised
from mien.lab.models.answers import WindowAnswer
from mien.lab.train.detector_boxes import MIRROR
from mien.lab.train.detector_windows import NEGATIVE, PART, POSITIVE, Windows, joined

BoxLoss = Literal["l2", "smooth_l1"]
LiveWindows = Callable[[int, int, np.random.Generator], Windows]
_MIRRORED = [2 * i + k for i in MIRROR for k in (0, 1)]


class Batch(NamedTuple):
    """Windows as tensors: image (B, 3, S, S), kind (B,), box (B, 4) and points (B, 10), NaN = not known."""

    image: Tensor
    kind: Tensor
    box: Tensor
    points: Tensor


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """How a network of the cascade is taught.

    Attributes:
        face_weight, box_weight, points_weight: of the losses (P and R 1, 0.5, 0.5; O 1, 0.5, 1).
        box_loss: "l2" (eq. 2) or "smooth_l1".
        hard: share of face or not losses that count, the largest ones.
        shares: of negatives, positives, parts in a batch.
        colour: strength of the change of brightness and of each colour.
        shade: strength of light that falls from one side: deviation of the logarithm of its slope, centre to edge.
        grey: share of windows without colour.
        dark: share of windows that are dimmed, to a tenth at most.
        duotone: share of windows in two colours by chance, one for dark and one for light (posters, night cameras).
        cover: share of windows with a rectangle of one colour before them.
        live: windows of a batch that are cut anew (`WindowTask.live`); the shares are those of the others.
    """

    face_weight: float = 1.0
    box_weight: float = 0.5
    points_weight: float = 0.5
    box_loss: BoxLoss = "l2"
    hard: float = 0.7
    shares: tuple[float, float, float] = (3.0, 1.0, 1.0)
    colour: float = 0.2
    shade: float = 0.35
    grey: float = 0.15
    dark: float = 0.0
    duotone: float = 0.08
    cover: float = 0.15
    live: int = 0


@dataclass(eq=False)
class WindowTask:
    """See `loop.Task`.

    Attributes:
        net: answers `WindowAnswer`.
        spec: how it is taught.
        windows: what is learnt from.
        held_out: windows of other pictures and people; they choose the best weights.
        batch, seed, half: as the schedule has them.
        live: cuts windows anew for each batch: how many, their side, chance; None = nothing does.
    """

    net: nn.Module
    spec: WindowSpec
    windows: Windows
    held_out: Windows
    batch: int = 256
    seed: int = 1
    half: bool = False
    live: LiveWindows | None = None
    _groups: tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...] = field(init=False)

    def __post_init__(self) -> None:
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._groups = tuple(np.flatnonzero(self.windows.kinds == k) for k in (NEGATIVE, POSITIVE, PART))

    def batches(self, first_step: int) -> Iterator[Batch]:
        """Batches by number."""
        shares = np.array(self.spec.shares) * [len(g) > 0 for g in self._groups]
        live = 0 if self.live is None else self.spec.live
        counts = np.round((self.batch - live) * shares / shares.sum()).astype(int)
        step = first_step
        while True:
            rng = np.random.default_rng((self.seed, step))
            chosen = np.concatenate(
                [g[rng.integers(len(g), size=n)] for g, n in zip(self._groups, counts, strict=True) if n]
            )
            windows = self.windows.only(chosen)
            if self.live is not None and live:
                windows = joined([windows, self.live(live, windows.crops.shape[1], rng)])
            yield shaken(windows, self.spec, rng)
            step += 1

    def loss(self, batch: Batch) -> tuple[Tensor, Mapping[str, float]]:
        """Weighted sum and its parts."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            answer: WindowAnswer = self.net(batch.image)
        return window_loss(flat(answer, len(batch.kind)), batch, self.spec)

    def evaluate(self) -> Mapping[str, float]:
        """On the held-out windows: misses among faces where one negative in 1,000 passes ("score"), median errors."""
        windows, scores, boxes = self.held_out, [], []
        for first in range(0, len(windows), 1024):
            image = torch.from_numpy(normalised(windows.crops[first : first + 1024]))
            answer = self.net(image)
            scores.append(answer.logits.reshape(-1).float().numpy())
            boxes.append(answer.box.reshape(-1, 4).float().numpy())
        logits, box = np.concatenate(scores), np.concatenate(boxes)
        positive, negative = windows.kinds == POSITIVE, windows.kinds == NEGATIVE
        out = {f"missed_{name}": missed(logits[positive], logits[negative], share) for name, share in _RATES.items()}
        error = np.abs(box - windows.boxes)[positive].mean(axis=1)
        return {"score": out["missed_1e-3"] + 0.1 * out["missed_1e-2"], **out, "box_error": float(np.median(error))}


def flat(answer: WindowAnswer, count: int) -> WindowAnswer:
    """(B, C) float32 of what may be (B, C, 1, 1) in another precision."""
    points = None if answer.points is None else answer.points.float().reshape(count, -1)
    return WindowAnswer(answer.logits.float().reshape(count, -1), answer.box.float().reshape(count, -1), points)


_DUOTONE = ((-1.0, -0.2), (0.0, 1.0))
_RATES = {"1e-2": 1e-2, "1e-3": 1e-3}


def missed(positive: Float32, negative: Float32, share: float) -> float:
    """Share of the positives at or below the value that `share` of the negatives exceed."""
    if not len(negative):
        return 0.0
    return float((positive <= np.quantile(negative, 1 - share)).mean())


def shaken(windows: Windows, spec: WindowSpec, rng: np.random.Generator) -> Batch:
    """Mirrored by chance, other light, some grey, some covered in part."""
    image = torch.from_numpy(normalised(windows.crops)).contiguous(memory_format=torch.channels_last)
    box, points = windows.boxes.copy(), windows.points.copy()
    count, size = len(windows), windows.crops.shape[1]
    turned = rng.random(count) < 0.5
    box[turned] = box[turned][:, [2, 1, 0, 3]] * np.array([-1, 1, -1, 1], np.float32)
    points[turned] = points[turned][:, _MIRRORED] * np.tile([-1, 1], 5).astype(np.float32)
    points[turned, 0::2] += 1
    image[turned] = image[turned].flip(-1)
    along = np.linspace(-1, 1, size, dtype=np.float32)
    slope = rng.normal(0, spec.shade, (2, count, 1)).astype(np.float32)
    light = np.exp(slope[0] * along)[:, None, :] * np.exp(slope[1] * along)[:, :, None]
    image = (image + 1) * torch.from_numpy(light)[:, None] - 1
    if spec.dark:
        dimmed = np.exp(-rng.uniform(0.4, 2.3, count) * (rng.random(count) < spec.dark)).astype(np.float32)
        image = (image + 1) * torch.from_numpy(dimmed)[:, None, None, None] - 1
    gain = np.exp(rng.normal(0, spec.colour, (count, 1, 1, 1)) + rng.normal(0, spec.colour / 3, (count, 3, 1, 1)))
    lift = rng.normal(0, spec.colour / 2, (count, 1, 1, 1))
    image = image * torch.from_numpy(gain.astype(np.float32)) + torch.from_numpy(lift.astype(np.float32))
    grey = torch.from_numpy(rng.random(count) < spec.grey)
    image[grey] = image[grey].mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    two = np.flatnonzero(rng.random(count) < spec.duotone)
    dark, light = (torch.from_numpy(rng.uniform(*span, (len(two), 3, 1, 1)).astype(np.float32)) for span in _DUOTONE)
    image[two] = dark + (light - dark) * (image[two].mean(dim=1, keepdim=True) + 1) / 2
    for i in np.flatnonzero(rng.random(count) < spec.cover):
        tall, wide = (size * rng.uniform(0.1, 0.45, 2)).astype(int)
        y, x = int(rng.integers(size - tall + 1)), int(rng.integers(size - wide + 1))
        image[i, :, y : y + tall, x : x + wide] = torch.from_numpy(rng.uniform(-1, 1, (3, 1, 1)).astype(np.float32))
    kind = torch.from_numpy(windows.kinds.astype(np.int64))
    return Batch(image.clamp(-1, 1), kind, torch.from_numpy(box), torch.from_numpy(points))


def window_loss(answer: WindowAnswer, batch: Batch, spec: WindowSpec) -> tuple[Tensor, Mapping[str, float]]:
    """The weighted sum of face, box and points; every answer (B, C)."""
    judged = batch.kind != PART
    wanted = (batch.kind[judged] == POSITIVE).float()
    each = F.binary_cross_entropy_with_logits(answer.logits[judged, 0], wanted, reduction="none")
    face = each.topk(max(1, round(spec.hard * len(each)))).values.mean() if len(each) else answer.logits.sum() * 0
    own = batch.kind != NEGATIVE
    placed = own & torch.isfinite(batch.box).all(dim=1)
    box = _distance(answer.box[placed], batch.box[placed], spec.box_loss)
    total = spec.face_weight * face + spec.box_weight * box
    parts = {"face": float(face.detach()), "box": float(box.detach())}
    if answer.points is not None:
        known = own & torch.isfinite(batch.points).all(dim=1)
        points = _distance(answer.points[known], batch.points[known], "l2")
        total, parts["points"] = total + spec.points_weight * points, float(points.detach())
    return total, parts


def _distance(found: Tensor, wanted: Tensor, kind: BoxLoss) -> Tensor:
    """Mean over the samples of the squared distance, or of the sum of smooth L1 (beta 0.1)."""
    if not len(found):
        return found.sum() * 0
    if kind == "l2":
        return (found - wanted).square().sum(dim=1).mean()
    return F.smooth_l1_loss(found, wanted, reduction="none", beta=0.1).sum(dim=1).mean()
