"""Face detection with three networks, each of which looks closer at what the one before has left over (MTCNN, IMMTCNN).

Runs on every frame it is given; following faces is `detect.track`, which also asks it whether a followed region still
shows a face (`face_scores`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, NamedTuple

import cv2
import numpy as np
from pydantic import Field

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema
from mien.detect import cascade_geometry as geometry
from mien.pipeline.stage import Options as StageOptions
from mien.pipeline.stage import StageBase
from mien.runtime.card import PictureNetwork
from mien.runtime.light import in_light
from mien.runtime.session import Precision
from mien.runtime.store import Model, open_model
from mien.runtime.warp import warp_crop

_SAME_LEVEL, _SAME_CELL, _SAME_REFINED, _SAME_FACE = 0.5, 0.7, 0.7, 0.6
"""Overlaps above which the weaker finding is dropped: within a level, between levels and after R-Net (union), and in
the end (share of the smaller one, so that a face inside a face goes too)."""
_R_SAY = 0.5
"""Weight of R-Net's log odds beside O-Net's in the probability of a face: two networks that err apart."""
_WORTH, _FIRST_SAY = 0.5, 1.0
"""O-Net looks again, in the box that it gave itself, at what reaches this share of its threshold; weight of its first
log odds (with R-Net's say) beside its second."""
_R_BATCH, _O_BATCH = 32, 8
"""Crops per run: a fixed number, since OpenVINO prepares itself anew for every other one."""

_P = PictureNetwork("P-Net", "free", {"score": (None, 1, None, None), "box": (None, 4, None, None)})
_R = PictureNetwork("R-Net", geometry.R_SIZE, {"score": (None, 1), "box": (None, 4)})
_O = PictureNetwork("O-Net", geometry.O_SIZE, {"score": (None, 1), "box": (None, 4), "points": (None, 10)})

Probability = Annotated[float, Field(ge=0, le=1)]


class Options(StageOptions):
    """Options of `CascadeDetector`."""

    proposal: str = Field(default="immtcnn-p", description="P-Net: name of a shipped model, or a folder")
    refine: str = Field(default="immtcnn-r", description="R-Net: the same")
    output: str = Field(default="immtcnn-o", description="O-Net: the same")
    min_face_px: float = Field(default=24.0, ge=12, description="smallest face that is looked for, px of the picture")
    factor: float = Field(default=geometry.FACTOR, gt=0.3, lt=0.95, description="ratio of the pyramid's levels")
    thresholds: tuple[Probability, Probability, Probability] = Field(
        default=(0.6, 0.05, 0.97),
        description="least probability of a face after P-Net, R-Net and O-Net (with R-Net's say), each 0–1",
    )
    max_candidates: int = Field(default=800, ge=1, description="at most this many candidates of P-Net are refined")
    max_faces: int = Field(default=64, ge=1, description="at most this many faces, the most confident first")
    precision: Precision | None = Field(
        default=None, description="arithmetic: auto, f32 or bf16; none = what the models' cards say"
    )
    backend: str | None = Field(default=None, description="inference backend; none = the best installed")
    threads: int | None = Field(default=None, ge=1, description="threads of a network; none = the backend's choice")


class _Found(NamedTuple):
    """boxes: (N, 4) px; scores: (N,); points: (N, 5, 2) px, or (N, 0, 2) before O-Net."""

    boxes: Float32
    scores: Float32
    points: Float32

    def at(self, which: np.ndarray[tuple[int], np.dtype[np.generic]]) -> _Found:
        return _Found(self.boxes[which], self.scores[which], self.points[which])


class CascadeDetector(StageBase):
    """Finds faces in single frames.

    Writes `record.faces`: box and five key points (schema "points5") of every face, most confident first; no track id
    and no crop. P-Net looks at every place of an image pyramid, R-Net at what it found, O-Net twice at what R-Net left;
    each corrects the boxes. Sources: Zhang et al. 2016, "Joint Face Detection and Alignment"; seed 000 (IMMTCNN).
    Boxes reach from the middle of the forehead to the chin and from ear to ear, as WIDER FACE's.
    """

    reads = frozenset({"image"})
    writes = frozenset({"faces", "faces.keypoints"})

    def __init__(self, options: Options | None = None) -> None:
        """
        Raises:
            ModelError: a network is missing, damaged or none of its kind.
        """
        self.options = o = options or Options()
        self._models: list[Model] = []
        try:
            for name, batch, kind in ((o.proposal, None, _P), (o.refine, _R_BATCH, _R), (o.output, _O_BATCH, _O)):
                how = {"backend": o.backend, "threads": o.threads, "precision": o.precision}
                self._models.append(open_model(name, batch=batch, kind=kind, **how))  # type: ignore[arg-type]
        except BaseException:
            self.close()
            raise
        self._proposal, self._refine, self._output = self._models

    @property
    def models(self) -> tuple[str, ...]:
        """Ids of the three networks."""
        return tuple(model.id for model in self._models)

    def step(self, record: FrameRecord) -> FrameRecord:
        """Find the faces of one frame."""
        if record.image is None:
            return record
        found = self.find(record.image)
        schema = load_schema("points5")
        faces = tuple(
            Face(Box(box, float(score)), keypoints=Landmarks(points, np.full(len(schema), score, np.float32), schema))
            for box, score, points in zip(*found, strict=True)
        )
        return replace(record, faces=faces)

    def find(self, image: UInt8) -> tuple[Float32, Float32, Float32]:
        """Boxes (N, 4) px, probabilities (N,) and key points (N, 5, 2) px of an (H, W, 3) uint8 RGB picture."""
        halves = geometry.halvings(in_light(image))
        found = self._propose(halves, (image.shape[1], image.shape[0]))
        if len(found.boxes):
            found = self._look(self._refine, halves, found, geometry.R_SIZE, self.options.thresholds[1])
            found = found.at(geometry.suppressed(found.boxes, found.scores, _SAME_REFINED))
        if len(found.boxes):
            worth = _WORTH * self.options.thresholds[2]
            found = self._look(self._output, halves, found, geometry.O_SIZE, worth, _R_SAY)
        found = _without_repeats(found)
        if len(found.boxes):
            found = self._look(self._output, halves, found, geometry.O_SIZE, self.options.thresholds[2], _FIRST_SAY)
            found = _without_repeats(found)
        boxes, scores, points = found.at(np.arange(min(len(found.boxes), self.options.max_faces)))
        return boxes, scores, points.reshape(-1, 5, 2)

    def face_scores(self, image: UInt8, regions: Sequence[CropTransform]) -> Float32:
        """(N,) O-Net's probability that each region, 48 × 48 px, shows a face; see `track.FaceScores`."""
        pictures = np.zeros((len(regions), geometry.O_SIZE, geometry.O_SIZE, 3), np.uint8)
        for picture, region in zip(pictures, regions, strict=True):
            picture[:] = warp_crop(in_light(image), region, smooth=True, outside=geometry.OUTSIDE)
        return self._run(self._output, pictures)["score"].reshape(-1)

    def close(self) -> None:
        """Release the networks."""
        for model in self._models:
            model.close()

    def _propose(self, halves: list[UInt8], size_wh: tuple[int, int]) -> _Found:
        """P-Net over the pyramid; corrected boxes, the most probable first."""
        boxes, scores = [np.zeros((0, 4), np.float32)], [np.zeros(0, np.float32)]
        for level_wh in geometry.pyramid_sizes(size_wh, self.options.min_face_px, self.options.factor):
            answer = self._proposal.run({"image": geometry.normalised(_level(halves, level_wh)[None])})
            probable = answer["score"][0, 0]
            rows, columns = np.nonzero(probable >= self.options.thresholds[0])
            squares = geometry.cells(rows, columns, level_wh, size_wh)
            kept = geometry.suppressed(squares, probable[rows, columns], _SAME_LEVEL)
            rows, columns = rows[kept], columns[kept]
            boxes.append(geometry.corrected(squares[kept], answer["box"][0][:, rows, columns].T))
            scores.append(probable[rows, columns])
        every, probability = np.concatenate(boxes), np.concatenate(scores)
        kept = geometry.suppressed(every, probability, _SAME_CELL)[: self.options.max_candidates]
        return _Found(every[kept], probability[kept], np.zeros((len(kept), 0, 2), np.float32))

    def _look(
        self, model: Model, halves: list[UInt8], found: _Found, size_px: int, least: float, say: float = 0.0
    ) -> _Found:
        """A network on the squares of what was found before; corrected boxes (and points) of what it believes.

        `say` = weight of the probabilities from before beside the network's own.
        """
        squares = geometry.squared(found.boxes)
        answer = self._run(model, geometry.crops(halves, squares, size_px))
        scores = _pooled(answer["score"].reshape(-1), found.scores, say) if say else answer["score"].reshape(-1)
        good = np.flatnonzero(scores >= least)
        boxes = geometry.corrected(squares[good], answer["box"][good])
        shares = answer["points"][good].reshape(-1, 5, 2) if "points" in answer else np.zeros((len(good), 0, 2))
        return _Found(boxes, scores[good], geometry.points_to_picture(squares[good], shares.astype(np.float32)))

    def _run(self, model: Model, pictures: UInt8) -> dict[str, Float32]:
        """A network on any number of (N, S, S, 3) crops: in runs of its fixed number, the last one filled up."""
        batch = model.session.inputs["image"].shape[0] or max(1, len(pictures))
        parts: list[dict[str, Float32]] = []
        for first in range(0, max(1, len(pictures)), batch):
            part = pictures[first : first + batch]
            filled = np.zeros((batch, *pictures.shape[1:]), np.uint8)
            filled[: len(part)] = part
            answer = model.run({"image": geometry.normalised(filled)})
            parts.append({name: values[: len(part)] for name, values in answer.items()})
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def _without_repeats(found: _Found) -> _Found:
    """One of each face, its box by votes of the others, the most confident first."""
    kept = geometry.suppressed(found.boxes, found.scores, _SAME_FACE, "min")
    boxes = geometry.voted(found.boxes, found.scores, kept)
    sound = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return _Found(boxes, *found.at(kept)[1:]).at(np.flatnonzero(sound))


def _pooled(own: Float32, before: Float32, say: float) -> Float32:
    """(N,) logarithmic opinion pool of two judges: mean of their log odds, the second one weighted by `say`."""
    odds = [np.log(p / (1 - p)) for p in (np.clip(x.astype(np.float64), 1e-5, 1 - 1e-5) for x in (own, before))]
    return np.asarray(1 / (1 + np.exp(-(odds[0] + say * odds[1]) / (1 + say))), np.float32)


def _level(halves: list[UInt8], size_wh: tuple[int, int]) -> UInt8:
    """A level of the pyramid, from the smallest halving that is not smaller: bilinear, which up to half the side is as
    good as averaging; averaged where it goes further (the last levels: halvings end at R-Net's size)."""
    sources = [h for h in halves if h.shape[1] >= size_wh[0] and h.shape[0] >= size_wh[1]]
    source = sources[-1] if sources else halves[0]
    if source.shape[0] > 2 * size_wh[1] and source.shape[1] > 2 * size_wh[0]:
        return geometry.shrink(source, size_wh)
    return np.asarray(cv2.resize(source, size_wh, interpolation=cv2.INTER_LINEAR), np.uint8)
