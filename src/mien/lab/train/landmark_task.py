"""Training of landmark networks: crops in, loss and NME out. The loop is `train.loop`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from mien.core.arrays import Float32, UInt8
from mien.lab.metrics.landmarks import face_errors, face_lengths
from mien.lab.models.answers import LandmarkMaps, LandmarkPoints
from mien.lab.models.lab import BOUNDARIES
from mien.lab.train.augment import PLAIN, Augmentation, make_crop
from mien.lab.train.faces import FaceSet, Mixture
from mien.lab.train.losses import (
    MapLoss,
    PointLoss,
    PointTargets,
    adaptive_wing_maps,
    gaussian_maps,
    gaussian_points,
    laplace_points,
    mse_maps,
    visibility,
    wing_points,
)
from mien.lab.train.together import Place, place
from mien.landmarks.heatmap import Decoding, crop_from_map, decode
from mien.runtime.pixels import MEAN_RGB, STD_RGB

FAILED = 0.10


@dataclass(frozen=True, slots=True)
class LandmarkSpec:
    """How a landmark network is taught.

    Attributes:
        input_px: side of the crop.
        stride: crop px per heatmap px; of no meaning for a regressor.
        sigma_px: of the Gaussian targets, heatmap px.
        map_loss, point_loss: which loss; see `losses`.
        visible_weight: of the cross-entropy on visibility.
        decoding: how validation reads heatmaps.
    """

    input_px: int = 128
    stride: int = 4
    sigma_px: float = 1.0
    map_loss: MapLoss = "adaptive_wing"
    point_loss: PointLoss = "laplace"
    visible_weight: float = 0.1
    decoding: Decoding = "dark"


class _Crops(Dataset[tuple[UInt8, Float32, Float32, Float32]]):
    """Training crop number n: drawn and shaken by a random generator seeded with (seed, n)."""

    def __init__(self, mixture: Mixture, how: Augmentation, size_px: int, seed: int) -> None:
        self.mixture, self.how, self.size_px, self.seed = mixture, how, size_px, seed

    def __getitem__(self, n: int) -> tuple[UInt8, Float32, Float32, Float32]:
        rng = np.random.default_rng((self.seed, n))
        crop = make_crop(self.mixture.draw(rng), self.size_px, self.how, rng)
        return crop.image, crop.points_xy, crop.visible, crop.weight


class BatchNumbers(Sampler[list[int]]):
    """Batches of whole numbers from a step on, without end; of several processes each takes its part."""

    def __init__(self, first_step: int, batch: int, group: Place) -> None:
        self.first, self.batch, self.group = first_step, batch, group

    def __iter__(self) -> Iterator[list[int]]:
        turn = self.first * self.group.size + self.group.rank
        while True:
            yield list(range(turn * self.batch, (turn + 1) * self.batch))
            turn += self.group.size


@dataclass(eq=False)
class LandmarkTask:
    """See `loop.Task`.

    Attributes:
        net: answers `LandmarkMaps` or `LandmarkPoints`.
        spec: how it is taught.
        mixture: what is learnt from.
        validation: name → set; the first one chooses the best weights, the others are reported.
        how: augmentation.
        batch, half, seed, workers: as the schedule has them; processes that make crops (0 = in this one).
    """

    net: nn.Module
    spec: LandmarkSpec
    mixture: Mixture
    validation: Mapping[str, FaceSet]
    how: Augmentation = field(default_factory=Augmentation)
    batch: int = 32
    half: bool = True
    seed: int = 1
    workers: int = 1

    def __post_init__(self) -> None:
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batches(self, first_step: int) -> Iterator[tuple[Tensor, PointTargets]]:
        """Normalised crops and targets."""
        crops = _Crops(self.mixture, self.how, self.spec.input_px, self.seed)
        for image, xy, visible, weight in crop_batches(crops, first_step, self.batch, self.workers):
            yield normalised(image), PointTargets(xy, visible, weight)

    def loss(self, batch: tuple[Tensor, PointTargets]) -> tuple[Tensor, Mapping[str, float]]:
        """Loss and its parts."""
        image, targets = batch
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            answer = self.net(image)
        if isinstance(answer, LandmarkMaps):
            return map_loss(answer, targets, self.spec)
        return point_loss(answer, targets, self.spec)

    def evaluate(self) -> dict[str, float]:
        """NME and failure rate per set (per cent); "score" is the first set's NME."""
        out: dict[str, float] = {}
        for name, faces in self.validation.items():
            errors = errors_on(self.net, faces, self.spec, half=self.half)
            nme = 100 * float(np.mean(errors[np.isfinite(errors)]))
            out.setdefault("score", nme)
            out |= {f"nme_{name}": nme, f"fr10_{name}": 100 * float(np.mean(~(errors <= FAILED)))}
        return out


def crop_batches(crops: Dataset[Any], first_step: int, batch: int, workers: int) -> DataLoader[Any]:
    """Batches of numbered crops from a step on, without end, made by `workers` processes (0 = this one)."""
    return DataLoader(
        crops,
        batch_sampler=BatchNumbers(first_step, batch, place()),
        num_workers=workers,
        worker_init_fn=one_thread,
        prefetch_factor=3 if workers else None,
    )


