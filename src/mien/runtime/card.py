"""The card of a model: what it takes, what it gives, where it comes from, how good it is and where it fails.

`ModelCard` is `card.json`, field by field. Nothing here opens a model: that is `mien.runtime.store`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mien.runtime.session import TensorSpec

SAFE_NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
"""Names of models: also a folder's name, so nothing that could point elsewhere."""

Text = Annotated[str, Field(min_length=1)]
Dtype = Literal["float32", "float16", "float64", "int64", "int32", "int8", "uint8", "bool"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


class InputCard(_Part):
    """One input and how to prepare it."""

    name: Text
    shape: tuple[Annotated[int, Field(ge=1)] | None, ...] = Field(description="null = any length")
    dtype: Dtype = "float32"
    recipe: Text = Field(description="what to put in: colour order, size, mean and scale, crop convention, units")

    @property
    def spec(self) -> TensorSpec:
        return TensorSpec(self.name, self.shape, self.dtype)


class OutputCard(_Part):
    """One output and how to read it."""

    name: Text
    shape: tuple[Annotated[int, Field(ge=1)] | None, ...] = Field(description="null = any length")
    dtype: Dtype = "float32"
    schema_name: str | None = Field(None, alias="schema", description="Mien schema that names the entries")
    unit: Text = Field(description="unit and range, e.g. px of the crop, 0–5, probability")

    @property
    def spec(self) -> TensorSpec:
        return TensorSpec(self.name, self.shape, self.dtype)


class DataCard(_Part):
    """One source of training data."""

    name: Text
    licence: Text
    use: Text = Field(description="what it was used for: training, validation, rig for synthetic samples, ...")


class TrainingCard(_Part):
    """How to make the weights again."""

    command: Text
    commit: str | None = None
    data: tuple[DataCard, ...]


class Score(_Part):
    """One measured number. Without protocol, data and support a number says nothing."""

    metric: Text
    value: float
    protocol: Text
    data: Text
    support: int = Field(ge=0, description="number of samples behind the value")


class CardFacts(_Part):
    """Everything on the card that its author writes; `write_card` adds the rest."""

    name: str = Field(pattern=SAFE_NAME)
    version: Text
    task: Text
    licence: Text
    authors: tuple[Text, ...] = ()
    inputs: tuple[InputCard, ...] = Field(min_length=1)
    outputs: tuple[OutputCard, ...] = Field(min_length=1)
    precision: Literal["auto", "f32"] = Field(
        default="auto", description="f32 = the network does not survive bf16 arithmetic"
    )
    training: TrainingCard
    scores: tuple[Score, ...] = ()
    limits: tuple[Text, ...] = Field(default=(), description="where the model fails, in plain sentences")

    @property
    def input_specs(self) -> tuple[TensorSpec, ...]:
        """The inputs as a session would describe them."""
        return tuple(i.spec for i in self.inputs)

    @property
    def output_specs(self) -> tuple[TensorSpec, ...]:
        """The outputs as a session would describe them."""
        return tuple(o.spec for o in self.outputs)


class ModelCard(CardFacts):
    """The whole `card.json`."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of model.onnx")
    bytes: int = Field(ge=1, description="size of model.onnx")

    @property
    def id(self) -> str:
        """Name and version: what records and takes say was used."""
        return f"{self.name}-{self.version}"


@dataclass(frozen=True, slots=True)
class PictureNetwork:
    """What a stage asks of its network: one picture `image` in, named outputs out.

    Attributes:
        name: of the kind, for messages, e.g. "P-Net".
        side: of the square picture in px; "square" = whatever the card says; "free" = any width and height in each run.
        outputs: name → shape, None = any length; a network may have more outputs.
    """

    name: str
    side: int | Literal["square", "free"]
    outputs: Mapping[str, tuple[int | None, ...]]

    def mismatch(self, card: CardFacts) -> str | None:
        """What to tell if the card is of another kind of network; None if it fits."""
        told = {o.name: o.spec for o in card.outputs}
        fits = all(name in told and _within(told[name], shape) for name, shape in self.outputs.items())
        if [i.name for i in card.inputs] == ["image"] and self._shows(card.inputs[0].spec) and fits:
            return None
        side = {"square": "S, S", "free": "any, any"}.get(str(self.side), f"{self.side}, {self.side}")
        wanted = ", ".join(f"{name} ({', '.join(map(_length, shape))})" for name, shape in self.outputs.items())
        have = [", ".join(f"{s.name} {s}" for s in specs) for specs in (card.input_specs, card.output_specs)]
        return (
            f"is no {self.name}: expected an input image (any, 3, {side}) and the outputs {wanted}; its card says "
            f"{have[0]} and {have[1]}; choose another model"
        )

    def _shows(self, spec: TensorSpec) -> bool:
        if spec.dtype != "float32" or len(spec.shape) != 4 or spec.shape[1] != 3:
            return False
        height, width = spec.shape[2:]
        if self.side == "free":
            return height is None and width is None
        return height == width and height is not None and self.side in ("square", height)


def _within(spec: TensorSpec, shape: tuple[int | None, ...]) -> bool:
    """Whether a tensor has a shape where that names lengths."""
    same = all(a is None or a == b for a, b in zip(shape, spec.shape, strict=False))
    return spec.dtype == "float32" and len(spec.shape) == len(shape) and same


def _length(n: int | None) -> str:
    return "any" if n is None else str(n)
