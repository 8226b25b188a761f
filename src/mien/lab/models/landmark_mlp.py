"""The landmark solver's network: a small MLP, made exactly mirror-symmetric, and its ONNX form.

The weights of a mirrored face are the mirrored weights by construction: the network runs on the features and on
their mirror image, and the two answers are averaged. The ONNX graph holds all of it, with two constants that
belong to the weights: the mean face the features refer to, and how reliable each shape is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from mien.action_units.features import FEATURES, POINTS, mirror_features
from mien.core.arrays import Float32
from mien.core.schema import load_schema

WIDTHS = (256, 256, 192)
SHAPES = 52


class LandmarkMlp(nn.Module):
    """(B, FEATURES) → (B, 52) unclipped weights."""

    scale: Tensor
    order: Tensor
    signs: Tensor
    shape_order: Tensor
    gain: Tensor
    floor: Tensor
    gain_unknown: Tensor
    floor_unknown: Tensor

    def __init__(self) -> None:
        super().__init__()
        sizes = (FEATURES, *WIDTHS, SHAPES)
        self.linear = [nn.Linear(a, b) for a, b in pairwise(sizes)]
        self.layers = nn.ModuleList(self.linear)
        order, signs = mirror_features()
        spread = np.concatenate([np.full(2 * POINTS, 0.06), np.full(2 * POINTS, 0.04), [0.4, 0.3, 1.0]])
        self.register_buffer("scale", torch.tensor(1 / spread, dtype=torch.float32))
        self.register_buffer("order", torch.tensor(order))
        self.register_buffer("signs", torch.tensor(signs))
        self.register_buffer("shape_order", torch.tensor(np.array(load_schema("arkit52").mirror)))
        self.register_buffer("gain", torch.ones(SHAPES))
        self.register_buffer("floor", torch.zeros(SHAPES))
        self.register_buffer("gain_unknown", torch.ones(SHAPES))
        self.register_buffer("floor_unknown", torch.zeros(SHAPES))

    def forward(self, x: Tensor) -> Tensor:
        """Unclipped weights before gain and floor."""
        mirrored = x[:, self.order] * self.signs
        return 0.5 * (self._one(x) + self._one(mirrored)[:, self.shape_order])

    def calibrated(self, x: Tensor) -> Tensor:
        """(B, 52) weights, 0–1: as the ONNX file gives them."""
        known = x[:, -1:]
        floor = self.floor_unknown + known * (self.floor - self.floor_unknown)
        gain = self.gain_unknown + known * (self.gain - self.gain_unknown)
        return torch.clamp((self(x) - floor) * gain, 0.0, 1.0)

    def _one(self, x: Tensor) -> Tensor:
        y = x * self.scale
        for layer in self.linear[:-1]:
            y = torch.relu(layer(y))
        out: Tensor = self.linear[-1](y)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Constants:
    """What belongs to the weights.

    Attributes:
        reference: (98, 3) mean face.
        reliability: (52,) correlation of each shape on held-out faces.
        turn_offset: (2,) radians: what to take off the backend's yaw and pitch.
        lids: (2,) opening of the lids, relative to the open eye, below which an eye is shut and from which it is open.
    """

    reference: Float32
    reliability: Float32
    turn_offset: Float32
    lids: Float32


def write_onnx(net: LandmarkMlp, constants: Constants, path: Path) -> None:
    """Write the network: input "features" (N, FEATURES); outputs "weights" (N, 52) and the constants by name."""
    arrays = {
        "scale": net.scale.numpy(),
        "order": net.order.numpy(),
        "signs": net.signs.numpy(),
        "shape_order": net.shape_order.numpy(),
        "gain_unknown": net.gain_unknown.numpy(),
        "gain_more": (net.gain - net.gain_unknown).numpy(),
        "floor_unknown": net.floor_unknown.numpy(),
        "floor_more": (net.floor - net.floor_unknown).numpy(),
        "last": np.array([FEATURES - 1]),
        "half": np.array(0.5, dtype=np.float32),
        "zero": np.array(0.0, dtype=np.float32),
        "one": np.array(1.0, dtype=np.float32),
        "reference": constants.reference.astype(np.float32),
        "reliability": constants.reliability.astype(np.float32),
        "turn_offset": constants.turn_offset.astype(np.float32),
        "lids": constants.lids.astype(np.float32),
    }
    for i, layer in enumerate(net.linear):
        arrays[f"w{i}"] = layer.weight.detach().numpy().T.copy()
        arrays[f"b{i}"] = layer.bias.detach().numpy()
    nodes = [
        helper.make_node("Gather", ["features", "order"], ["turned"], axis=1),
        helper.make_node("Mul", ["turned", "signs"], ["mirrored"]),
        *_mlp("features", "straight", len(net.linear)),
        *_mlp("mirrored", "crossed", len(net.linear)),
        helper.make_node("Gather", ["crossed", "shape_order"], ["uncrossed"], axis=1),
        helper.make_node("Add", ["straight", "uncrossed"], ["twice"]),
        helper.make_node("Mul", ["twice", "half"], ["mean"]),
        helper.make_node("Gather", ["features", "last"], ["known"], axis=1),
        *_blend("floor"),
        *_blend("gain"),
        helper.make_node("Sub", ["mean", "floor"], ["above"]),
        helper.make_node("Mul", ["above", "gain"], ["gained"]),
        helper.make_node("Clip", ["gained", "zero", "one"], ["weights"]),
    ]
    graph = helper.make_graph(
        nodes,
        "landmark_solver",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", FEATURES])],
        [
            helper.make_tensor_value_info("weights", TensorProto.FLOAT, ["n", SHAPES]),
            helper.make_tensor_value_info("reference", TensorProto.FLOAT, [POINTS, 3]),
            helper.make_tensor_value_info("reliability", TensorProto.FLOAT, [SHAPES]),
            helper.make_tensor_value_info("turn_offset", TensorProto.FLOAT, [2]),
            helper.make_tensor_value_info("lids", TensorProto.FLOAT, [2]),
        ],
        [numpy_helper.from_array(a, name) for name, a in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="mien")
    model.ir_version = 9
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())


def _blend(name: str) -> list[onnx.NodeProto]:
    """name = its value with the neutral unknown + known × the rest."""
    return [
        helper.make_node("Mul", ["known", f"{name}_more"], [f"{name}_added"]),
        helper.make_node("Add", [f"{name}_added", f"{name}_unknown"], [name]),
    ]


def _mlp(source: str, target: str, layers: int) -> list[onnx.NodeProto]:
    """Scale, then Gemm and ReLU alternately; names are prefixed with the target's."""
    nodes = [helper.make_node("Mul", [source, "scale"], [f"{target}_0"])]
    for i in range(layers):
        last = i == layers - 1
        out = target if last else f"{target}_g{i}"
        nodes.append(helper.make_node("Gemm", [f"{target}_{i}", f"w{i}", f"b{i}"], [out]))
        if not last:
            nodes.append(helper.make_node("Relu", [out], [f"{target}_{i + 1}"]))
    return nodes
