"""Cascades as model folders: the runtimes answer as torch does."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from mien.errors import RequestError
from mien.lab.export import parity
from mien.lab.models.cascade import OutputNet, ProposalNet, RefineNet
from mien.lab.models.mtcnn import ClassicMtcnn
from mien.lab.train.checkpoints import write_checkpoint
from mien.lab.train.detector_export import Origin, _Plain, export_cascade, export_network, read_scores
from mien.runtime.store import read_card


def settled(net: nn.Module, size: int) -> nn.Module:
    """With statistics of normalisation that are not 0 and 1."""
    torch.manual_seed(0)
    net.train()
    for _ in range(4):
        net(torch.randn(8, 3, size, size))
    return net.eval()


@pytest.mark.parametrize(
    ("slot", "net", "size"),
    [
        ("p", ProposalNet(), 12),
        ("r", RefineNet(), 24),
        ("o", OutputNet(), 48),
        ("p", ClassicMtcnn("p"), 12),
        ("o", ClassicMtcnn("o"), 48),
    ],
)
def test_the_runtimes_answer_as_torch_does(slot: str, net: nn.Module, size: int, tmp_path: Path) -> None:
    net = settled(net, size)
    card = export_network(net, slot, tmp_path / f"net-{slot}", Origin("a test"))
    assert [o.name for o in card.outputs] == ["score", "box", "points"][: 3 if slot == "o" else 2]
    example = torch.randn(1, 3, 37, 50) if slot == "p" else torch.randn(5, 3, size, size)
    gaps = parity(_Plain(net, points=slot == "o"), example, tmp_path / f"net-{slot}")
    assert max(gaps["onnxruntime auto"].values()) < 5e-3
    assert max(gaps["openvino f32"].values()) < 5e-3
    assert max(gaps["openvino auto"].values()) < 5e-2  # bf16 where the CPU has it


def test_a_run_becomes_three_folders_with_the_scores_on_their_cards(tmp_path: Path) -> None:
    for slot in ("p", "r", "o"):
        facts = {"model": {"kind": f"mtcnn-{slot}"}, "slot": slot}
        write_checkpoint(tmp_path / "run" / slot / "best.pt", {"facts": facts, "net": ClassicMtcnn(slot).state_dict()})
    score = {"metric": "recall", "value": 0.5, "protocol": "a test", "data": "nothing", "support": 2}
    (tmp_path / "scores.json").write_text(json.dumps({"scores": [score]}))
    origin = Origin("a test", scores=read_scores(tmp_path / "scores.json"), limits=("None.",))
    export_cascade(tmp_path / "run", ("p", "r", "o"), tmp_path / "models", "small", origin)
    card = read_card(tmp_path / "models" / "small-o")
    assert card.scores[0].value == 0.5
    assert card.limits[-1] == "None."
    with pytest.raises(RequestError, match="P-, R- and O-Net"):
        export_cascade(tmp_path / "run", ("p", "r"), tmp_path / "models", "small", origin)
    with pytest.raises(RequestError, match="no scores"):
        read_scores(tmp_path / "missing.json")
