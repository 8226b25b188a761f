"""Support vector regression of action units as one ONNX graph of plain arrays, mirror-symmetric by construction.

Every unit has a machine (Vapnik 1995; RBF kernel) that reads its left side; the right side is what it reads of the
mirror image, an unsided unit the mean of both. All machines share one set of support vectors: a run is two distance
matrices and two matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mien.action_units.unit_features import feature_count, mirror_unit_features
from mien.core.arrays import Float32, Float64
from mien.core.schema import load_schema

FULL = 5.0
FACS = load_schema("facs")


def machine_names(never: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Units without their side, in the order of schema "facs", without those never measured."""
    every = dict.fromkeys(name.partition("_")[0] for name in FACS.names)
    return tuple(n for n in every if n not in never)


@dataclass(frozen=True, slots=True, eq=False)
class UnitMachines:
    """Fitted machines; M machines, S support vectors, F features.

    Attributes:
        units: (M) names without sides.
        mean, scale: (F,) of the features, before the kernel.
        support: (S, F) standardised.
        weights: (S, M); bias (M,).
        gamma: of the kernel exp(−gamma · |x − s|²).
        floor, gain: (M,): intensity = gain · (answer − floor), clipped to 0–5.
        reliability: (U,) correlation on held-out faces; 0 = never measured.
    """

    units: tuple[str, ...]
    mean: Float32
    scale: Float32
    support: Float32
    weights: Float32
    bias: Float32
    gamma: float
    floor: Float32
    gain: Float32
    reliability: Float32 = field(default_factory=lambda: np.zeros(len(FACS), np.float32))

    def answer(self, x: Float32) -> Float64:
        """(B, M) before floor and gain, of (B, F) features: the left sides."""
        z = (x.astype(np.float64) - self.mean) * self.scale
        square = (
            (z**2).sum(axis=1)[:, None] + (self.support.astype(np.float64) ** 2).sum(axis=1) - 2 * z @ self.support.T
        )
        return np.asarray(np.exp(-self.gamma * np.maximum(square, 0.0)) @ self.weights + self.bias, dtype=np.float64)

    def columns(self) -> tuple[list[int], list[float]]:
        """For each entry of schema "facs": its machine (0 where there is none), and the share of the straight answer: 1
        left, 0 right, ½ unsided."""
        machine, straight = [], []
        for name in FACS.names:
            unit, _, side = name.partition("_")
            machine.append(self.units.index(unit) if unit in self.units else 0)
            straight.append({"L": 1.0, "R": 0.0, "": 0.5}[side])
        return machine, straight

    def intensity(self, x: Float32) -> Float32:
        """(B, U) 0–5, schema "facs"; 0 where there is no machine: as the ONNX file gives it."""
        order, signs = mirror_unit_features()
        machine, straight = self.columns()
        left, right = self.answer(x)[:, machine], self.answer(x[:, order] * signs.astype(np.float32))[:, machine]
        both = np.array(straight) * left + (1 - np.array(straight)) * right
        measured = np.array([n.partition("_")[0] in self.units for n in FACS.names])
        out = (both - self.floor[machine]) * self.gain[machine] * measured
        return np.asarray(np.clip(out, 0.0, FULL), dtype=np.float32)


def write_onnx(machines: UnitMachines, reference: Float32, path: Path) -> None:
    """Write the graph: input "features" (N, F); outputs "intensity" (N, U), "reliability" (U,), "reference" (98, 3)."""
    order, signs = mirror_unit_features()
    machine, straight = machines.columns()
    measured = np.array([n.partition("_")[0] in machines.units for n in FACS.names], np.float32)
    support = machines.support.astype(np.float64)
    arrays = {
        "order": order,
        "signs": signs.astype(np.float32),
        "mean": machines.mean,
        "scale": machines.scale,
        "minus_twice_support": np.ascontiguousarray((-2 * support.T).astype(np.float32)),
        "support_square": (support**2).sum(axis=1).astype(np.float32),
        "minus_gamma": np.array(-machines.gamma, np.float32),
        "coefficients": np.ascontiguousarray(machines.weights[:, machine]),
        "bias": machines.bias[machine],
        "straight_share": np.array(straight, np.float32),
        "crossed_share": 1 - np.array(straight, np.float32),
        "floor": machines.floor[machine],
        "gain": machines.gain[machine] * measured,
        "zero": np.array(0.0, np.float32),
        "full": np.array(FULL, np.float32),
        "reliability": machines.reliability.astype(np.float32),
        "reference": reference.astype(np.float32),
        "last_axis": np.array([1]),
    }
    nodes = [
        helper.make_node("Gather", ["features", "order"], ["turned"], axis=1),
        helper.make_node("Mul", ["turned", "signs"], ["mirrored"]),
        *_machine("features", "straight"),
        *_machine("mirrored", "crossed"),
        helper.make_node("Mul", ["straight", "straight_share"], ["straight_part"]),
        helper.make_node("Mul", ["crossed", "crossed_share"], ["crossed_part"]),
        helper.make_node("Add", ["straight_part", "crossed_part"], ["both"]),
        helper.make_node("Sub", ["both", "floor"], ["above"]),
        helper.make_node("Mul", ["above", "gain"], ["gained"]),
        helper.make_node("Clip", ["gained", "zero", "full"], ["intensity"]),
    ]
    graph = helper.make_graph(
        nodes,
        "landmark_units",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", feature_count()])],
        [
            helper.make_tensor_value_info("intensity", TensorProto.FLOAT, ["n", len(FACS)]),
            helper.make_tensor_value_info("reliability", TensorProto.FLOAT, [len(FACS)]),
            helper.make_tensor_value_info("reference", TensorProto.FLOAT, [98, 3]),
        ],
        [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="mien")
    model.ir_version = 9
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())


def _machine(source: str, target: str) -> list[onnx.NodeProto]:
    """Standardise, distances to the support vectors, kernel, coefficients."""
    t = target
    return [
        helper.make_node("Sub", [source, "mean"], [f"{t}_centred"]),
        helper.make_node("Mul", [f"{t}_centred", "scale"], [f"{t}_z"]),
        helper.make_node("Mul", [f"{t}_z", f"{t}_z"], [f"{t}_zz"]),
        helper.make_node("ReduceSum", [f"{t}_zz", "last_axis"], [f"{t}_square"], keepdims=1),
        helper.make_node("MatMul", [f"{t}_z", "minus_twice_support"], [f"{t}_product"]),
        helper.make_node("Add", [f"{t}_product", f"{t}_square"], [f"{t}_partly"]),
        helper.make_node("Add", [f"{t}_partly", "support_square"], [f"{t}_far"]),
        helper.make_node("Max", [f"{t}_far", "zero"], [f"{t}_distance"]),
        helper.make_node("Mul", [f"{t}_distance", "minus_gamma"], [f"{t}_exponent"]),
        helper.make_node("Exp", [f"{t}_exponent"], [f"{t}_kernel"]),
        helper.make_node("MatMul", [f"{t}_kernel", "coefficients"], [f"{t}_sum"]),
        helper.make_node("Add", [f"{t}_sum", "bias"], [t]),
    ]
