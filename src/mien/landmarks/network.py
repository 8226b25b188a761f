"""What Mien's own landmark networks have in common: where to look, whether to look again, and what is no face.

A network takes a tight region (`core.regions`: 1.25 × the points' box, upright) and answers in the region's px. The
region of a face that was in the record before comes from its points there (`feedback`), and stays as long as they move
little (`same_place`); of a new face from the detector's box and eyes. No smoothing: the frame before only tells where
to look.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from pydantic import Field

from mien.core.arrays import AnyArray, Float32, UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Landmarks
from mien.core.record import Face, FrameRecord
from mien.core.regions import (
    box_of_landmarks,
    tight_region_of_detection,
    tight_region_of_landmarks,
    tight_region_of_wide,
)
from mien.core.schema import load_schema
from mien.landmarks.same_place import apart, is_still
from mien.pipeline.stage import Options as StageOptions
from mien.pipeline.stage import StageBase
from mien.runtime.card import ModelCard, PictureNetwork
from mien.runtime.light import in_light
from mien.runtime.pixels import normalised
from mien.runtime.session import Precision
from mien.runtime.store import Model, open_model
from mien.runtime.warp import warp_crop

SCHEMA = "wflw98"
POINTS = 98
_OUTSIDE = 0.2
"""Confidence at most of a point outside the picture: it is a guess."""
_MOVED = 0.12
"""Share of a region's side by which the true region may lie, or differ in size, before a followed face is looked at
again."""
_RIM, _CUT_OFF = 0.03, 3
"""... or if so many points lie within this share of the region's side from its edges: it cuts the face off."""
_WORTH_ANOTHER_LOOK = 0.5
"""A new face whose first look reaches this share of `min_presence` may be a face that was cut badly."""


class NetworkOptions(StageOptions):
    """Options that the stages share; `model`, `precision` and `min_presence` get their defaults there."""

    model: str = Field(description="name of a shipped model, or a folder with model.onnx")
    precision: Precision | None = Field(
        default=None, description="arithmetic: auto, f32 or bf16; none = what the model's card says"
    )
    second_look: bool = Field(
        default=True,
        description="look again, in the region of the points found, at faces that are new or have moved far; the look "
        "that shows more of a face counts",
    )
    min_presence: float = Field(
        ge=0, le=1, description="a face whose network says less for 'a face is here' is dropped"
    )
    min_presence_new: float | None = Field(
        default=None, ge=0, le=1, description="the same for a face that was not followed before; none = the same value"
    )
    min_evidence_new: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="of such a face also the least product of that and the detector's probability; none = not asked",
    )
    backend: str | None = Field(default=None, description="inference backend; none = the best installed")
    threads: int | None = Field(default=None, ge=1, description="threads of the network; none = the backend's choice")
    batch: int = Field(
        default=1, ge=1, le=64, description="faces per run of the network: on a CPU one at a time is fastest"
    )


class Answer(NamedTuple):
    """What a network says about N regions.

    crop_xy: (N, 98, 2) float32, px of the region.
    confidence: (N, 98) float32, 0–1.
    presence: (N,) float32, 0–1: how much the region looks like a face.
    """

    crop_xy: Float32
    confidence: Float32
    presence: Float32


class Look(NamedTuple):
    """One region and what was found in it. `landmarks` in image px."""

    region: CropTransform
    landmarks: Landmarks
    presence: float


