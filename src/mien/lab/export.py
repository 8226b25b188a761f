"""From a trained network to a model folder: ONNX with weights stored in half precision, card, parity.

Weights are stored as float16 and widened by a Cast before use, which both runtimes fold away when they load: the
file is half as large and the arithmetic stays what it was. What the weights lose by it, and what a backend's own
arithmetic (OpenVINO: bf16 where the CPU has it) loses, is measured by `parity`, not assumed.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from mien.core.arrays import AnyArray
from mien.errors import ModelError
from mien.runtime.card import CardFacts, InputCard, ModelCard, OutputCard
from mien.runtime.session import Precision, open_session
from mien.runtime.store import MODEL_FILE, write_card

OPSET = 17
_SMALL = 64
"""Tensors with fewer entries stay float32: nothing is gained, and constants of shape arithmetic are among them."""


Example = Tensor | tuple[Tensor, ...]
"""An input, or one of each."""


def export(net: nn.Module, example: Example, folder: Path, facts: CardFacts) -> ModelCard:
    """Write `model.onnx` and `card.json`.

    Args:
        net: takes the card's inputs and gives a tensor or a tuple of tensors, both in the card's order.
        example: an input; axes whose length is None on the card may have any length later.
        folder: made if it is missing.
        facts: names, shapes and everything else the card says.

    Raises:
        ModelError: the card does not fit the network, or a weight does not fit into float16.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ports: list[InputCard | OutputCard] = [*facts.inputs, *facts.outputs]
    free = {p.name: {axis: f"{p.name}_{axis}" for axis, n in enumerate(p.shape) if n is None} for p in ports}
    model = half_stored(traced(net, example, [p.name for p in ports], free))
    (folder / MODEL_FILE).write_bytes(model.SerializeToString())
    return write_card(folder, facts)


def traced(
    net: nn.Module, example: Example, names: Sequence[str], free: Mapping[str, Mapping[int, str]]
) -> onnx.ModelProto:
    """The network as ONNX in evaluation mode; normalisation is folded into the convolutions before it.

    Args:
        net: see `export`.
        example: see `export`.
        names: of the inputs, then of the outputs.
        free: name → axis → its name, for axes of any length.
    """
    before, inputs = net.training, _inputs(example)
    net.eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # The newer exporter needs packages that nothing else here needs.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            inputs,
            buffer,  # type: ignore[arg-type]  # the older exporter writes into buffers too
            dynamo=False,
            opset_version=OPSET,
            input_names=list(names[: len(inputs)]),
            output_names=list(names[len(inputs) :]),
            dynamic_axes={k: dict(v) for k, v in free.items() if v},
        )
    net.train(before)
    model = onnx.load_from_string(buffer.getvalue())
    model.producer_name, model.producer_version, model.doc_string = "mien", "", ""
    onnx.checker.check_model(model)
    return model


def _inputs(example: Example) -> tuple[Tensor, ...]:
    return (example,) if isinstance(example, Tensor) else example


def half_stored(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its larger float32 weights stored as float16.

    Raises:
        ModelError: a weight is not finite or beyond float16's range.
    """
    out = onnx.ModelProto()
    out.CopyFrom(model)
    casts = []
    for weight in out.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < _SMALL:
            continue
        values = numpy_helper.to_array(weight)
        if not (np.abs(values) <= np.finfo(np.float16).max).all():
            raise ModelError(f"{weight.name}: holds {np.abs(values).max()}: float16 cannot store it; train with decay")
        stored = numpy_helper.from_array(values.astype(np.float16), f"{weight.name}_half")
        casts.append(helper.make_node("Cast", [stored.name], [weight.name], to=TensorProto.FLOAT))
        weight.CopyFrom(stored)
    nodes = [*casts, *out.graph.node]
    del out.graph.node[:]
    out.graph.node.extend(nodes)
    onnx.checker.check_model(out)
    return out


def parity(
    net: nn.Module,
    example: Example,
    folder: Path,
    ways: Sequence[tuple[str, Precision]] = (("onnxruntime", "auto"), ("openvino", "f32"), ("openvino", "auto")),
) -> dict[str, dict[str, float]]:
    """Largest absolute difference of each output from the network's own, per backend and precision.

    Returns:
        {"backend precision": {output: difference}}.
    """
    net.eval()
    with torch.inference_mode():
        answer = net(*_inputs(example))
    tensors = (answer,) if isinstance(answer, Tensor) else tuple(answer)
    wanted: list[AnyArray] = [t.float().numpy() for t in tensors]
    content = (folder / MODEL_FILE).read_bytes()
    out: dict[str, dict[str, float]] = {}
    for backend, precision in ways:
        session = open_session(content, backend=backend, threads=1, precision=precision)
        try:
            found = session.run({n: x.numpy() for n, x in zip(session.inputs, _inputs(example), strict=True)})
        finally:
            session.close()
        gaps = {k: float(np.abs(v - w).max()) for (k, v), w in zip(found.items(), wanted, strict=True)}
        out[f"{backend} {precision}"] = gaps
    return out
