"""Samplers and channels of one glTF animation: what a node's morph weights, rotation or translation do over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mien.avatar.gltf_buffer import GltfBuffer, JsonObject
from mien.core.arrays import Float32, Float64


class GltfTrack:
    """One animation while it is put together; channels of the same times share them.

    Args:
        buffer: takes the numbers.
        times_s: (T,) float32, ascending.
        slopes, fewer: see `mien.avatar.glb.Animation`.

    Attributes:
        samplers, channels: as they stand in the file's JSON.
    """

    def __init__(
        self,
        buffer: GltfBuffer,
        times_s: Float32,
        slopes: Callable[[Float64, Float32], Float64] | None = None,
        fewer: Callable[[Float64, Float32, str], Any] | None = None,
    ) -> None:
        self.samplers: list[JsonObject] = []
        self.channels: list[JsonObject] = []
        self._buffer = buffer
        # Late stamps of a long, fast take may coincide in float32; glTF wants strictly increasing keys.
        self._kept = _rising(times_s)
        self._times = times_s[self._kept].astype(np.float32)
        self._slopes, self._fewer = slopes, fewer
        self._inputs: dict[bytes, int] = {}

    def add(self, node: int, path: str, values: Float32) -> None:
        """(T, width) values of a node's path; what never moves gets one key."""
        chosen = values[self._kept]
        times, cubic = self._times, self._slopes is not None
        if (chosen == chosen[:1]).all():
            times, chosen, cubic = times[:1], chosen[:1], False
        elif self._fewer is not None:
            times, chosen, cubic = self._few(chosen, path)
        elif self._slopes is not None:
            slopes = self._slopes(times.astype(np.float64), chosen).astype(np.float32)
            chosen = np.stack([slopes, chosen, slopes], axis=1)  # in-tangent, value, out-tangent of each key
        flat = chosen.reshape(-1, 1 if path == "weights" else values.shape[1])
        output = self._buffer.accessor(np.ascontiguousarray(flat, np.float32))
        self.channels.append({"sampler": len(self.samplers), "target": {"node": node, "path": path}})
        way = "CUBICSPLINE" if cubic else "LINEAR"
        self.samplers.append({"input": self._input(times), "output": output, "interpolation": way})

    def _few(self, values: Float32, path: str) -> tuple[Float32, Float32, bool]:
        """Times and (K, width) values, or (K, 3, width) with tangents, of few keys."""
        assert self._fewer is not None
        keys = self._fewer(self._times.astype(np.float64), values, path)
        times = keys.times_s.astype(np.float32)
        kept = _rising(times)
        cubic = self._slopes is not None and len(keys) > 1
        whole = np.stack([keys.in_slopes, keys.values, keys.out_slopes], axis=1) if cubic else keys.values
        return times[kept], whole[kept].astype(np.float32), cubic

    def _input(self, times: Float32) -> int:
        name = times.tobytes()
        if name not in self._inputs:
            self._inputs[name] = self._buffer.accessor(times.reshape(-1, 1), bounds=True)
        return self._inputs[name]


def _rising(times_s: Float32) -> Any:
    """Which times are later than the one before, as float32."""
    return np.concatenate([np.ones(min(1, len(times_s)), bool), np.diff(times_s.astype(np.float32)) > 0])