class NetworkLandmarks(StageBase, ABC):
    """Fills `Face.landmarks` (schema "wflw98") and drops faces that are none.

    Also sets `Face.box` to the bounding box of the points and `Face.crop` to the region that was looked at.
    """

    reads = frozenset({"image", "faces"})
    writes = frozenset({"faces", "faces.landmarks"})
    _views = 1
    """How often one run of the network is shown every crop."""

    def __init__(self, options: NetworkOptions, outputs: Mapping[str, tuple[int | None, ...]]) -> None:
        """
        Args:
            options: of the stage.
            outputs: name → shape of the outputs that the model must have; None = any length.

        Raises:
            ModelError: the model is damaged or is no such network.
            ConfigError: a precision that the backend does not offer.
        """
        self.options = options
        self._model = self._opened(options.model, outputs)
        self.size_px = int(self._model.card.inputs[0].shape[2] or 0)
        self._before: dict[int, tuple[Landmarks, CropTransform | None]] = {}
        self._regions: deque[tuple[Landmarks, CropTransform | None]] = deque(maxlen=16)

    def _opened(self, model: str, outputs: Mapping[str, tuple[int | None, ...]]) -> Model:
        """A network of this kind, run as the options say."""
        return open_model(
            model,
            backend=self.options.backend,
            threads=self.options.threads,
            precision=self.options.precision,
            batch=self.options.batch * self._views,
            kind=PictureNetwork("landmark network of this kind", "square", outputs),
        )

    @property
    def models(self) -> tuple[str, ...]:
        """Id of the network."""
        return (self._model.id,)

    @property
    def card(self) -> ModelCard:
        """Of the network."""
        return self._model.card

    def _run(self, pixels: Float32, *, new: bool = False) -> Mapping[str, AnyArray]:
        """The network's outputs for (N, 3, S, S) crops; `new` = of faces that were not followed before."""
        return self._model.run({"image": pixels})

    @abstractmethod
    def _read(self, outputs: Mapping[str, AnyArray]) -> Answer:
        """Points, confidence and presence from the outputs of a run."""

    def step(self, record: FrameRecord) -> FrameRecord:
        """Find the points of every face; several faces share runs of the network (`batch`)."""
        if record.image is None or not record.faces:
            return record
        seen = zip(record.faces, self.examine(record.image, record.faces), strict=True)
        found = [_with_points(f, look) for f, (look, new) in seen if self._is_face(look, new, f.box.confidence)]
        return replace(record, faces=tuple(found))

    def examine(self, image: UInt8, faces: Sequence[Face]) -> list[tuple[Look, bool]]:
        """What is seen where each face should be, with a second look where the first was only a guess; and whether the
        face is new. Nothing is dropped.

        Args:
            image: (H, W, 3) uint8 RGB.
            faces: as `step` gets them.
        """
        known = [self._region(face) for face in faces]
        out: dict[int, tuple[Look, bool]] = {}
        for new in (False, True):
            asked = [i for i, (_, is_new) in enumerate(known) if is_new == new]
            looks = dict(zip(asked, self.look(image, [known[i][0] for i in asked], new=new), strict=True))
            again = [i for i in asked if self._unsure(looks[i], new)]
            regions = [self._around(looks[i].landmarks) or looks[i].region for i in again]
            for i, second in zip(again, self.look(image, regions, new=new), strict=True):
                looks[i] = max(second, looks[i], key=lambda look: look.presence)
            for i, look in looks.items():
                out[i] = look._replace(presence=self._judged(look.presence, look.landmarks.xy)), new
        return [out[i] for i in range(len(known))]

    def look(self, image: UInt8, regions: Sequence[CropTransform], *, new: bool = False) -> list[Look]:
        """Run the network on square regions of an image, each shown at the network's size.

        Args:
            image: (H, W, 3) uint8 RGB.
            regions: any number; `size_wh` must be the network's.
            new: of faces that were not followed before: a stage may look more carefully.
        """
        out: list[Look] = []
        schema = load_schema(SCHEMA)
        for first in range(0, len(regions), self.options.batch):
            part = regions[first : first + self.options.batch]
            answer = self._read(self._run(self._pixels(image, part), new=new))
            for region, points, confidence, presence in zip(part, *answer, strict=False):
                xy = region.to_image(points)
                outside = (xy < -0.5).any(axis=1) | (xy > np.array(image.shape[1::-1]) - 0.5).any(axis=1)
                sure = np.where(outside, np.minimum(confidence, _OUTSIDE), confidence)
                out.append(Look(region, Landmarks(xy, sure, schema), float(presence)))
        return out

    def _judged(self, presence: float, xy: Float32) -> float:
        """The presence of the look that was chosen, knowing where in the image its points are: (98, 2) px."""
        return presence

    def feedback(self, record: FrameRecord) -> None:
        """Remember the points of the finished record: where its faces will be looked for in the next one."""
        self._before = {
            face.track_id: (face.landmarks, face.crop)
            for face in record.faces
            if face.track_id is not None and face.landmarks is not None and face.landmarks.schema.name == SCHEMA
        }

    def reset(self, track_id: int | None = None) -> None:
        """Forget where one face, or every face, was."""
        if track_id is None:
            self._before.clear()
        else:
            self._before.pop(track_id, None)

    def close(self) -> None:
        """Release the network."""
        self._model.close()

    def _pixels(self, image: UInt8, regions: Sequence[CropTransform]) -> Float32:
        """(batch, 3, S, S) float32; rows beyond the regions are 0."""
        pixels: Float32 = np.zeros((self.options.batch, 3, self.size_px, self.size_px), np.float32)
        for row, region in zip(pixels, regions, strict=False):
            normalised(warp_crop(in_light(image), region, smooth=True), row)
        return pixels

    def _region(self, face: Face) -> tuple[CropTransform, bool]:
        """Where to look for a face, and whether it is new."""
        if face.keypoints is None:
            points, before = (
                self._before.get(face.track_id, (None, None)) if face.track_id is not None else (None, None)
            )
            followed = self._around(points) if points is not None else None
            if followed is not None:
                return before if before is not None and is_still(before, followed) else followed, False
            if face.crop is not None:
                return tight_region_of_wide(face.crop, self.size_px), True
        return tight_region_of_detection(face.box, face.keypoints, self.size_px), True

    def _around(self, landmarks: Landmarks) -> CropTransform | None:
        """`tight_region_of_landmarks`; asked when a face is found and again in the next frame, worked out once."""
        for known, region in self._regions:
            if known is landmarks:
                return region
        region = tight_region_of_landmarks(landmarks, self.size_px)
        self._regions.append((landmarks, region))
        return region

    def _unsure(self, look: Look, new: bool) -> bool:
        """Whether the region was only a guess, or the face has moved on too far since it was chosen."""
        if not self.options.second_look or look.presence < _WORTH_ANOTHER_LOOK * self.options.min_presence:
            return False
        if new or apart(look.region, self._around(look.landmarks)) > _MOVED:
            return True
        inside = (look.region.to_crop(look.landmarks.xy) + 0.5) / self.size_px
        return bool(((inside < _RIM) | (inside > 1 - _RIM)).any(axis=1).sum() >= _CUT_OFF)

    def _is_face(self, look: Look, new: bool, detected: float) -> bool:
        """`detected`: the detector's probability, of no meaning for a face that is followed."""
        o = self.options
        least = max(o.min_presence, o.min_presence_new or 0.0) if new else o.min_presence
        doubted = new and o.min_evidence_new is not None and not look.presence * detected >= o.min_evidence_new
        return look.presence >= least and not doubted and bool(np.isfinite(look.landmarks.xy).any())


def _with_points(face: Face, look: Look) -> Face:
    box = box_of_landmarks(look.landmarks, face.box.confidence)
    return replace(face, landmarks=look.landmarks, crop=look.region, box=box or face.box)
