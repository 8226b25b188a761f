"""A network out of a checkpoint: where it looks, what the mirror image adds, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_runs import face
from torch import Tensor, nn

from mien.core.measures import Box
from mien.core.record import Face
from mien.core.schema import load_schema
from mien.errors import ConfigError, ModelError
from mien.lab.evaluate.landmark_checkpoint import NetFinder, load_checkpoint, region_of_points, unflipped
from mien.lab.evaluate.landmark_finders import tight_box
from mien.lab.models.answers import LandmarkMaps, LandmarkPoints
from mien.lab.train.checkpoints import write_checkpoint
from mien.lab.train.landmark_task import LandmarkSpec
from mien.lab.train.landmarks import build
from mien.pipeline.fake import FakeStage

TRUTH = face(tilt_deg=20.0)
SPEC = LandmarkSpec(input_px=64)


class Brightest(nn.Module):
    """Says of every point: where the brightest pixel is."""

    def forward(self, image: Tensor) -> LandmarkPoints:
        size = image.shape[-1]
        best = image.sum(dim=1).flatten(1).argmax(dim=1)
        xy = (torch.stack([best % size, best // size], dim=1) + 0.5) / size
        n = len(image)
        return LandmarkPoints(xy[:, None].expand(n, 98, 2), torch.zeros(n, 98), torch.zeros(n, 98))


def bright_at(x: int, y: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = np.zeros((400, 400, 3), np.uint8)
    image[y - 3 : y + 4, x - 3 : x + 4] = 255
    return image


def net_finder(*, flip: bool = False, upright: bool = True) -> NetFinder:
    seen = Face(Box(tight_box(TRUTH), 0.9))
    detector = FakeStage(lambda record: replace(record, faces=(seen,)))
    return NetFinder(Brightest(), SPEC, detector, flip=flip, upright=upright)


@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize("flip", [True, False])
def test_points_come_back_to_the_picture(flip: bool, upright: bool) -> None:
    found = net_finder(flip=flip, upright=upright).in_true_crop(bright_at(230, 180), TRUTH)
    np.testing.assert_allclose(found, np.tile([230, 180], (98, 1)), atol=4.5)  # a crop px is 4 image px


def test_the_region_is_one_and_a_quarter_of_the_box_and_upright() -> None:
    straight = region_of_points(face(), 64, upright=True)
    low, high = face().min(axis=0), face().max(axis=0)
    side = np.linalg.norm(straight.corners_xy[1] - straight.corners_xy[0])
    assert side == pytest.approx(1.25 * (high - low).max(), rel=1e-3)
    tilted = region_of_points(TRUTH, 64, upright=True)
    np.testing.assert_allclose(tilted.to_crop(TRUTH), straight.to_crop(face()), atol=0.5)


def test_end_to_end_without_a_face_is_a_miss() -> None:
    nobody = NetFinder(Brightest(), SPEC, FakeStage(lambda record: replace(record, faces=())))
    assert np.isnan(nobody.in_picture(bright_at(9, 9), TRUTH)).all()


def test_of_the_mirror_image_points_change_sides() -> None:
    order = load_schema("wflw98").mirror.copy()
    points = torch.rand(1, 98, 2, generator=torch.Generator().manual_seed(1))
    mirrored = points[:, order] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    both = LandmarkPoints(torch.cat([points, mirrored]), torch.zeros(2, 98), torch.zeros(2, 98))
    torch.testing.assert_close(unflipped(both).xy, points)  # type: ignore[union-attr]
    maps = torch.rand(1, 98, 16, 16, generator=torch.Generator().manual_seed(2))
    pair = LandmarkMaps((torch.cat([maps, maps[:, order].flip(-1)]),), None)
    torch.testing.assert_close(unflipped(pair).maps[0], maps)  # type: ignore[union-attr]


def test_a_checkpoint_is_read_back(tmp_path: Path) -> None:
    table = {"kind": "regressor-tiny"}
    net = build(table)
    facts = {"model": table, "task": {"input_px": 64}}
    write_checkpoint(tmp_path / "best.pt", {"facts": facts, "net": net.state_dict()})
    again, spec = load_checkpoint(tmp_path / "best.pt")
    assert spec.input_px == 64
    assert not again.training
    torch.testing.assert_close(again.state_dict(), net.state_dict())
    averaged = {k: v + 1 if v.is_floating_point() else v for k, v in net.state_dict().items()}
    write_checkpoint(tmp_path / "last.pt", {"facts": facts, "net": net.state_dict(), "average": {"state": averaged}})
    torch.testing.assert_close(load_checkpoint(tmp_path / "last.pt")[0].state_dict(), averaged)


def test_other_files_are_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.pt", {"net": {}})
    with pytest.raises(ModelError, match="holds no landmark network"):
        load_checkpoint(tmp_path / "a.pt")
    write_checkpoint(tmp_path / "b.pt", {"facts": {"model": {"kind": "regressor-tiny"}}, "net": {}})
    with pytest.raises(ModelError, match="weights are not those"):
        load_checkpoint(tmp_path / "b.pt")
    write_checkpoint(tmp_path / "c.pt", {"facts": {"model": {"kind": "oracle"}}, "net": {}})
    with pytest.raises(ConfigError, match="oracle"):
        load_checkpoint(tmp_path / "c.pt")
