"""Networks in 8 bits: both runtimes read them, the answers stay close, nothing but training data is looked at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from mien.errors import ConfigError, ModelError
from mien.lab.export import export
from mien.lab.train.quantise import How, main, quantise, training_crops
from mien.runtime.card import CardFacts, InputCard, OutputCard, Score, TrainingCard
from mien.runtime.store import open_model

PX = 16


class Small(nn.Module):
    """Two convolutions and a linear layer: what landmark networks are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.last = nn.Linear(8 * 4 * 4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.relu(self.two(torch.relu(self.one(x)))).flatten(1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    facts = CardFacts(
        name="small",
        version="3",
        task="test",
        licence="CC0",
        inputs=(InputCard(name="image", shape=(None, 3, PX, PX), recipe="noise"),),
        outputs=(OutputCard(name="xy", shape=(None, 5), unit="px"),),
        training=TrainingCard(command="none", data=()),
        scores=(Score(metric="NME", value=1.0, protocol="p", data="d", support=1),),
    )
    export(Small().eval(), torch.zeros(1, 3, PX, PX), tmp_path / "small", facts)
    return tmp_path / "small"


def crops(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(1, 3, PX, PX)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_eight_bits_answer_as_the_network_does_but_for_their_grain(folder: Path, tmp_path: Path, backend: str) -> None:
    card = quantise(folder, tmp_path / "small-int8", crops(20, 1))
    assert card.id == "small-int8-3-int8"
    assert card.scores == (), "the figures of another network"
    graph = onnx.load(tmp_path / "small-int8" / "model.onnx").graph
    assert sum(w.data_type == onnx.TensorProto.INT8 and np.prod(w.dims) > 64 for w in graph.initializer) == 3
    whole, eight = (
        open_model(f, backend=backend, threads=1, precision="f32") for f in (folder, tmp_path / "small-int8")
    )
    x = np.concatenate(crops(8, 2))
    wanted, found = whole.run({"image": x})["xy"], eight.run({"image": x})["xy"]
    gap = np.abs(found - wanted).mean() / wanted.std()
    assert 0 < gap < 0.1


def test_named_layers_stay_whole(folder: Path, tmp_path: Path) -> None:
    quantise(folder, tmp_path / "small-int8", crops(4, 1), How(whole=("/last",)))
    graph = onnx.load(tmp_path / "small-int8" / "model.onnx").graph
    assert sum(w.data_type == onnx.TensorProto.INT8 and np.prod(w.dims) > 64 for w in graph.initializer) == 2


def test_mistakes_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no crops"):
        quantise(folder, tmp_path / "out", [])
    with pytest.raises(ConfigError, match="--faces drawn: expected DATASET=FOLDER"):
        main(["--model", "points98-128", "--out", str(tmp_path / "out"), "--faces", "drawn"])
    (tmp_path / "own" / "test" / "happy").mkdir(parents=True)
    assert cv2.imwrite(str(tmp_path / "own" / "test" / "happy" / "a.png"), np.full((8, 8, 3), 90, np.uint8))
    with pytest.raises(ConfigError, match="no training split"):
        next(training_crops([("folder", tmp_path / "own")], 2, PX))
    assert not (tmp_path / "out").exists()
