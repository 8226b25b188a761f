"""Networks whose answers can be worked out by hand: for them a face is a bright disc on a dark ground.

A disc of radius r fills a detector's box; its 98 points lie in the lower four fifths of that box, its five key points
where a face has them. The networks are written with onnx.helper and speak as the real ones do: same inputs, outputs
and conventions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mien.core.arrays import Float32, UInt8
from mien.core.record import FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.runtime.card import CardFacts
from mien.runtime.pixels import MEAN_RGB, STD_RGB
from mien.runtime.store import MODEL_FILE, write_card

BRIGHT, DARK = 230, 20  # so bright that nothing is made brighter (runtime.light)
_SCHEMAS = {"probabilities": "expression7"}
SSD_PX, LANDMARK_PX = 64, 128
FIVE = np.array([(-0.45, -0.3), (0.45, -0.3), (0, 0.1), (-0.4, 0.5), (0.4, 0.5)], np.float32)
"""Key points of a disc, in radii from its middle."""
_CASCADE_DARK, _CASCADE_BRIGHT = 0.256, (BRIGHT - 127.5) / 128
_LANDMARK_DARK, _LANDMARK_BRIGHT = 0.297, (BRIGHT - MEAN_RGB[0]) / STD_RGB[0]


def layout() -> Float32:
    """(98, 2) points of a disc, in radii from its middle: 2 wide, 1.6 high, down to its lowest point."""
    xy = np.random.default_rng(3).uniform([-1, -0.6], [1, 1], (98, 2))
    index = load_schema("wflw98").index
    for name, place in {
        "right_eye_outer": (-0.6, -0.3),
        "left_eye_outer": (0.6, -0.3),
        "mouth_right": (-0.4, 0.5),
        "mouth_left": (0.4, 0.5),
        "contour_chin": (0, 1),
        "contour_right_16": (-1, -0.6),
        "contour_left_16": (1, -0.6),
    }.items():
        xy[index(name)] = place
    return xy.astype(np.float32)


def scene(discs: dict[str, tuple[float, float, float]], size_wh: tuple[int, int] = (320, 180)) -> UInt8:
    """Discs (centre x, centre y, radius) as a picture; in sixteenths of a px, with soft edges."""
    image = np.full((size_wh[1], size_wh[0], 3), DARK, np.uint8)
    for x, y, radius in discs.values():
        where = (round(16 * x), round(16 * y))
        cv2.circle(image, where, round(16 * radius), (BRIGHT,) * 3, -1, cv2.LINE_AA, shift=4)
    return image


def record(image: UInt8, index: int = 0, t_s: float = 0.0) -> FrameRecord:
    return FrameRecord(Stamp("discs", index, round(t_s * 1e9)), (image.shape[1], image.shape[0]), image)


class _Graph:
    """A few lines on top of onnx.helper."""

    def __init__(self) -> None:
        self.onnx = pytest.importorskip("onnx", reason="onnx is in the extra 'lab'")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def const(self, value: object, dtype: type = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def op(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        out = name or f"n{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def save(self, folder: Path, image: list[int | str], outputs: dict[str, list[int | str]]) -> None:
        h, kind = self.onnx.helper, self.onnx.TensorProto.FLOAT
        infos = [h.make_tensor_value_info(n, kind, shape) for n, shape in outputs.items()]
        ports = [h.make_tensor_value_info("image", kind, image)]
        graph = h.make_graph(self.nodes, folder.name, ports, infos, self.constants)
        model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
        folder.mkdir(parents=True)
        (folder / MODEL_FILE).write_bytes(model.SerializeToString())
        free = {n: [None if isinstance(s, str) else s for s in shape] for n, shape in outputs.items()}
        write_card(folder, _facts(folder.name, [None if isinstance(s, str) else s for s in image], free))

    def disc(self, size_px: int, dark: float, bright: float) -> tuple[str, str, str]:
        """(N, 1) x and y of the brightness's middle, px, and the radius of a disc of its area."""
        light = self.light(dark, bright)
        axes = self.const([1, 2, 3], np.int64)
        total = self.op("ReduceSum", light, axes, keepdims=0)
        total = self.op("Unsqueeze", total, self.const([1], np.int64))
        safe = self.op("Max", total, self.const([1e-3]))
        middle = []
        for shape in ((1, 1, 1, size_px), (1, 1, size_px, 1)):
            weighted = self.op("Mul", light, self.const(np.arange(size_px, dtype=np.float32).reshape(shape)))
            summed = self.op("Unsqueeze", self.op("ReduceSum", weighted, axes, keepdims=0), self.const([1], np.int64))
            middle.append(self.op("Div", summed, safe))
        radius = self.op("Sqrt", self.op("Div", total, self.const([np.pi])))
        return middle[0], middle[1], radius

    def light(self, dark: float, bright: float) -> str:
        """(N, 1, H, W) brightness of the red plane, 0–1 from dark to bright."""
        indices = [self.const([v], np.int64) for v in (0, 1, 1)]
        red = self.op("Slice", "image", *indices)
        scaled = self.op("Div", self.op("Sub", red, self.const([dark])), self.const([bright - dark]))
        return self.op("Clip", scaled, self.const(0.0), self.const(1.0))

    def along(self, middle: str, radius: str, radii: Float32, size_px: int) -> str:
        """(N, K) places, 0–1 of the picture: middle + radii · radius."""
        px = self.op("Add", self.op("MatMul", radius, self.const(radii[None])), middle)
        return self.op("Div", self.op("Add", px, self.const([0.5])), self.const([float(size_px)]))


