"""Milliseconds of the landmark networks alone, with random weights: backends, precisions, int8.

    python benchmarks/networks.py [--network hrnet98-256 ...] [--seconds 3] [--threads 2] [--json]

Needs the extra `lab`. How to read it: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from mien.core.arrays import AnyArray
from mien.errors import MienError, ModelError
from mien.lab.export import half_stored, traced
from mien.lab.models.hrnet import W18, HrNet
from mien.lab.models.regressor import MOBILE, Regressor
from mien.lab.train.landmark_export import Plain
from mien.runtime.session import Session, open_session

NETWORKS: dict[str, tuple[Callable[[], torch.nn.Module], int, list[str]]] = {
    "hrnet98-256": (lambda: HrNet(W18), 256, ["maps", "visible"]),
    "hrnet98-128": (lambda: HrNet(W18), 128, ["maps", "visible"]),
    "points98-128": (lambda: Regressor(MOBILE), 128, ["xy", "spread", "visible"]),
}
WARM_UP = 5


class Noise(CalibrationDataReader):  # type: ignore[misc]
    """Eight random inputs: int8's speed does not depend on what it was calibrated with."""

    def __init__(self, size_px: int) -> None:
        self._left = iter([{"image": picture(size_px, seed)} for seed in range(8)])

    def get_next(self) -> dict[str, AnyArray] | None:
        return next(self._left, None)


def picture(size_px: int, seed: int = 0) -> AnyArray:
    """(1, 3, S, S) float32, as a normalised crop is spread."""
    return np.random.default_rng(seed).normal(size=(1, 3, size_px, size_px)).astype(np.float32)


def quantised(model: onnx.ModelProto, size_px: int, folder: Path) -> Path:
    """The network with int8 convolutions (quantise and dequantise nodes)."""
    plain, ready, small = (folder / f"{name}.onnx" for name in ("plain", "ready", "int8"))
    onnx.save(model, str(plain))
    quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
    quantize_static(str(ready), str(small), Noise(size_px), quant_format=QuantFormat.QDQ, per_channel=True)
    return small


def sessions(name: str, threads: int, folder: Path) -> Iterator[tuple[str, Session]]:
    """Every way to run a network."""
    make, size_px, outputs = NETWORKS[name]
    torch.manual_seed(0)
    names = ["image", *outputs]
    free = {n: {0: f"{n}_0"} for n in names}
    model = traced(Plain(make()), torch.from_numpy(picture(size_px)), names, free)
    content, half = model.SerializeToString(), half_stored(model).SerializeToString()
    small = quantised(model, size_px, folder)
    for precision in ("auto", "f32"):
        yield f"openvino {precision}", open_session(content, threads=threads, precision=precision, batch=1)
    yield "openvino auto, any number of faces", open_session(content, threads=threads)
    yield "openvino auto, float16 file", open_session(half, threads=threads, batch=1)
    try:
        yield "openvino int8", open_session(small, threads=threads, batch=1)
    except ModelError as error:
        print(f"{name}: openvino int8 is left out: {error}", file=sys.stderr)
    yield "onnxruntime", open_session(content, backend="onnxruntime", threads=threads)
    yield "onnxruntime int8", open_session(small, backend="onnxruntime", threads=threads)


def measure(name: str, seconds: float, threads: int) -> dict[str, float]:
    """Median milliseconds of each way, in turns, so that a neighbour's load hits all of them."""
    feeds = {"image": picture(NETWORKS[name][1])}
    with tempfile.TemporaryDirectory() as folder:
        ways = dict(sessions(name, threads, Path(folder)))
        took: dict[str, list[float]] = {way: [] for way in ways}
        for session in ways.values():
            for _ in range(WARM_UP):
                session.run(feeds)
        end = time.perf_counter() + seconds * len(ways)
        while time.perf_counter() < end:
            for way, session in ways.items():
                for _ in range(3):  # the first after another network's turn finds cold caches
                    began = time.perf_counter_ns()
                    session.run(feeds)
                took[way].append((time.perf_counter_ns() - began) / 1e6)
        for session in ways.values():
            session.close()
    return {way: round(statistics.median(ms), 3) for way, ms in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Milliseconds of the landmark networks alone.")
    parser.add_argument("--network", action="append", choices=sorted(NETWORKS), help="repeatable; default: all")
    parser.add_argument("--seconds", type=float, default=3.0, help="per network and way")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    results = {name: measure(name, args.seconds, args.threads) for name in args.network or NETWORKS}
    if args.json:
        print(json.dumps(results, indent=2))
        return
    for name, ways in results.items():
        print(name)
        for way, ms in ways.items():
            print(f"  {way:38}{ms:9.2f} ms")


if __name__ == "__main__":
    try:
        main()
    except MienError as error:
        sys.exit(f"networks.py: {error}")
