"""Expressions from pixels: the aligned crop of a face through a small network, as calibrated probabilities.

The network's file gives probabilities already calibrated (temperature, Guo et al. 2017; the card says on what). Its
card names the classes; a class of schema "expression8" that it does not know is NaN.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Expression
from mien.core.record import Face, FrameRecord
from mien.core.schema import Schema, load_schema
from mien.core.timebase import NS_PER_S
from mien.errors import ModelError
from mien.expression.aligned import expression_region
from mien.expression.steady import Steady
from mien.pipeline import stage
from mien.pipeline.stage import StageBase
from mien.runtime.card import ModelCard, PictureNetwork
from mien.runtime.light import in_light
from mien.runtime.pixels import normalised
from mien.runtime.session import Precision
from mien.runtime.store import open_model
from mien.runtime.warp import warp_crop

SCHEMA = "expression8"
_GREY = 128
"""Value of pixels outside the picture."""
_LEAST_INSIDE = 0.5
"""Share of the crop that must lie in the picture."""


class Options(stage.Options):
    """Options of `NetworkExpression`."""

    model: str = Field(default="expression96", description="name of a shipped model, or a folder with model.onnx")
    mirrored: bool = Field(
        default=True, description="answer with the mean over the crop and its mirror image: steadier, twice the time"
    )
    steady_s: float = Field(
        default=0.15, ge=0, le=2, description="small changes are averaged over so many seconds; large ones pass at once"
    )
    every_s: float = Field(
        default=0.0, ge=0, le=1, description="a face is read once in every step of so many seconds; 0 = in every frame"
    )
    precision: Precision | None = Field(
        default=None, description="arithmetic: auto, f32 or bf16; none = what the model's card says"
    )
    backend: str | None = Field(default=None, description="inference backend; none = the best installed")
    threads: int | None = Field(default=1, ge=1, description="threads of the network; none = the backend's choice")


class NetworkExpression(StageBase):
    """Fills `Face.expression` (schema "expression8": probabilities that sum to 1 over the classes the network knows).

    NaN where the face could not be aligned, or lies mostly outside the picture. Confidence: the mean confidence of the
    landmarks; how sure the reading is, the probabilities themselves say.
    """

    reads = frozenset({"image", "faces", "faces.landmarks"})
    writes = frozenset({"faces.expression"})

    def __init__(self, options: Options | None = None) -> None:
        """
        Raises:
            ModelError: the model is damaged or is no such network.
            ConfigError: a precision that the backend does not offer.
        """
        self.options = o = options or Options()
        kind = PictureNetwork("expression network", "square", {"probabilities": (None, None)})
        self._batch = 2 if o.mirrored else 1
        how = {"backend": o.backend, "threads": o.threads, "precision": o.precision}
        self._model = open_model(o.model, batch=self._batch, kind=kind, **how)  # type: ignore[arg-type]
        self.size_px = int(self._model.card.inputs[0].shape[2] or 0)
        try:
            self._places = _places(self._model.card.outputs[0].schema_name)
        except ModelError:
            self._model.close()
            raise
        self._steady = Steady(o.steady_s)
        self._held: dict[int, tuple[int, Expression]] = {}

    @property
    def models(self) -> tuple[str, ...]:
        """Id of the network."""
        return (self._model.id,)

    @property
    def card(self) -> ModelCard:
        """Of the network."""
        return self._model.card

    def step(self, record: FrameRecord) -> FrameRecord:
        """Read every face."""
        if record.image is None or not record.faces:
            return record
        t_ns = record.stamp.t_ns
        read = [replace(f, expression=self._lately(f, t_ns) or self._read(record.image, f, t_ns)) for f in record.faces]
        return replace(record, faces=tuple(read))

    def feedback(self, record: FrameRecord) -> None:
        """Take over what a recorded frame says, so that a resumed capture goes on as if it had never stopped."""
        turn = self._turn(record.stamp.t_ns)
        for face in record.faces:
            if face.track_id is None or face.expression is None or face.expression.schema.name != SCHEMA:
                continue
            if self.options.every_s and self._held.get(face.track_id, (None,))[0] == turn:
                continue  # a reading that is held is not a new one
            self._steady.follow(face.track_id, face.expression.values, record.stamp.t_ns)
            self._held[face.track_id] = turn, face.expression

    def reset(self, track_id: int | None = None) -> None:
        """Forget how one face, or every face, looked."""
        self._steady.forget(track_id)
        if track_id is None:
            self._held.clear()
        else:
            self._held.pop(track_id, None)

    def close(self) -> None:
        """Release the network."""
        self._model.close()

    def _turn(self, t_ns: int) -> int:
        """Time in steps of `every_s`: the clock alone says when a face is read, so a resumed capture goes on alike."""
        return int(t_ns / (self.options.every_s * NS_PER_S)) if self.options.every_s else -1

    def _lately(self, face: Face, t_ns: int) -> Expression | None:
        """What was read of the face in this step of time already."""
        held = self._held.get(face.track_id) if face.track_id is not None and self.options.every_s else None
        return held[1] if held is not None and held[0] == self._turn(t_ns) else None

    def _read(self, image: UInt8, face: Face, t_ns: int) -> Expression:
        region = expression_region(face.landmarks, self.size_px) if face.landmarks is not None else None
        if region is None or _inside(region, image) < _LEAST_INSIDE:
            return unknown()
        found = self.probabilities(image, region)
        values: Float32 = np.full(len(load_schema(SCHEMA)), np.nan, np.float32)
        values[self._places] = found
        if face.track_id is not None:
            values = self._steady.next(face.track_id, values, t_ns)
        assert face.landmarks is not None
        seen = float(np.clip(np.nanmean(face.landmarks.confidence), 0, 1))
        return Expression(values, np.where(np.isfinite(values), seen, 0), load_schema(SCHEMA))

    def probabilities(self, image: UInt8, region: CropTransform) -> Float32:
        """(C,) of the network's own classes for one region of a picture (H, W, 3) uint8 RGB."""
        crop = warp_crop(in_light(image), region, smooth=True, outside=_GREY)
        pixels: Float32 = np.zeros((self._batch, 3, self.size_px, self.size_px), np.float32)
        normalised(crop, pixels[0])
        if self.options.mirrored:
            pixels[1] = pixels[0][:, :, ::-1]
        answer = self._model.run({"image": pixels})["probabilities"].astype(np.float64).mean(axis=0)
        return np.asarray(answer / answer.sum(), np.float32)


def unknown() -> Expression:
    """A face that was looked at and could not be read."""
    schema = load_schema(SCHEMA)
    return Expression(np.full(len(schema), np.nan, np.float32), np.zeros(len(schema), np.float32), schema)


def _places(schema_name: str | None) -> list[int]:
    """Where the network's classes stand in "expression8"."""
    target = load_schema(SCHEMA)
    try:
        schema: Schema = load_schema(schema_name or "")
    except KeyError:
        raise ModelError(f'output "probabilities": its card names schema {schema_name!r}, which is unknown') from None
    if schema.kind != "expression" or any(name not in target for name in schema.names):
        raise ModelError(f'output "probabilities": schema "{schema.name}" names no expressions of "{SCHEMA}"')
    return [target.index(name) for name in schema.names]


def _inside(region: CropTransform, image: UInt8) -> float:
    """Share of a grid over the region that lies in the picture."""
    n = region.size_wh[0]
    at = np.linspace(0, n - 1, 9, dtype=np.float32)
    xy = region.to_image(np.stack(np.meshgrid(at, at), axis=-1))
    height, width = image.shape[:2]
    return float(((xy >= -0.5).all(axis=-1) & (xy[..., 0] < width - 0.5) & (xy[..., 1] < height - 0.5)).mean())