def _facts(name: str, image: list[int | None], outputs: dict[str, list[int | None]]) -> CardFacts:
    table = {
        "name": name,
        "version": "0",
        "task": "test",
        "licence": "Apache-2.0",
        "inputs": [{"name": "image", "shape": image, "recipe": "as the real network"}],
        "outputs": [
            {"name": n, "shape": s, "unit": "as the real network", "schema": _SCHEMAS.get(n)}
            for n, s in outputs.items()
        ],
        "precision": "f32",
        "training": {"command": "none", "data": [{"name": "none", "licence": "CC0", "use": "none"}]},
    }
    return CardFacts.model_validate(table)


def _template(size_px: int) -> Float32:
    """(1, 1, S, S): mean inside a disc minus mean of the corners."""
    middle = (size_px - 1) / 2
    y, x = np.mgrid[:size_px, :size_px] - middle
    far = np.hypot(x, y) / (size_px / 2)
    inside, corner = far < 0.9, far > 1.1
    return np.asarray(inside / inside.sum() - corner / corner.sum(), np.float32)[None, None]


def write_proposal(folder: Path) -> None:
    g = _Graph()
    likeness = g.op("Conv", g.light(_CASCADE_DARK, _CASCADE_BRIGHT), g.const(_template(12)), strides=[2, 2])
    steep = g.op("Mul", g.op("Sub", likeness, g.const([0.6])), g.const([12.0]))
    g.op("Sigmoid", steep, name="score")
    g.op("Conv", "image", g.const(np.zeros((4, 3, 12, 12))), strides=[2, 2], name="box")
    g.save(folder, ["n", 3, "h", "w"], {"score": ["n", 1, "a", "b"], "box": ["n", 4, "a", "b"]})


def write_refiner(folder: Path, size_px: int, *, points: bool) -> None:
    """R-Net or O-Net."""
    g = _Graph()
    likeness = g.op("Conv", g.light(_CASCADE_DARK, _CASCADE_BRIGHT), g.const(_template(size_px)))
    flat = g.op("Flatten", g.op("Mul", g.op("Sub", likeness, g.const([0.35])), g.const([10.0])))
    g.op("Sigmoid", flat, name="score")
    x, y, radius = g.disc(size_px, _CASCADE_DARK, _CASCADE_BRIGHT)
    edges = [g.along(at, radius, np.array([side], np.float32), size_px) for side in (-1, 1) for at in (x, y)]
    g.op("Sub", g.op("Concat", *edges, axis=1), g.const([0.0, 0.0, 1.0, 1.0]), name="box")
    outputs: dict[str, list[int | str]] = {"score": ["n", 1], "box": ["n", 4]}
    if points:
        pairs = [g.op("Unsqueeze", g.along(at, radius, FIVE[:, i], size_px), g.const([2], np.int64))
                 for i, at in enumerate((x, y))]  # fmt: skip
        g.op("Flatten", g.op("Concat", *pairs, axis=2), name="points")
        outputs["points"] = ["n", 10]
    g.save(folder, ["n", 3, size_px, size_px], outputs)


def write_ssd(folder: Path) -> None:
    """Two findings of the one disc there is: a good one and a worse one half a radius to the right."""
    g = _Graph()
    x, y, radius = g.disc(SSD_PX, _CASCADE_DARK, _CASCADE_BRIGHT)
    rows = []
    for shift in (0.0, 0.5):
        sides = ((x, -1 + shift), (y, -1), (x, 1 + shift), (y, 1))
        row = g.op("Concat", *(g.along(a, radius, np.array([s], np.float32), SSD_PX) for a, s in sides), axis=1)
        rows.append(g.op("Unsqueeze", row, g.const([1], np.int64)))
    g.op("Concat", *rows, axis=1, name="boxes")
    there = g.op("Clip", radius, g.const(0.0), g.const(1.0))
    g.op("Mul", there, g.const([[0.9, 0.8]]), name="scores")
    g.save(folder, [1, 3, SSD_PX, SSD_PX], {"scores": [1, 2], "boxes": [1, 2, 4]})


