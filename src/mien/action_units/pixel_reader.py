"""The pixel reader: weights of all 52 shapes from the aligned crop of a face, beside the same face at rest.

The network (`mien.lab.models.shape_reader`) gives three answers of 52 logits; the face at rest is kept as the running
mean of one of them over calm frames. What is calm is judged by the landmarks, as for the solver's own neutral.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mien.action_units.face_crop import HALF, HEIGHT, cut, face_crop, halves
from mien.action_units.features import FEATURES
from mien.action_units.neutral import PARTS, Neutral, part_of_shape
from mien.core.arrays import Float32, Float64, UInt8
from mien.errors import ModelError
from mien.runtime.light import in_light
from mien.runtime.store import open_model

SHAPES = 52
_OUTPUTS = ("stranger", "familiar", "own", "share", "reliability")
_PART = np.array([list(PARTS).index(p) for p in part_of_shape()])


@dataclass(slots=True)
class AtRest:
    """One person's face at rest, as the reader sees it.

    Attributes:
        horizon_s: how long the mean remembers calm time.
        own: (52,) logits.
    """

    horizon_s: float = 20.0
    own: Float64 = field(default_factory=lambda: np.zeros(SHAPES))
    _calm: Neutral = field(default_factory=Neutral)

    def __post_init__(self) -> None:
        self._calm.horizon_s = self.horizon_s

    @classmethod
    def settled(cls, own: Float32) -> AtRest:
        """A face at rest that is known for good: (52,) logits of a profile."""
        return cls(own=own.astype(np.float64), _calm=Neutral.settled(np.zeros((98, 2), np.float32)))

    @property
    def known(self) -> Float32:
        """(52,) 0 = nothing known … 1 = settled, by the part of the face that a shape belongs to."""
        known: Float32 = np.array([self._calm.known(p) for p in PARTS], dtype=np.float32)[_PART]
        return known

    def learn(self, t_ns: int, own: Float32, front: Float32, active: Mapping[str, float], trust: float) -> None:
        """See a frame; arguments as of `Neutral.learn`."""
        if self._calm.saw(t_ns):
            return
        shares = self._calm.learn(t_ns, front, active, trust)
        self.own += np.array([shares[p] for p in PARTS])[_PART] * (own - self.own)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the network says of one crop: (52,) logits each, schema "arkit52"."""

    stranger: Float32
    familiar: Float32
    own: Float32

    def weights(self, rest: AtRest | None) -> Float32:
        """(52,) 0–1: as of a stranger, and the more is known of the face at rest, beside that."""
        strange = _sigmoid(self.stranger)
        if rest is None:
            return strange
        known = rest.known
        return np.asarray(
            (1 - known) * strange + known * _sigmoid(self.familiar - rest.own.astype(np.float32)), np.float32
        )


class PixelReader:
    """The network.

    Args:
        model: name of a shipped model, or a folder.
        backend: of inference; None = the best installed.

    Attributes:
        share: (52,) 0–1: how much of each shape's weight comes from the pixels.
        reliability: (52,) correlation of each shape, both readers together, on people not trained on; 0 = not measured.

    Raises:
        ModelError: the model is missing, damaged, or no such network.
    """

    def __init__(self, model: str, backend: str | None = None) -> None:
        self._model = open_model(model, backend=backend, threads=1)
        card = self._model.card
        shape = (2, 3, HEIGHT, HALF)
        told = {i.name: i.shape for i in card.inputs}
        if told != {"image": shape, "features": (2, FEATURES)} or not set(_OUTPUTS) <= {o.name for o in card.outputs}:
            self._model.close()
            raise ModelError(
                f"{model}: is no pixel reader of shapes: expected the inputs image {shape} and features "
                f"(2, {FEATURES}), and the outputs {', '.join(_OUTPUTS)}; choose another model"
            )
        nothing = {"image": np.zeros(shape, np.float32), "features": np.zeros((2, FEATURES), np.float32)}
        constants = self._model.run(nothing)
        self.share: Float32 = constants["share"].astype(np.float32)
        self.reliability: Float32 = constants["reliability"].astype(np.float32)

    @property
    def model_id(self) -> str:
        """Name and version of the network."""
        return self._model.id

    def read(self, image: UInt8, xy: Float32, turn: Float64, reference: Float32, rows: Float32) -> Reading | None:
        """What pixels and landmarks of a face say together; None = the crop cannot be placed.

        Args:
            image: (H, W, 3) uint8 RGB.
            xy, turn, reference: see `face_crop`.
            rows: (2, FEATURES) of `features.features`: without and with the face at rest; twice without if unknown.
        """
        crop = face_crop(xy, turn, reference)
        if crop is None:
            return None
        found = self._model.run({"image": halves(cut(in_light(image), crop)), "features": rows})
        return Reading(*(np.asarray(found[name], dtype=np.float32).ravel() for name in _OUTPUTS[:3]))

    def close(self) -> None:
        """Release the network."""
        self._model.close()


def _sigmoid(x: Float32) -> Float32:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30.0, 30.0))), dtype=np.float32)
