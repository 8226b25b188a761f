"""The network and its ONNX form agree, and both are mirror-symmetric."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mien.action_units.features import FEATURES, mirror_features
from mien.core.schema import load_schema
from mien.lab.models.landmark_mlp import Constants, LandmarkMlp, write_onnx
from mien.runtime.session import open_session


@pytest.fixture(scope="module")
def net() -> LandmarkMlp:
    torch.manual_seed(1)
    made = LandmarkMlp().eval()
    mirror = torch.tensor(np.array(load_schema("arkit52").mirror))
    for buffer, low, high in (
        (made.gain, 1.0, 1.5),
        (made.floor, 0.0, 0.1),
        (made.gain_unknown, 1.0, 1.2),
        (made.floor_unknown, 0.0, 0.2),
    ):
        values = torch.empty(52).uniform_(low, high)
        buffer.copy_((values + values[mirror]) / 2)
    return made


def rows() -> np.ndarray:
    x = np.random.default_rng(2).normal(size=(16, FEATURES)).astype(np.float32) * 0.1
    x[:, -1] = np.arange(16) % 2
    return x


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_torch_and_onnx_agree(net: LandmarkMlp, tmp_path: Path, backend: str) -> None:
    reference = np.random.default_rng(0).normal(size=(98, 3)).astype(np.float32)
    trust = np.linspace(0, 1, 52).astype(np.float32)
    write_onnx(
        net,
        Constants(reference, trust, np.array([0.0, 0.1], np.float32), np.array([0.2, 0.4], np.float32)),
        tmp_path / "model.onnx",
    )
    session = open_session(tmp_path / "model.onnx", backend=backend, threads=1, precision="f32")
    out = session.run({"features": rows()})
    with torch.no_grad():
        expected = net.calibrated(torch.from_numpy(rows())).numpy()
    assert 0 < (expected > 0).mean() < 1
    assert np.allclose(out["weights"], expected, atol=1e-5)
    assert np.array_equal(out["reference"], reference)
    assert np.array_equal(out["reliability"], trust)
    assert np.array_equal(out["turn_offset"], np.array([0.0, 0.1], np.float32))
    assert np.array_equal(out["lids"], np.array([0.2, 0.4], np.float32))


def test_a_mirrored_face_gives_mirrored_weights(net: LandmarkMlp) -> None:
    order, signs = mirror_features()
    with torch.no_grad():
        one = net.calibrated(torch.from_numpy(rows())).numpy()
        two = net.calibrated(torch.from_numpy(rows()[:, order] * signs)).numpy()
    assert np.allclose(one[:, load_schema("arkit52").mirror], two, atol=1e-6)
