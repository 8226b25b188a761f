"""Networks on ONNX Runtime: other CPUs, and GPUs by its execution providers. Importing this imports ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnxruntime

from mien.core.arrays import AnyArray
from mien.errors import ConfigError, ModelError
from mien.runtime.session import Precision, TensorSpec, check_feeds, model_bytes, with_batch

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
}
_ERRORS_ONLY = 3


class OnnxRuntimeSession:
    """An ONNX model in ONNX Runtime.

    Args:
        model: the ONNX file or its content.
        threads: threads of one run; None = ONNX Runtime's choice (the physical cores).
        precision: "auto" and "f32" both run the file as it is; "bf16" is not offered.
        providers: execution providers in order of preference, e.g. ("CUDAExecutionProvider",
            "CPUExecutionProvider"); None = the CPU.
        batch: see `open_session`; checked, otherwise of no effect here.

    Raises:
        ModelError: the model cannot be read, or a provider is not in this build of ONNX Runtime.
        ConfigError: precision "bf16".
    """

    def __init__(
        self,
        model: bytes | Path,
        *,
        threads: int | None = None,
        precision: Precision = "auto",
        providers: Sequence[str] | None = None,
        batch: int | None = None,
    ) -> None:
        if precision == "bf16":
            raise ConfigError("the onnxruntime backend does not offer precision bf16: use auto or f32, or openvino")
        content, self._who = model_bytes(model)
        wanted = list(providers) if providers is not None else ["CPUExecutionProvider"]
        missing = [p for p in wanted if p not in onnxruntime.get_available_providers()]
        if missing:
            raise ModelError(
                f"ONNX Runtime has no {', '.join(missing)} here, only "
                f"{', '.join(onnxruntime.get_available_providers())}; for CUDA: pip install onnxruntime-gpu"
            )
        self._session = self._open(content, threads, wanted)
        inputs = (with_batch(self._spec(port), batch) for port in self._session.get_inputs())
        self._inputs = MappingProxyType({s.name: s for s in inputs})
        self._outputs = MappingProxyType({s.name: s for s in map(self._spec, self._session.get_outputs())})

    def _open(self, content: bytes, threads: int | None, providers: list[str]) -> Any:
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = threads or 0
        # Threads that spin while they wait take the cores from decoding and from every neighbour.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        try:
            return onnxruntime.InferenceSession(content, options, providers=providers)
        except Exception as error:  # its errors share no base class below Exception
            raise ModelError(f"{self._who}: ONNX Runtime cannot open it: {_reason(error)}") from error

    def _spec(self, port: Any) -> TensorSpec:
        if port.type not in _DTYPES:
            raise ModelError(f"{self._who}: {port.name!r} is a {port.type}, which Mien cannot feed")
        shape = tuple(n if isinstance(n, int) else None for n in port.shape)
        return TensorSpec(port.name, shape, _DTYPES[port.type])

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        return self._inputs

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        return self._outputs

    def run(self, feeds: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        if self._session is None:
            raise ModelError(f"{self._who}: the session is closed")
        check_feeds(self._who, self._inputs, feeds)
        names = list(self._outputs)
        arrays = {name: np.ascontiguousarray(array) for name, array in feeds.items()}
        try:
            answer = self._session.run(names, arrays)
        except Exception as error:  # its errors share no base class below Exception
            raise ModelError(f"{self._who}: ONNX Runtime failed to run it: {_reason(error)}") from error
        return dict(zip(names, answer, strict=True))

    def close(self) -> None:
        self._session = None


def _reason(error: Exception) -> str:
    """Its messages look like `[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : reason`."""
    return str(error).rsplit(" : ", 1)[-1].strip() or type(error).__name__
