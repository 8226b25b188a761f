"""A landmark network in 8 bits: weights per channel, activations by what training crops show (post-training, static).

    python -m mien.lab.train.quantise --model points98-128 --out FOLDER --faces synthetic=FOLDER --faces pseudo=FOLDER

The file keeps float inputs and outputs; QuantizeLinear and DequantizeLinear around the layers are understood by ONNX
Runtime and by OpenVINO. What it costs is measured with `mien lab evaluate landmarks`, never assumed. Calibrated on the
training split of datasets: validation data would make the figures too good.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper

from mien.core.arrays import Float32
from mien.errors import ConfigError, ModelError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.export import half_stored
from mien.lab.train.augment import Augmentation, make_crop
from mien.lab.train.faces import DatasetFaces
from mien.lab.train.landmark_task import normalised
from mien.runtime.card import CardFacts, DataCard, ModelCard
from mien.runtime.store import MODEL_FILE, check_files, model_folder, write_card

log = logging.getLogger(__name__)

_LIMIT = "8-bit weights and activations: the points are coarser than those of the network that it was made from."


@dataclass(frozen=True, slots=True)
class How:
    """How to quantise.

    Attributes:
        percentile: of a layer's values that its 8 bits reach over, per cent; 100 = from least to most.
        whole: names (or beginnings of names) of nodes that stay as they are.
        symmetric: activations have signed ranges around 0 instead of ranges of their own: coarser, but needs no
            correction for where 0 lies.
    """

    percentile: float = 100.0
    whole: tuple[str, ...] = ()
    symmetric: bool = False


def quantise(folder: Path, out: Path, crops: Iterable[Float32], how: How | None = None) -> ModelCard:
    """Write OUT/model.onnx and card.json: the model of `folder` in 8 bits; its version ends in "-int8".

    Args:
        folder: of a model with one input.
        out: made if it is missing; the folder's name is the model's.
        crops: inputs (1, ...) as the card says, of training data; some hundred.
        how: None = as `How` begins.

    Raises:
        ModelError: the model is damaged, has several inputs, or cannot be quantised; no crops.
    """
    card, content = check_files(folder)
    if len(card.inputs) != 1:
        raise ModelError(f"{folder}: has {len(card.inputs)} inputs; one is expected")
    model = eight_bit(onnx.load_from_string(content), card.inputs[0].name, crops, how or How())
    out.mkdir(parents=True, exist_ok=True)
    (out / MODEL_FILE).write_bytes(half_stored(model).SerializeToString())
    facts = {name: getattr(card, name) for name in CardFacts.model_fields}
    data = (
        *card.training.data,
        DataCard(name="crops of these", licence="as above", use="ranges of 8 bits"),
    )
    changes = {
        "name": out.name,
        "version": f"{card.version}-int8",
        "scores": (),  # those of the float network
        "training": card.training.model_copy(update={"data": data}),
        "limits": (*card.limits, _LIMIT),
    }
    return write_card(out, CardFacts.model_validate(facts | changes))


def eight_bit(model: onnx.ModelProto, name: str, crops: Iterable[Float32], how: How) -> onnx.ModelProto:
    """The graph with QDQ nodes.

    Args:
        model: float32, its weights may be stored as float16.
        name: of its input.
        crops: see `quantise`.
        how: see `How`.

    Raises:
        ModelError: see `quantise`.
    """
    # They are slow to import, and nothing else here needs them.
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    reader = _Crops(name, crops)
    if not reader.rows:
        raise ModelError("there are no crops to find the ranges with")
    with tempfile.TemporaryDirectory() as place:
        raw, made = Path(place) / "whole.onnx", Path(place) / "eight.onnx"
        quant_pre_process(widened(model), str(raw), skip_symbolic_shape=True)
        whole = [n.name for n in onnx.load(raw).graph.node if n.name.startswith(how.whole)] if how.whole else []
        by_share = how.percentile < 100
        quantize_static(
            str(raw),
            str(made),
            reader,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8 if how.symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=whole,
            calibrate_method=CalibrationMethod.Percentile if by_share else CalibrationMethod.MinMax,
            extra_options={
                "QuantizeBias": False,  # OpenVINO wants biases in float32
                "ActivationSymmetric": how.symmetric,
                "WeightSymmetric": True,
                **({"CalibPercentile": how.percentile} if by_share else {}),
            },
        )
        done = onnx.load(made)
    done.producer_name, done.producer_version, done.doc_string = "mien", "", ""
    onnx.checker.check_model(done)
    return done


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """The inverse of `lab.export.half_stored`: weights that a Cast widens become float32 initializers."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    stored = {w.name: w for w in out.graph.initializer if w.data_type == TensorProto.FLOAT16}
    nodes = []
    for node in out.graph.node:
        if node.op_type == "Cast" and node.input[0] in stored:
            weight = stored[node.input[0]]
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float32), node.output[0]))
        else:
            nodes.append(node)
    del out.graph.node[:]
    out.graph.node.extend(nodes)
    return out


def training_crops(places: Sequence[tuple[str, Path]], count: int, size_px: int) -> Iterator[Float32]:
    """`count` shaken crops (1, 3, size_px, size_px), evenly spread over the training splits of datasets.

    Raises:
        ConfigError: a dataset has no training split.
    """
    rng = np.random.default_rng(1)
    for turn, (name, place) in enumerate(places):
        dataset = open_dataset(name, place)
        if not dataset.split_counts.get("train"):
            raise ConfigError(f"--faces {name}={place}: has no training split, and nothing else may be calibrated on")
        share = count // len(places) + (turn < count % len(places))
        dataset = dataset.split("train")
        faces = DatasetFaces(dataset, np.linspace(0, len(dataset) - 1, share).astype(int).tolist())
        for i in range(len(faces)):
            image = make_crop(faces.face(i), size_px, Augmentation(), rng).image
            yield np.ascontiguousarray(normalised(torch.from_numpy(image[None])).numpy())


class _Crops:
    """What the calibrator reads: one crop after another, then None."""

    def __init__(self, name: str, crops: Iterable[Float32]) -> None:
        self.rows = [{name: crop} for crop in crops]
        self._next = iter(self.rows)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._next, None)

    def rewind(self) -> None:
        self._next = iter(self.rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True, help="name of a shipped landmark network, or its folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new model, named as it")
    parser.add_argument("--faces", action="append", required=True, metavar="DATASET=FOLDER")
    parser.add_argument("--count", type=int, default=200, help="crops in all")
    parser.add_argument("--percentile", type=float, default=100.0)
    parser.add_argument("--symmetric", action="store_true", help="signed ranges of activations around 0")
    parser.add_argument("--whole", action="append", default=[], help="beginning of names of nodes that stay whole")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    places = []
    for text in given.faces:
        name, equals, place = text.partition("=")
        if not (name and equals and place):
            raise ConfigError(f"--faces {text}: expected DATASET=FOLDER, such as synthetic=FOLDER")
        places.append((name, Path(place)))
    folder = model_folder(given.model)
    size_px = int(check_files(folder)[0].inputs[0].shape[2] or 0)
    how = How(given.percentile, tuple(given.whole), given.symmetric)
    card = quantise(folder, given.out, training_crops(places, given.count, size_px), how)
    log.info("%s: %.2f MB", card.id, card.bytes / 1e6)


if __name__ == "__main__":
    main()