def _points(g: _Graph, size_px: int = LANDMARK_PX) -> tuple[str, str, str]:
    """(N, 98) x and y, 0–1 of the crop, and (N, 1) how much of a disc there is, 0–1."""
    x, y, radius = g.disc(size_px, _LANDMARK_DARK, _LANDMARK_BRIGHT)
    there = g.op("Clip", g.op("Div", radius, g.const([size_px / 5])), g.const(0.0), g.const(1.0))
    xs, ys = (g.along(at, radius, layout()[:, i], size_px) for i, at in enumerate((x, y)))
    return xs, ys, there


def _seen(g: _Graph, there: str) -> None:
    """Every point visible with 0.9, whatever there is."""
    ones = g.op("MatMul", g.op("Mul", there, g.const([0.0])), g.const(np.zeros((1, 98))))
    g.op("Add", ones, g.const([0.9]), name="visible")


def write_points(folder: Path) -> None:
    g = _Graph()
    xs, ys, there = _points(g)
    g.op("Concat", *(g.op("Unsqueeze", a, g.const([2], np.int64)) for a in (xs, ys)), axis=2, name="xy")
    spread = g.op("Sub", g.const([0.5]), g.op("Mul", there, g.const([0.495])))
    g.op("MatMul", spread, g.const(np.ones((1, 98))), name="spread")
    _seen(g, there)
    g.save(folder, ["n", 3, LANDMARK_PX, LANDMARK_PX], {"xy": ["n", 98, 2], "spread": ["n", 98], "visible": ["n", 98]})


def write_heatmaps(folder: Path, size_px: int = LANDMARK_PX) -> None:
    """Gaussians of σ 1.5 px; as high as there is a disc."""
    g = _Graph()
    xs, ys, there = _points(g, size_px)
    side = size_px // 4
    lines = []
    for places in (xs, ys):
        px = g.op("Sub", g.op("Mul", places, g.const([float(side)])), g.const([0.5]))
        away = g.op("Sub", g.op("Unsqueeze", px, g.const([2], np.int64)), g.const(np.arange(side).reshape(1, 1, side)))
        lines.append(g.op("Exp", g.op("Mul", g.op("Mul", away, away), g.const([-1 / (2 * 1.5**2)]))))
    rows = g.op("Unsqueeze", lines[1], g.const([3], np.int64))
    maps = g.op("Mul", rows, g.op("Unsqueeze", lines[0], g.const([2], np.int64)))
    g.op("Mul", maps, g.op("Unsqueeze", there, g.const([2, 3], np.int64)), name="maps")
    _seen(g, there)
    g.save(folder, ["n", 3, size_px, size_px], {"maps": ["n", 98, side, side], "visible": ["n", 98]})


def write_expression(folder: Path, size_px: int = 16) -> None:
    """ "happiness" grows with the brightness of the crop's lower half, "anger" with that of its upper half."""
    g = _Graph()
    light = g.light(0.0, _LANDMARK_BRIGHT)
    halves = np.zeros((2, 1, size_px, size_px), np.float32)
    halves[0, 0, : size_px // 2], halves[1, 0, size_px // 2 :] = 1, 1
    both = g.op("Flatten", g.op("Conv", light, g.const(halves / (size_px**2 / 2))))
    names = load_schema("expression7").names
    place = np.zeros((2, len(names)), np.float32)
    place[0, names.index("anger")], place[1, names.index("happiness")] = 8, 8
    logits = g.op("Add", g.op("MatMul", both, g.const(place)), g.const([[2.0, *[0.0] * (len(names) - 1)]]))
    g.op("Softmax", logits, axis=1, name="probabilities")
    g.save(folder, ["n", 3, size_px, size_px], {"probabilities": ["n", len(names)]})


def write_all(root: Path) -> Path:
    """Every network, each in a folder named as the shipped one."""
    write_proposal(root / "immtcnn-p")
    write_refiner(root / "immtcnn-r", 24, points=False)
    write_refiner(root / "immtcnn-o", 48, points=True)
    write_ssd(root / "ssd-face")
    write_heatmaps(root / "hrnet98-128")
    write_heatmaps(root / "hrnet98-256", 256)
    write_points(root / "points98-128")
    for name in ("expression48", "expression96"):
        write_expression(root / name)
    return root
