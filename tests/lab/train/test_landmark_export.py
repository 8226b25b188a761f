"""Exported landmark networks: what the card says is what the file gives, and the points are the checkpoint's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from mien.errors import ModelError, RequestError
from mien.lab.export import export
from mien.lab.models.hrnet import W9, HrNet, HrNetSpec
from mien.lab.models.regressor import TINY, Regressor
from mien.lab.train import landmark_export
from mien.lab.train.checkpoints import write_checkpoint
from mien.lab.train.landmark_export import Origin, Plain, export_landmarks, scores_of
from mien.runtime.card import ModelCard
from mien.runtime.store import open_model, read_card

ORIGIN = Origin("python -m mien.lab.train.landmarks …", "abc1234")


def saved(folder: Path, net: torch.nn.Module, kind: str, px: int) -> Path:
    path = folder / f"{kind}.pt"
    write_checkpoint(path, {"facts": {"model": {"kind": kind}, "task": {"input_px": px}}, "net": net.state_dict()})
    return path


def sharpened(net: HrNet) -> HrNet:
    """Random weights whose maps have clear maxima, so that a point is where it is and not where rounding puts it."""
    with torch.no_grad():
        net.head.maps.weight.mul_(3000.0)
    return net


def calm(net: Regressor) -> Regressor:
    """Random weights whose points stay in the crop: untrained layers blow pictures up, and rounding with them."""
    with torch.no_grad():
        net.answer.weight.mul_(0.01)
    return net


@pytest.mark.parametrize(
    ("kind", "px", "names"),
    [("hrnet-w9", 64, ["maps", "visible"]), ("regressor-tiny", 96, ["xy", "spread", "visible"])],
)
def test_the_file_gives_what_the_card_says(tmp_path: Path, kind: str, px: int, names: list[str]) -> None:
    torch.manual_seed(3)
    net = sharpened(HrNet(W9)) if kind.startswith("hrnet") else Regressor(TINY)
    checkpoint = saved(tmp_path, net, kind, px)
    card = export_landmarks(checkpoint, "tiny", tmp_path, ORIGIN)
    assert card.training.commit == "abc1234"
    model = open_model(tmp_path / "tiny")
    crops = torch.randn(3, 3, px, px, generator=torch.Generator().manual_seed(5))
    out = model.run({"image": crops.numpy()})
    model.close()
    assert list(out) == names
    assert all(len(array) == 3 for array in out.values()), "any number of crops at once"
    assert 0 <= out["visible"].min() <= out["visible"].max() <= 1
    with torch.inference_mode():
        wanted = Plain(net.eval())(crops)
    scale = float(wanted[0].abs().max())
    assert abs(torch.from_numpy(out[names[0]]) - wanted[0]).max() < 0.03 * scale


def test_points_of_all_backends_are_the_networks_own_and_the_card_says_how_far(tmp_path: Path) -> None:
    torch.manual_seed(4)
    checkpoint = saved(tmp_path, calm(Regressor(TINY)), "regressor-tiny", 96)
    card = export_landmarks(checkpoint, "tiny", tmp_path, ORIGIN, faces=2)
    told = {(s.protocol.split(" from")[0], s.metric): s.value for s in card.scores}
    assert len(told) == 6
    assert told["distance of the points of onnxruntime auto", "parity, worst px"] < 0.1
    assert told["distance of the points of openvino f32", "parity, worst px"] < 0.1
    assert {s.support for s in card.scores} == {2 * 98}
    assert read_card(tmp_path / "tiny") == card


def test_a_file_that_finds_other_points_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(4)
    checkpoint = saved(tmp_path, calm(Regressor(TINY)), "regressor-tiny", 96)

    def moved(net: Plain, *arguments: Any) -> ModelCard:
        with torch.no_grad():
            net.net.answer.bias += 0.02
        card = export(net, *arguments)
        with torch.no_grad():
            net.net.answer.bias -= 0.02
        return card

    monkeypatch.setattr(landmark_export, "export", moved)
    with pytest.raises(ModelError, match=r"model\.onnx: with onnxruntime auto its points lie .* px .* not kept"):
        export_landmarks(checkpoint, "tiny", tmp_path, ORIGIN, faces=2)
    assert list((tmp_path / "tiny").iterdir()) == []


def test_a_network_that_does_not_say_what_can_be_seen_is_refused(tmp_path: Path) -> None:
    net = HrNet(HrNetSpec(width=9, stem=24, first_outputs=64, first_blocks=1, modules=(1, 1, 1), visibility=False))
    with pytest.raises(RequestError, match="visibility"):
        Plain(net)(torch.zeros(1, 3, 64, 64))


def test_scores_come_from_the_figures(tmp_path: Path) -> None:
    file = tmp_path / "landmarks.json"
    entry = {"method": "a", "protocol": "true crop", "data": "made", "faces": 7, "nme": {"value": 5.5}}
    file.write_text(json.dumps({"entries": [entry | {"fr10": {"value": 14.3}}]}))
    nme, fr = scores_of(file, "a")
    assert (nme.value, nme.support, nme.protocol) == (5.5, 7, "true crop")
    assert fr.value == 14.3
    with pytest.raises(RequestError, match='no method "b"'):
        scores_of(file, "b")
    file.write_text("[]")
    with pytest.raises(RequestError, match=r"landmarks\.json"):
        scores_of(file, "a")
