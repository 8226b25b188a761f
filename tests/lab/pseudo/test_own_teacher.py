"""A network of Mien's own as the teacher: every view's answer comes back to the same place of the picture."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from mien.errors import ModelError, RequestError
from mien.lab.models.hrnet import W9, HrNet
from mien.lab.models.regressor import TINY, Regressor
from mien.lab.pseudo import labelling
from mien.lab.pseudo.labelling import Order, label_source
from mien.lab.pseudo.own_teacher import VIEWS, OwnTeacher
from mien.lab.pseudo.sources import Listing, Picture
from mien.lab.train.checkpoints import write_checkpoint
from mien.lab.train.landmark_export import Origin, export_landmarks
from mien.runtime.pixels import MEAN_RGB, STD_RGB
from mien.runtime.store import Model

PX = 64
DOTS_XY = np.array([[60.0, 92.0], [88.0, 60.0], [112.0, 96.0]])
"""A red, a green and a blue one: where contour, brows and everything else are."""
GROUPS = np.repeat([0, 1, 2], [33, 18, 47])


class ColourModel:
    """Finds the middle of the red, green or blue dot: contour, brows, the rest."""

    def __init__(self, model: Model) -> None:
        self.card, self.id = model.card, model.id
        self.close = model.close

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        light = feeds["image"] * np.array(STD_RGB)[:, None, None] + np.array(MEAN_RGB)[:, None, None]
        alone = np.clip(light * 2 - light.sum(axis=1, keepdims=True), 0, None) / 255
        maps = alone.reshape(len(light), 3, PX // 4, 4, PX // 4, 4).mean(axis=(3, 5))[:, GROUPS]
        return {"maps": maps.astype(np.float32), "visible": np.full((len(light), 98), 0.9, np.float32)}


def saved(folder: Path, net: nn.Module, kind: str, px: int) -> str:
    path = folder / "best.pt"
    write_checkpoint(path, {"facts": {"model": {"kind": kind}, "task": {"input_px": px}}, "net": net.state_dict()})
    export_landmarks(path, "tiny", folder, Origin("made for a test"))
    return str(folder / "tiny")


@pytest.fixture
def teacher(tmp_path: Path) -> OwnTeacher:
    torch.manual_seed(1)
    return OwnTeacher(saved(tmp_path, HrNet(W9), "hrnet-w9", PX))


def picture() -> np.ndarray:
    image = np.zeros((160, 170, 3), np.uint8)
    for channel, xy in enumerate(DOTS_XY):
        one = np.zeros((160, 170), np.uint8)
        cv2.circle(one, tuple(int(v) for v in xy), 4, 255, -1)
        image[..., channel] = cv2.GaussianBlur(one, (0, 0), 2.0)
    return image


def test_all_views_mean_the_same_place(teacher: OwnTeacher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher._stage, "_model", ColourModel(teacher._stage._model))
    look = teacher.label(picture(), np.array([52, 50, 120, 104], np.float32))
    assert look is not None
    assert np.abs(look.xy - DOTS_XY[GROUPS]).max() < 1.0, "mirrored, turned and wider views are undone"
    assert look.spread_px.max() < 1.0
    assert look.presence.shape == (len(VIEWS),)
    assert look.presence.min() > 0.3
    assert look.visible.max() <= 0.9
    teacher.close()


def test_the_manifest_names_the_very_weights(teacher: OwnTeacher) -> None:
    described = teacher.description
    assert len(described["sha256"]) == 64
    assert described["models"][0] == "tiny-1"
    assert len(described["views"]) == len(VIEWS)


def test_a_regressor_or_a_damaged_file_is_no_teacher(tmp_path: Path) -> None:
    folder = saved(tmp_path, Regressor(TINY), "regressor-tiny", 96)
    with pytest.raises(ModelError, match="maps"):
        OwnTeacher(folder)
    (tmp_path / "tiny" / "model.onnx").write_bytes(b"PK")
    with pytest.raises(ModelError, match="tiny"):
        OwnTeacher(folder)


def test_a_source_without_boxes_is_refused_before_anything_is_written(
    teacher: OwnTeacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = Listing("clips", (Picture("one", "one", picture),), {})
    monkeypatch.setattr(labelling, "list_source", lambda *_: listing)
    with pytest.raises(RequestError, match="clips: does not say where faces are, and tiny-1 has no detector"):
        label_source(Order(source="clips"), tmp_path, tmp_path / "out", teacher=teacher)
    assert not (tmp_path / "out").exists()
    with pytest.raises(RequestError, match="finds no faces"):
        teacher.boxes(picture())


def test_labelling_with_it_needs_no_mediapipe() -> None:
    code = "import mien.lab.pseudo.labelling, mien.lab.pseudo.own_teacher, sys; print('mediapipe' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
