"""Who reads expressions: a model folder as the runtime runs it, a checkpoint of a run, or another program's network."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import torch

from mien.core.arrays import Float32
from mien.core.geometry import CropTransform
from mien.core.schema import load_schema
from mien.errors import ModelError, RequestError
from mien.expression.network import NetworkExpression, Options
from mien.lab.evaluate.mini_xception import FerReader
from mien.lab.models.expression.answer import ExpressionNetwork
from mien.lab.models.expression.catalogue import make
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.expression_faces import ExpressionFaces
from mien.lab.train.expression_task import probabilities


class Reader(Protocol):
    """Gives probabilities of its own classes for faces.

    Attributes:
        name: for tables.
        facts: of a checkpoint (`expression_plan.facts_of`); empty = no checkpoint.
        classes: common names, in the order of its answer.
    """

    name: str
    facts: Mapping[str, Any]
    classes: tuple[str, ...]

    def read(self, faces: ExpressionFaces) -> Float32:
        """(N, C)."""
        ...

    def latency_ms(self) -> float:
        """Median time of one face with everything from the picture on, ms; NaN = not measured."""
        ...

    def close(self) -> None:
        """Release the model."""
        ...


class StageReader:
    """The runtime's stage, face by face."""

    facts: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, model: str, *, mirrored: bool = True) -> None:
        self._stage = NetworkExpression(Options(model=model, mirrored=mirrored))
        card = self._stage.card
        self.name = card.id + (" (mirrored)" if mirrored else "")
        self.classes = load_schema(str(card.outputs[0].schema_name)).names
        self._times_ns: list[int] = []

    def read(self, faces: ExpressionFaces) -> Float32:
        """See `Reader`."""
        size = self._stage.size_px
        out = []
        for i in range(len(faces)):
            image = faces.images[i]
            rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
            matrix = faces.image_from_unit[i] @ np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, size]]) / size
            region = CropTransform(matrix.astype(np.float32), (size, size))
            began = time.perf_counter_ns()
            out.append(self._stage.probabilities(rgb, region))
            self._times_ns.append(time.perf_counter_ns() - began)
        return np.stack(out)

    def latency_ms(self) -> float:
        """See `Reader`."""
        return float(np.median(self._times_ns)) / 1e6 if self._times_ns else float("nan")

    def close(self) -> None:
        """Release the model."""
        self._stage.close()


@dataclass(eq=False)
class NetReader:
    """A network in torch.

    Attributes:
        net: in evaluation mode.
        size_px: side of its crop.
        flip: mean with the mirror image.
    """

    net: ExpressionNetwork
    size_px: int
    name: str
    classes: tuple[str, ...]
    flip: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    def read(self, faces: ExpressionFaces) -> Float32:
        """See `Reader`."""
        return probabilities(self.net, faces, self.size_px, flip=self.flip)

    def latency_ms(self) -> float:
        """Of the network alone, batch 1, in torch."""
        x, times = torch.zeros(1, 3, self.size_px, self.size_px), []
        with torch.inference_mode():
            for _ in range(12):
                began = time.perf_counter_ns()
                self.net(x)
                times.append(time.perf_counter_ns() - began)
        return float(np.median(times[2:])) / 1e6

    def close(self) -> None:
        """Nothing to release."""


def load_net(checkpoint: Path) -> tuple[ExpressionNetwork, dict[str, Any]]:
    """The averaged network of `best.pt` or `last.pt` of `mien lab train expression`, ready to answer; and its facts.

    Raises:
        ModelError: it is none.
    """
    state = read_checkpoint(checkpoint)
    try:
        facts = dict(state["facts"])
        net = make(facts["model"], len(facts["classes"]))
        net.load_state_dict(state["average"]["state"] if "average" in state else state["net"])
        _ = int(facts["task"]["input_px"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise ModelError(f"{checkpoint}: is no checkpoint of an expression network: {error}") from error
    return net.eval(), facts


def checkpoint_reader(checkpoint: Path, *, flip: bool) -> NetReader:
    """The reader of a training run."""
    net, facts = load_net(checkpoint)
    if "clips" in facts:
        raise RequestError(f"{checkpoint}: its network looks at clips with sound, not at single pictures")
    name = f"{facts['model']['name']} ({checkpoint.parent.name})"
    return NetReader(net, int(facts["task"]["input_px"]), name, tuple(facts["classes"]), flip, facts)


def reader_of(word: str, *, flip: bool) -> Reader:
    """A reader by one word: a checkpoint (.pt), "fer", or a model (shipped name or folder).

    Raises:
        RequestError: nothing is named, or it looks at clips.
        ModelError, MissingExtraError: it cannot be opened.
    """
    if not word:
        raise RequestError("name a model: a shipped one, a folder with model.onnx, a checkpoint .pt, or fer")
    if word == "fer":
        return FerReader()
    if word.endswith(".pt"):
        return checkpoint_reader(Path(word), flip=flip)
    return StageReader(word, mirrored=flip)


def by_name(found: Float32, own: Sequence[str], wanted: Sequence[str]) -> Float32:
    """(N, C) probabilities in the order of other classes; those that a reader does not know are 0, the rest sums to 1.

    Raises:
        RequestError: they have no class in common.
    """
    shared = [name for name in wanted if name in own]
    if not shared:
        raise RequestError(f"classes {', '.join(own)} and {', '.join(wanted)} have nothing in common")
    out: Float32 = np.zeros((len(found), len(wanted)), np.float32)
    for name in shared:
        out[:, list(wanted).index(name)] = found[:, list(own).index(name)]
    return np.asarray(out / np.maximum(out.sum(axis=1, keepdims=True), 1e-9), np.float32)
