"""Tiny ONNX models, made on the spot: y = x·w + b per row, and the mean of a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mien.runtime.card import CardFacts

WEIGHT = np.array([[1, -2], [0.5, 3], [0, 1]], dtype=np.float32)
BIAS = np.array([0.25, -1], dtype=np.float32)


def tiny_onnx() -> bytes:
    onnx = pytest.importorskip("onnx", reason="onnx is in the extra 'lab'")
    h, t = onnx.helper, onnx.numpy_helper
    graph = h.make_graph(
        [
            h.make_node("MatMul", ["x", "w"], ["xw"]),
            h.make_node("Add", ["xw", "b"], ["y"]),
            h.make_node("Cast", ["image"], ["pixels"], to=onnx.TensorProto.FLOAT),
            h.make_node("ReduceMean", ["pixels"], ["mean"], axes=[2, 3], keepdims=0),
        ],
        "tiny",
        [
            h.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["rows", 3]),
            h.make_tensor_value_info("image", onnx.TensorProto.UINT8, [1, 3, 4, 5]),
        ],
        [
            h.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["rows", 2]),
            h.make_tensor_value_info("mean", onnx.TensorProto.FLOAT, [1, 3]),
        ],
        [t.from_array(WEIGHT, "w"), t.from_array(BIAS, "b")],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def window_onnx() -> bytes:
    """Sums of 3 × 3 px, of pictures of any size: no smaller ones can be run."""
    onnx = pytest.importorskip("onnx", reason="onnx is in the extra 'lab'")
    h, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = h.make_graph(
        [h.make_node("Conv", ["x", "kernel"], ["y"])],
        "window",
        [h.make_tensor_value_info("x", kind, [1, 1, "h", "w"])],
        [h.make_tensor_value_info("y", kind, [1, 1, "i", "j"])],
        [onnx.numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "kernel")],
    )
    content: bytes = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8).SerializeToString()
    return content


def facts(**changes: Any) -> CardFacts:
    """The card of the tiny model."""
    table: dict[str, Any] = {
        "name": "tiny",
        "version": "1.0",
        "task": "test of the store",
        "licence": "Apache-2.0",
        "inputs": [
            {"name": "x", "shape": [None, 3], "recipe": "three numbers per row"},
            {"name": "image", "shape": [1, 3, 4, 5], "dtype": "uint8", "recipe": "RGB, planes first"},
        ],
        "outputs": [
            {"name": "y", "shape": [None, 2], "unit": "none"},
            {"name": "mean", "shape": [1, 3], "unit": "0–255"},
        ],
        "precision": "f32",
        "training": {"command": "none", "data": [{"name": "none", "licence": "CC0", "use": "none"}]},
        "scores": [{"metric": "error", "value": 0.5, "protocol": "by hand", "data": "none", "support": 3}],
        "limits": ["knows nothing"],
    }
    return CardFacts.model_validate(table | changes)
