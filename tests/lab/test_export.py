"""From torch to ONNX: the same answers, half the bytes, axes of any length."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from mien.errors import ModelError
from mien.lab.export import export, half_stored, parity, traced
from mien.runtime.card import CardFacts, InputCard, OutputCard, TrainingCard
from mien.runtime.store import open_model


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.PReLU(16), nn.Conv2d(16, 5, 3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.body(x)
        return torch.sigmoid(y[:, :1]), y[:, 1:]


FACTS = CardFacts(
    name="small",
    version="1",
    task="nothing",
    licence="Apache-2.0",
    inputs=(InputCard(name="image", shape=(None, 3, None, None), recipe="noise"),),
    outputs=(
        OutputCard(name="score", shape=(None, 1, None, None), unit="probability"),
        OutputCard(name="box", shape=(None, 4, None, None), unit="share"),
    ),
    training=TrainingCard(command="none", data=()),
)


@pytest.fixture
def net() -> Small:
    torch.manual_seed(0)
    net = Small()
    for _ in range(3):
        net(torch.randn(8, 3, 12, 12))  # statistics that are not 0 and 1
    return net


def test_answers_agree_everywhere_at_any_size(net: Small, tmp_path: Path) -> None:
    card = export(net, torch.zeros(1, 3, 12, 12), tmp_path / "small", FACTS)
    assert card.bytes == (tmp_path / "small" / "model.onnx").stat().st_size
    gaps = parity(net, torch.randn(2, 3, 31, 18), tmp_path / "small")
    assert max(gaps["onnxruntime auto"].values()) < 5e-3
    assert max(gaps["openvino f32"].values()) < 5e-3
    assert max(gaps["openvino auto"].values()) < 5e-2


def test_weights_are_stored_in_half_precision(net: Small) -> None:
    whole = traced(net, torch.zeros(1, 3, 12, 12), ["image", "score", "box"], {})
    half = half_stored(whole)
    kinds = {w.name: w.data_type for w in half.graph.initializer}
    large = [w.name for w in whole.graph.initializer if np.prod(w.dims) >= 64]
    assert large
    assert all(kinds[f"{name}_half"] == onnx.TensorProto.FLOAT16 for name in large)
    assert not any(node.op_type == "BatchNormalization" for node in whole.graph.node)


def test_a_weight_that_float16_cannot_hold_is_refused(net: Small) -> None:
    with torch.no_grad():
        net.body[3].weight[0] = 1e6
    with pytest.raises(ModelError, match="float16"):
        half_stored(traced(net, torch.zeros(1, 3, 12, 12), ["image", "score", "box"], {}))


def test_a_card_that_does_not_fit_is_refused(net: Small, tmp_path: Path) -> None:
    wrong = FACTS.model_copy(update={"outputs": (FACTS.outputs[0], OutputCard(name="box", shape=(9,), unit="share"))})
    with pytest.raises(ModelError, match="box"):
        export(net, torch.zeros(1, 3, 12, 12), tmp_path / "small", wrong)


def test_the_store_opens_it(net: Small, tmp_path: Path) -> None:
    export(net, torch.zeros(1, 3, 12, 12), tmp_path / "small", FACTS)
    model = open_model(tmp_path / "small")
    answer = model.run({"image": np.zeros((3, 3, 20, 20), np.float32)})
    assert answer["score"].shape == (3, 1, 16, 16)
    model.close()
