"""A network of Mien's own as the teacher: every view's answer comes back to the same place of the picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mien.errors import ModelError, RequestError
from mien.lab.models.answers import LandmarkMaps
from mien.lab.models.hrnet import W9, HrNet
from mien.lab.models.regressor import TINY, Regressor
from mien.lab.pseudo.own_teacher import VIEWS, OwnTeacher
from mien.lab.train.checkpoints import write_checkpoint
from mien.landmarks.pixels import MEAN_RGB, STD_RGB

PX = 64
DOTS_XY = np.array([[60.0, 92.0], [88.0, 60.0], [112.0, 96.0]])
"""A red, a green and a blue one: where contour, brows and everything else are."""
GROUPS = np.repeat([0, 1, 2], [33, 18, 47])


class ColourNet(nn.Module):
    """Finds the middle of the red, green or blue dot: contour, brows, the rest."""

    def forward(self, x: Tensor) -> LandmarkMaps:
        light = x.float() * torch.tensor(STD_RGB)[:, None, None] + torch.tensor(MEAN_RGB)[:, None, None]
        alone = light * 2 - light.sum(dim=1, keepdim=True)
        maps = nn.functional.avg_pool2d(alone.clamp_min(0) / 255, 4)[:, GROUPS]
        return LandmarkMaps((maps,), torch.full((len(x), 98), 2.0))


def saved(folder: Path, net: nn.Module, kind: str, px: int) -> Path:
    path = folder / "best.pt"
    write_checkpoint(path, {"facts": {"model": {"kind": kind}, "task": {"input_px": px}}, "net": net.state_dict()})
    return path


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
    monkeypatch.setattr(teacher, "_net", ColourNet())
    look = teacher.label(picture(), np.array([52, 50, 120, 104], np.float32))
    assert look is not None
    assert np.abs(look.xy - DOTS_XY[GROUPS]).max() < 1.0, "mirrored, turned and wider views are undone"
    assert look.spread_px.max() < 1.0
    assert look.presence.shape == (len(VIEWS),)
    assert look.presence.min() > 0.3
    assert look.visible == pytest.approx(np.full(98, torch.sigmoid(torch.tensor(2.0)).item()), abs=1e-5)
    teacher.close()


def test_an_untrained_network_disagrees_with_itself(teacher: OwnTeacher) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    look = teacher.label(noise, np.array([10, 10, 85, 85], np.float32))
    assert look is not None
    assert float(look.spread_px.mean()) > 1.0


def test_the_manifest_names_the_very_weights(teacher: OwnTeacher) -> None:
    described = teacher.description
    assert len(described["sha256"]) == 64
    assert described["models"][0] == f"HrNet-{PX}"
    assert len(described["views"]) == len(VIEWS)


def test_a_regressor_or_a_damaged_file_is_no_teacher(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="heatmap"):
        OwnTeacher(saved(tmp_path, Regressor(TINY), "regressor-tiny", 96))
    (tmp_path / "cut.pt").write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelError, match=r"cut\.pt"):
        OwnTeacher(tmp_path / "cut.pt")
