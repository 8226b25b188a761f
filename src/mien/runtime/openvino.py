"""Networks on OpenVINO: the fastest way on a CPU. Importing this module imports OpenVINO.

OpenVINO's import reports itself to its maker when the package `openvino_telemetry` is there. Mien sends
nothing anywhere, so that package is hidden while OpenVINO is imported.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from mien.core.arrays import AnyArray
from mien.errors import ModelError
from mien.runtime.compiled import Compiled, can_keep, keep, kept, key_of
from mien.runtime.session import Precision, TensorSpec, check_feeds, model_bytes


def _import_without_telemetry() -> Any:
    if "openvino" in sys.modules or "openvino_telemetry" in sys.modules:
        import openvino  # someone else imported it before: too late, and their decision

        return openvino
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # makes its import fail; OpenVINO has a stub
    try:
        import openvino
    finally:
        del sys.modules["openvino_telemetry"]
    return openvino


_ov = _import_without_telemetry()


_alone = threading.Lock()


def _core() -> Any:
    with _alone:
        return _the_core()


@cache
def _the_core() -> Any:
    """One for the whole process: as it is made, OpenVINO's CPU plug-in gives the thread a stack for signals, and as it
    goes it may leave the thread with the freed stack of another one: the next Ctrl-C ends in a segmentation fault."""
    return _ov.Core()


class OpenVINOSession:
    """An ONNX model compiled for the CPU; what was compiled before on this machine is taken from there (`compiled`).

    Args:
        model: the ONNX file or its content.
        threads: threads of one run; None = OpenVINO's choice (the physical cores).
        precision: "auto" = OpenVINO's choice, which is bf16 on a CPU that has it; "f32" = as trained.
        batch: see `open_session`.

    Raises:
        ModelError: the model cannot be read or compiled.
    """

    def __init__(
        self,
        model: bytes | Path,
        *,
        threads: int | None = None,
        precision: Precision = "auto",
        batch: int | None = None,
    ) -> None:
        content, self._who = model_bytes(model)
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        if precision != "auto":
            settings["INFERENCE_PRECISION_HINT"] = precision
        try:
            network, compiled = _compiled(content, settings, batch)
            self._request: Any = compiled.create_infer_request()
        except RuntimeError as error:
            raise ModelError(f"{self._who}: OpenVINO cannot open it: {_last_line(error)}") from error
        self._inputs = MappingProxyType({s.name: s for s in network.inputs})
        self._outputs = MappingProxyType({s.name: s for s in network.outputs})

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        return self._inputs

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        return self._outputs

    def run(self, feeds: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        if self._request is None:
            raise ModelError(f"{self._who}: the session is closed")
        check_feeds(self._who, self._inputs, feeds)
        arrays = {name: np.ascontiguousarray(array) for name, array in feeds.items()}
        try:
            # Not `infer`: with one thread it runs in the caller's own and swallows what goes wrong there. The answer is
            # that of the run before, and the failed task stays in a queue that the next session inherits, which runs
            # it first, when the network it belongs to may be gone: a segmentation fault.
            self._request.start_async(arrays, share_inputs=True)
            self._request.wait()
        except RuntimeError as error:
            raise ModelError(f"{self._who}: OpenVINO failed to run it: {_last_line(error)}") from error
        answers = (np.array(tensor.data) for tensor in self._request.output_tensors)
        return dict(zip(self._outputs, answers, strict=True))

    def close(self) -> None:
        self._request = None


def _compiled(content: bytes, settings: Mapping[str, Any], batch: int | None) -> tuple[Compiled, Any]:
    """What is known of the network, and OpenVINO's compiled model: from the cache, else compiled and kept there."""
    core, key = _core(), key_of(content, _ov.__version__, settings, batch)
    known = kept(key)
    if known is not None:
        try:
            compiled = core.import_model(known.blob, "CPU", settings)
            names = [[s.name for s in specs] for specs in (known.inputs, known.outputs)]
            if (_specs(names[0], compiled.inputs), _specs(names[1], compiled.outputs)) == known[:2]:
                return known._replace(blob=b""), compiled
        except (RuntimeError, ValueError):
            pass  # not to be read by this OpenVINO: as if it were not there
    network = core.read_model(model=content)
    if batch is not None:
        _fix_batch(network, batch)
    compiled = core.compile_model(network, "CPU", settings)
    # Compiling moves nodes past each other and then may report the name of a tensor in between.
    ports = ((network.inputs, compiled.inputs), (network.outputs, compiled.outputs))
    specs = [_specs([p.get_any_name() for p in named], there) for named, there in ports]
    found = Compiled(specs[0], specs[1], b"")
    if can_keep():
        with suppress(RuntimeError, MemoryError):  # it runs all the same
            keep(key, found._replace(blob=_exported(compiled)))
    return found, compiled


def _exported(compiled: Any) -> bytes:
    out = compiled.export_model()
    return bytes(out) if isinstance(out, bytes) else bytes(out.getvalue())


def _fix_batch(network: Any, batch: int) -> None:
    shapes = {}
    for port in network.inputs:
        shape = port.partial_shape
        if shape.rank.is_static and len(shape) and shape[0].is_dynamic:
            shape[0] = batch
            shapes[port] = shape
    network.reshape(shapes)


def _specs(names: list[str], compiled: Any) -> tuple[TensorSpec, ...]:
    """Names as in the file, shapes and types as compiled; both lists have the same order."""
    out = []
    for name, port in zip(names, compiled, strict=True):
        shape = tuple(n.get_length() if n.is_static else None for n in port.partial_shape)
        out.append(TensorSpec(name, shape, np.dtype(port.element_type.to_dtype()).name))
    return tuple(out)


def _last_line(error: Exception) -> str:
    """The reason: OpenVINO's messages begin with the places in its own source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
