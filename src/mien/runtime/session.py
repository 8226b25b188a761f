"""What it takes to run a network: named arrays in, named arrays out; and the table of backends that can.

A backend is chosen by name: an argument, else the environment variable MIEN_BACKEND, else the first of
`BACKENDS` that can be imported. Nothing here knows a backend's package.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from mien.core.arrays import AnyArray
from mien.errors import ConfigError, ModelError

Precision = Literal["auto", "f32", "bf16"]

BACKENDS: dict[str, str] = {
    "openvino": "mien.runtime.openvino:OpenVINOSession",
    "onnxruntime": "mien.runtime.onnxruntime:OnnxRuntimeSession",
}
"""Name → class, in order of preference. The class takes `(model, *, threads, precision, batch)`."""

BACKEND_VARIABLE = "MIEN_BACKEND"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What one input or output of a network looks like.

    Attributes:
        name: its name in the model file.
        shape: length of every axis; None = any length.
        dtype: numpy's name of the element type, e.g. "float32".
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.dtype} ({', '.join('any' if n is None else str(n) for n in self.shape)})"

    def fits(self, array: AnyArray) -> bool:
        """True if the array has this element type and shape."""
        return (
            array.dtype == np.dtype(self.dtype)
            and array.ndim == len(self.shape)
            and all(w is None or w == g for w, g in zip(self.shape, array.shape, strict=True))
        )


def with_batch(spec: TensorSpec, batch: int | None) -> TensorSpec:
    """The same input with its first axis fixed to `batch` where it is free; None changes nothing."""
    if batch is None or not spec.shape or spec.shape[0] is not None:
        return spec
    return TensorSpec(spec.name, (batch, *spec.shape[1:]), spec.dtype)


@runtime_checkable
class Session(Protocol):
    """A network that is ready to run. One session serves one thread."""

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        """Every input by name, in the model's order."""

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        """Every output by name, in the model's order."""

    def run(self, feeds: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        """Every output by name for exactly one array per input; the arrays belong to the caller.

        Raises:
            ModelError: an input is missing, unknown, or of the wrong type or shape; the network failed;
                the session is closed.
        """

    def close(self) -> None:
        """Release the network; may be called twice."""


def check_feeds(who: str, inputs: Mapping[str, TensorSpec], feeds: Mapping[str, AnyArray]) -> None:
    """Raise `ModelError` unless `feeds` holds exactly the inputs, each of the right type and shape."""
    if feeds.keys() != inputs.keys():
        raise ModelError(f"{who}: expected the inputs {sorted(inputs)}, got {sorted(feeds)}")
    for name, spec in inputs.items():
        array = feeds[name]
        if not spec.fits(array):
            raise ModelError(f"{who}: input {name!r}: expected {spec}, got {array.dtype} {array.shape}")


def model_bytes(model: bytes | Path) -> tuple[bytes, str]:
    """The bytes of a model and what to call it in messages.

    Raises:
        ModelError: the file cannot be read.
    """
    if isinstance(model, bytes):
        return model, "model"
    try:
        return model.read_bytes(), str(model)
    except OSError as error:
        raise ModelError(f"cannot read the model {model}: {error.strerror or error}") from error


def load_backend(name: str) -> type[Session]:
    """The session class of a backend.

    Raises:
        ConfigError: there is no such backend.
        ModelError: its package cannot be imported.
    """
    if name not in BACKENDS:
        raise ConfigError(f"there is no inference backend {name!r}; choose one of {', '.join(BACKENDS)}")
    module, _, attribute = BACKENDS[name].partition(":")
    try:
        found: type[Session] = getattr(import_module(module), attribute)
    except (ImportError, OSError) as error:  # a broken shared library raises OSError
        raise ModelError(
            f"the inference backend {name!r} cannot be imported ({error}): pip install --force-reinstall {name}"
        ) from error
    return found


def choose_backend(name: str | None = None, *, small: bool = False) -> str:
    """Name of the backend to use: the argument, else MIEN_BACKEND, else the first that can be imported.

    Args:
        name: asked for, or None.
        small: for a network of some ten microseconds ONNX Runtime comes first: with one thread it runs in the
            caller's own, while OpenVINO wakes another one, which takes longer than the network.

    Raises:
        ConfigError: the name asked for is unknown.
        ModelError: the backend asked for, or every backend, cannot be imported.
    """
    asked = name or os.environ.get(BACKEND_VARIABLE)
    if asked:
        load_backend(asked)
        return asked
    problems = []
    for candidate in reversed(BACKENDS) if small else BACKENDS:
        try:
            load_backend(candidate)
        except ModelError as error:
            problems.append(str(error))
        else:
            return candidate
    raise ModelError("no inference backend can be imported: " + "; ".join(problems))


def open_session(
    model: bytes | Path,
    *,
    backend: str | None = None,
    threads: int | None = None,
    precision: Precision = "auto",
    batch: int | None = None,
    small: bool = False,
) -> Session:
    """Open an ONNX model.

    Args:
        model: the ONNX file or its content.
        backend: a name of `BACKENDS`; None = see `choose_backend`.
        threads: threads of one run; None = the backend's own choice.
        precision: of the arithmetic; "auto" = the fastest the backend trusts on this machine.
        batch: length of every input's first axis where the file leaves it open; None = leave it open. OpenVINO
            needs a quarter less time for a landmark network of fixed shape.
        small: see `choose_backend`.

    Raises:
        ModelError: the model cannot be read or compiled, or the backend cannot be imported.
        ConfigError: unknown backend, or a precision it does not offer.
    """
    if threads is not None and threads < 1:
        raise ConfigError(f"threads: expected at least 1, got {threads}")
    session_class = load_backend(choose_backend(backend, small=small))
    return session_class(model, threads=threads, precision=precision, batch=batch)  # type: ignore[call-arg]
