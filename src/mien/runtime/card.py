"""The card of a model: what it takes, what it gives, where it comes from, how good it is and where it fails.

`ModelCard` is `card.json`, field by field. Nothing here opens a model: that is `mien.runtime.store`.
"""

from __future__ import annotations

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
