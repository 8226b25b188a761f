"""The peer: a weight file of its layout is worked out rightly; what is missing is named."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.errors import MissingExtraError, ModelError
from mien.lab.evaluate import mini_xception
from mien.lab.evaluate.mini_xception import MiniXception, _pool, prepared, weight_file


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mini_xception, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="mini-XCEPTION"):
        weight_file()


def test_the_network_is_a_network_of_seven_classes(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is in the extra 'peers'")
    rng, path = np.random.default_rng(0), tmp_path / "model.hdf5"
    with h5py.File(path, "w") as file:

        def put(layer: str, kind: str, *shape: int) -> None:
            values = np.abs(rng.normal(1, 0.1, shape)) if kind == "moving_variance" else rng.normal(0, 0.2, shape)
            file[f"model_weights/{layer}/{layer}_1/{kind}:0"] = values.astype(np.float32)

        widths = [8, 16, 32, 64, 128]
        put("conv2d_1", "kernel", 3, 3, 1, 8)
        put("conv2d_2", "kernel", 3, 3, 8, 8)
        norms = [8, 8]
        for i, (a, b) in enumerate(pairwise(widths)):
            put(f"conv2d_{3 + i}", "kernel", 1, 1, a, b)
            for k, inputs in ((1 + 2 * i, a), (2 + 2 * i, b)):
                put(f"separable_conv2d_{k}", "depthwise_kernel", 3, 3, inputs, 1)
                put(f"separable_conv2d_{k}", "pointwise_kernel", 1, 1, inputs, b)
            norms += [b, b, b]
        for i, width in enumerate(norms, 1):
            for kind in ("beta", "gamma", "moving_mean", "moving_variance"):
                put(f"batch_normalization_{i}", kind, width)
        put("conv2d_7", "kernel", 3, 3, 128, 7)
        put("conv2d_7", "bias", 7)
    found = MiniXception(path)(prepared(rng.integers(0, 255, (48, 48, 3)).astype(np.uint8)))
    assert found.shape == (1, 7)
    assert float(found.sum()) == pytest.approx(1, abs=1e-5)
    with h5py.File(path, "a") as file:
        del file["model_weights/conv2d_5"]
    with pytest.raises(ModelError, match="is not fer's mini-XCEPTION"):
        MiniXception(path)


def test_pooling_pads_as_tensorflow_does() -> None:
    even = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert _pool(even)[0, 0].tolist() == [[10, 11], [14, 15]]
    odd = torch.arange(25.0).reshape(1, 1, 5, 5)
    assert _pool(odd)[0, 0].tolist() == [[6, 8, 9], [16, 18, 19], [21, 23, 24]]
