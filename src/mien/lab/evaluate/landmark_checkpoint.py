"""A landmark network out of a training run's checkpoint, in torch: to look at its figures before it is exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Landmarks
from mien.core.record import Face
from mien.core.regions import tight_region_of_detection, tight_region_of_landmarks
from mien.core.schema import load_schema
from mien.errors import ModelError
from mien.lab.evaluate.landmark_finders import belonging, nothing, record_of
from mien.lab.models.answers import LandmarkMaps, LandmarkPoints
from mien.lab.train.augment import tight_square
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.landmark_task import LandmarkSpec, normalised, read_points
from mien.lab.train.landmarks import build
from mien.landmarks.heatmap import Decoding
from mien.pipeline.stage import Stage
from mien.runtime.warp import warp_crop

LOOKS = 2
"""End to end the network looks once into the detector's region and then into that of its own points."""


def load_checkpoint(path: Path) -> tuple[nn.Module, LandmarkSpec]:
    """The network of a `best.pt` or `last.pt` of `lab.train.landmarks`, ready to answer, and how it was taught.

    Raises:
        ModelError: it cannot be read, or holds no landmark network.
        ConfigError: it names a kind of network or a setting that there is not.
    """
    saved = read_checkpoint(path)
    facts = saved.get("facts", {})
    if not isinstance(facts, dict) or "model" not in facts or "net" not in saved:
        raise ModelError(f"{path}: holds no landmark network; expected best.pt or last.pt of a landmark training run")
    net = build(facts["model"])
    weights = saved["average"]["state"] if "average" in saved else saved["net"]
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{path}: the weights are not those of the network it names: {error}") from error
    net.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    return net, LandmarkSpec(**facts.get("task", {}))


class NetFinder:
    """See `landmark_finders.Finder`."""

    def __init__(
        self,
        net: nn.Module,
        spec: LandmarkSpec,
        detector: Stage,
        *,
        name: str = "network",
        flip: bool = False,
        upright: bool = True,
        decoding: Decoding | None = None,
    ) -> None:
        """
        Args:
            net, spec: from `load_checkpoint`.
            detector: finds faces in one picture.
            name: of the method.
            flip: answer with the mean over the crop and its mirror image.
            upright: crops turn with the head's roll; else they stay parallel to the picture.
            decoding: of heatmaps; None = as the network was validated in training.
        """
        self.name = name
        self._net, self._detector = net, detector
        self._spec = spec if decoding is None else replace(spec, decoding=decoding)
        self._flip, self._upright = flip, upright

    def in_picture(self, image: UInt8, truth_xy: Float32) -> Float32:
        """See `Finder`."""
        self._detector.reset()
        face = belonging(self._detector.step(record_of(image)).faces, truth_xy)
        if face is None:
            return nothing()
        points = self._look(image, self._first_region(face))
        for _ in range(LOOKS - 1):
            points = self._look(image, region_of_points(points, self._spec.input_px, self._upright))
        return points

    def in_true_crop(self, image: UInt8, truth_xy: Float32) -> Float32:
        """See `Finder`."""
        return self._look(image, region_of_points(truth_xy, self._spec.input_px, self._upright))

    def close(self) -> None:
        """Release models."""
        self._detector.close()

    def _first_region(self, face: Face) -> CropTransform:
        return tight_region_of_detection(face.box, face.keypoints if self._upright else None, self._spec.input_px)

    def _look(self, image: UInt8, region: CropTransform) -> Float32:
        crop = warp_crop(image, region, smooth=True)
        views = [crop, np.ascontiguousarray(crop[:, ::-1])] if self._flip else [crop]
        with torch.inference_mode():
            answer = self._net(normalised(torch.from_numpy(np.stack(views))))
        return region.to_image(read_points(unflipped(answer), self._spec)[0])


def region_of_points(points_xy: Float32, size_px: int, upright: bool) -> CropTransform:
    """The square around (98, 2) points, side 1.25 × the longer side of their tight box: as the runtime cuts it, turned
    with the head, or parallel to the picture (also where the points do not say how the head is turned)."""
    known = np.isfinite(points_xy).all(axis=1)
    landmarks = Landmarks(points_xy, known.astype(np.float32), load_schema("wflw98"))
    turned = tight_region_of_landmarks(landmarks, size_px) if upright else None
    return turned if turned is not None else CropTransform.around(*tight_square(points_xy), size_px)


def unflipped(answer: LandmarkMaps | LandmarkPoints) -> LandmarkMaps | LandmarkPoints:
    """Of the answer to a crop and its mirror image (a batch of two) the mean, seen as the crop; of one, the same."""
    order = load_schema("wflw98").mirror.tolist()
    if isinstance(answer, LandmarkMaps):
        maps = answer.maps[-1].float()
        back = maps[1:][:, order].flip(-1)
        return LandmarkMaps((torch.cat([maps[:1], back]).mean(dim=0, keepdim=True),), None)
    xy = answer.xy.float()
    back = xy[1:][:, order] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    scale, logits = answer.log_scale.float(), answer.visible_logits.float()
    return LandmarkPoints(torch.cat([xy[:1], back]).mean(dim=0, keepdim=True), _first(scale), _first(logits))


def _first(values: Tensor) -> Tensor:
    return values[:1]