def normalised(image: Tensor) -> Tensor:
    """(B, S, S, 3) uint8 RGB → (B, 3, S, S) float32, ImageNet mean and deviation; channels last in memory."""
    mean, std = torch.tensor(MEAN_RGB), torch.tensor(STD_RGB)
    return ((image.to(torch.float32) - mean) / std).permute(0, 3, 1, 2)


def map_loss(answer: LandmarkMaps, targets: PointTargets, spec: LandmarkSpec) -> tuple[Tensor, Mapping[str, float]]:
    """Loss of heatmaps, summed over the supervised stages.

    Points outside the crop are not asked for. A point without a place that has a weight is nowhere: its map is to be
    empty.
    """
    xy = torch.nan_to_num((targets.xy + 0.5) / spec.stride - 0.5, nan=-100.0)
    size = answer.maps[-1].shape[-1]
    inside = ((xy > -0.5) & (xy < size - 0.5)).all(dim=-1)
    weight = targets.weight * (inside | targets.xy.isnan().any(dim=-1))
    wanted = gaussian_maps(xy, size, spec.sigma_px)
    measure = adaptive_wing_maps if spec.map_loss == "adaptive_wing" else mse_maps
    loss = torch.stack([measure(m.float(), wanted, weight) for m in answer.maps]).sum()
    parts = {"maps": float(loss.detach())}
    if answer.boundaries:
        lines, known = boundary_maps(wanted, weight)
        edges = torch.stack([measure(b.float(), lines, known) for b in answer.boundaries]).sum()
        loss, parts["lines"] = loss + edges, float(edges.detach())
    return _with_visibility(loss, parts, answer.visible_logits, targets, spec)


def point_loss(answer: LandmarkPoints, targets: PointTargets, spec: LandmarkSpec) -> tuple[Tensor, Mapping[str, float]]:
    """Loss of a regressor. With "wing" the spread learns from the points' errors, the points do not learn from it."""
    wanted = torch.nan_to_num((targets.xy + 0.5) / spec.input_px, nan=0.5)
    xy, scale, weight = answer.xy.float(), answer.log_scale.float(), targets.weight
    if spec.point_loss == "wing":
        loss = wing_points(xy, wanted, weight) + laplace_points(xy.detach(), scale, wanted, weight)
    elif spec.point_loss == "gaussian":
        loss = gaussian_points(xy, scale, wanted, weight)
    else:
        loss = laplace_points(xy, scale, wanted, weight)
    distance = (xy.detach() - wanted).norm(dim=-1)
    parts = {"error_px": float((distance * weight).sum() / weight.sum().clamp_min(1e-6)) * spec.input_px}
    return _with_visibility(loss, parts, answer.visible_logits, targets, spec)


def _with_visibility(
    loss: Tensor, parts: dict[str, float], logits: Tensor | None, targets: PointTargets, spec: LandmarkSpec
) -> tuple[Tensor, Mapping[str, float]]:
    if logits is None or not spec.visible_weight:
        return loss, parts
    seen = visibility(logits.float(), targets.visible)
    return loss + spec.visible_weight * seen, {**parts, "visible": float(seen.detach())}


def boundary_maps(points: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 98, H, W) maps of points → (B, 15, H, W) maps of lines: the highest of the line's points; and the lines'
    weights, the least of their points'."""
    lines = [points[:, list(line)].amax(dim=1) for line in BOUNDARIES]
    known = [weight[:, list(line)].amin(dim=1) for line in BOUNDARIES]
    return torch.stack(lines, dim=1), torch.stack(known, dim=1)


def read_points(answer: LandmarkMaps | LandmarkPoints, spec: LandmarkSpec) -> Float32:
    """(B, 98, 2) crop px."""
    if isinstance(answer, LandmarkMaps):
        xy, _ = decode(answer.maps[-1].float().numpy(), spec.decoding)
        return crop_from_map(xy, spec.stride)
    return np.asarray(answer.xy.float().numpy() * spec.input_px - 0.5, np.float32)


def errors_on(net: nn.Module, faces: FaceSet, spec: LandmarkSpec, *, half: bool = False, batch: int = 16) -> Float32:
    """(N,) NME (ratio) by the outer eye corners of each face, cropped by its true points, measured in crop px."""
    rng = np.random.default_rng(0)
    out = []
    for first in range(0, len(faces), batch):
        numbers = range(first, min(first + batch, len(faces)))
        crops = [make_crop(faces.face(i), spec.input_px, PLAIN, rng) for i in numbers]
        images = normalised(torch.from_numpy(np.stack([c.image for c in crops])))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            answer = net(images)
        truth = np.stack([np.where(c.weight[:, None] > 0, c.points_xy, np.nan) for c in crops])
        out.append(face_errors(truth, read_points(answer, spec), face_lengths(truth, "inter_ocular")))
    return np.concatenate(out).astype(np.float32)


def mean_points(mixture: Mixture, how: Augmentation, spec: LandmarkSpec, count: int = 200) -> Tensor:
    """(98, 2) mean place of each point in training crops, 0–1 of the crop: where a regressor begins."""
    crops = _Crops(mixture, how, spec.input_px, seed=0)
    points = np.stack([crops[n][1] for n in range(count)])
    return torch.from_numpy(np.nanmedian((points + 0.5) / spec.input_px, axis=0).astype(np.float32))


def one_thread(worker: int) -> None:
    """Start of a loading process: OpenCV and torch keep to one thread each."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
