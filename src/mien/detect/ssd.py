"""Face detection with a single network (SSD, Liu et al. 2016): the baseline beside the cascade.

Runs on every frame it is given; following faces is `detect.track`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field

from mien.core.arrays import Float32, UInt8
from mien.core.measures import Box
from mien.core.record import Face, FrameRecord
from mien.detect import cascade_geometry as geometry
from mien.pipeline.stage import Options as StageOptions
from mien.pipeline.stage import StageBase
from mien.runtime.card import PictureNetwork
from mien.runtime.light import in_light
from mien.runtime.session import Precision
from mien.runtime.store import open_model

_SSD = PictureNetwork("single-shot detector", "square", {"scores": (None, None), "boxes": (None, None, 4)})


class Options(StageOptions):
    """Options of `SsdDetector`."""

    model: str = Field(default="ssd-face", description="name of a shipped model, or a folder with model.onnx")
    min_confidence: float = Field(default=0.5, ge=0, le=1, description="findings below this are dropped")
    overlap: float = Field(
        default=0.45, ge=0, le=1, description="intersection over union above which two findings are one face"
    )
    max_faces: int = Field(default=64, ge=1, description="at most this many faces, the most confident first")
    precision: Precision | None = Field(
        default=None, description="arithmetic: auto, f32 or bf16; none = what the model's card says"
    )
    backend: str | None = Field(default=None, description="inference backend; none = the best installed")
    threads: int | None = Field(default=None, ge=1, description="threads of the network; none = the backend's choice")


class SsdDetector(StageBase):
    """Finds faces in single frames.

    Writes `record.faces`: the box of every face, most confident first; no key points, no track id and no crop. The
    picture is shrunk to fit the network's square, so the smallest face that can be found grows with the picture.
    """

    reads = frozenset({"image"})
    writes = frozenset({"faces"})

    def __init__(self, options: Options | None = None) -> None:
        """
        Raises:
            ModelError: the network is missing, damaged or no such detector.
        """
        self.options = o = options or Options()
        how = {"backend": o.backend, "threads": o.threads, "precision": o.precision}
        self._model = open_model(o.model, batch=1, kind=_SSD, **how)  # type: ignore[arg-type]
        self._side_px = int(self._model.card.inputs[0].shape[2] or 0)

    @property
    def models(self) -> tuple[str, ...]:
        """Id of the network."""
        return (self._model.id,)

    def step(self, record: FrameRecord) -> FrameRecord:
        """Find the faces of one frame."""
        if record.image is None:
            return record
        boxes, scores = self.find(record.image)
        faces = tuple(Face(Box(box, float(score))) for box, score in zip(boxes, scores, strict=True))
        return replace(record, faces=faces)

    def find(self, image: UInt8) -> tuple[Float32, Float32]:
        """Boxes (N, 4) px and probabilities (N,) of an (H, W, 3) uint8 RGB picture."""
        picture, px_per_input_px = fitted(in_light(image), self._side_px)
        answer = self._model.run({"image": geometry.normalised(picture[None])})
        scores = answer["scores"][0]
        good = np.flatnonzero(scores >= self.options.min_confidence)
        boxes = answer["boxes"][0][good] * np.float32(self._side_px * px_per_input_px) - np.float32(0.5)
        kept = geometry.suppressed(boxes, scores[good], self.options.overlap)
        kept = kept[(boxes[kept, 2:] > boxes[kept, :2]).all(axis=1)][: self.options.max_faces]
        return boxes[kept], scores[good][kept]

    def close(self) -> None:
        """Release the network."""
        self._model.close()


def fitted(image: UInt8, side_px: int) -> tuple[UInt8, float]:
    """The picture as the network takes it, and how many px of it one px of that is.

    Its longer side becomes `side_px`, its proportions stay; it lies at the top-left corner, the rest is
    `cascade_geometry.OUTSIDE`. Edges map to edges: x of the input is (x + 0.5) · ratio − 0.5 of the picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        side_px: side of the network's input.

    Returns:
        (side_px, side_px, 3) uint8, and the ratio.
    """
    height, width = image.shape[:2]
    ratio = max(height, width) / side_px
    size = (max(1, round(width / ratio)), max(1, round(height / ratio)))
    out = np.full((side_px, side_px, 3), geometry.OUTSIDE, np.uint8)
    out[: size[1], : size[0]] = geometry.shrink(image, size)
    return out, ratio
