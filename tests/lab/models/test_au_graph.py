"""The network for action units: its blocks against slow or published references, and what each ablation changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mien.core.schema import load_schema
from mien.lab.models.au_graph import FUSED_STRIDE, NODES, SPECS, AuGraph, intensity
from mien.lab.models.au_regions import REGION_NAMES, mirrored_regions, region_boxes, region_of, region_points
from mien.lab.models.blocks.graph import GraphConvs, normalised, semantic_adjacency
from mien.lab.models.blocks.roi_align import roi_align
from mien.lab.models.blocks.stages import Backbone, BackboneSpec, StepwiseFusion

TINY = BackboneSpec(stem=8, blocks=(1, 1, 1, 1))
FACE = torch.tensor(np.random.default_rng(3).uniform(20, 100, (98, 2)), dtype=torch.float32)


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def slow_roi_align(maps: np.ndarray, box: np.ndarray, size: int, stride: float, samples: int) -> np.ndarray:
    """One region of one picture, sample by sample, as the papers' implementations do it."""
    channels, h, w = maps.shape
    out = np.zeros((channels, size, size))
    x0, y0, x1, y1 = (box + 0.5) / stride - 0.5
    for i in range(size):
        for j in range(size):
            for a in range(samples):
                for b in range(samples):
                    y = y0 + (y1 - y0) * (i + (a + 0.5) / samples) / size
                    x = x0 + (x1 - x0) * (j + (b + 0.5) / samples) / size
                    if not (-1 < y < h and -1 < x < w):
                        continue
                    y, x = min(max(y, 0), h - 1), min(max(x, 0), w - 1)
                    top, left = int(y), int(x)
                    low, right = min(top + 1, h - 1), min(left + 1, w - 1)
                    fy, fx = y - top, x - left
                    above = (1 - fx) * maps[:, top, left] + fx * maps[:, top, right]
                    below = (1 - fx) * maps[:, low, left] + fx * maps[:, low, right]
                    out[:, i, j] += (1 - fy) * above + fy * below
    return out / samples**2


@pytest.mark.parametrize(("size", "samples", "stride"), [(3, 2, 4.0), (4, 1, 8.0), (2, 3, 1.0)])
def test_roi_align_is_what_a_slow_loop_gives(size: int, samples: int, stride: float) -> None:
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(2, 3, 9, 7)).astype(np.float32)
    corner = rng.uniform(-1.5 * stride, 7 * stride, (2, 5, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.3, 6 * stride, (2, 5, 2))], axis=2).astype(np.float32)
    found = roi_align(torch.from_numpy(maps), torch.from_numpy(boxes), size, stride, samples).numpy()
    for b in range(2):
        for r in range(5):
            np.testing.assert_allclose(
                found[b, r], slow_roi_align(maps[b], boxes[b, r], size, stride, samples), atol=1e-5
            )


def test_roi_align_of_one_whole_cell_grid_is_the_map() -> None:
    maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    edges = torch.tensor([[[-0.5, -0.5, 31.5, 31.5]]])
    torch.testing.assert_close(roi_align(maps, edges, 4, 8.0, samples=1)[0, 0, 0], maps[0, 0])


@pytest.mark.parametrize(("excite", "published"), [(False, 25_557_032), (True, 28_088_024)])
def test_backbone_has_the_published_number_of_parameters(excite: bool, published: int) -> None:
    """ResNet-50 and SE-ResNet-50 with a classifier of 1000 classes."""
    with torch.device("meta"):
        net = Backbone(BackboneSpec(excite=excite))
        classifier = nn.Linear(2048, 1000)
    assert count(net) + count(classifier) == published


def test_stages_halve_and_widen() -> None:
    x = torch.zeros(1, 3, 64, 64)
    for spec in (TINY, replace(TINY, residual=False)):
        maps = Backbone(spec).eval()(x)
        assert [m.shape[1] for m in maps] == list(spec.widths)
        assert [m.shape[-1] for m in maps] == [16, 8, 4, 2]
    fused = StepwiseFusion(TINY.widths[:3], 5).eval()(Backbone(TINY).eval()(x)[:3])
    assert fused.shape == (1, 5, 64 // FUSED_STRIDE, 64 // FUSED_STRIDE)


def test_adjacency_tells_what_occurs_together_and_goes_together() -> None:
    rng = np.random.default_rng(0)
    smile = np.where(rng.random(400) < 0.4, rng.uniform(1, 5, 400), 0)
    cheek = np.where(smile > 0, np.clip(smile + rng.normal(0, 0.3, 400), 1, 5), 0)
    against = np.where(smile > 0, 6 - cheek, 0.0)
    alone = np.where(smile > 0, 0, 3.0)
    never = np.zeros(400)
    found = semantic_adjacency(np.stack([smile, cheek, against, alone, never], axis=1))
    assert found[0, 1] > 0.9
    assert found[0, 3] == 0
    assert (found[4] == 0).all()
    assert found[0, 2] < 0.9 * found[0, 1]
    np.testing.assert_array_equal(found, found.T)
    gaps = np.stack([smile, cheek], axis=1)
    gaps[:350, 0] = np.nan
    assert semantic_adjacency(gaps)[0, 1] > 0.8
    assert semantic_adjacency(np.full((5, 2), np.nan)).sum() == 0


def test_normalised_links_are_those_of_the_equation() -> None:
    a = np.array([[0, 1, 0], [1, 0, 0.5], [0, 0.5, 0]])
    degree = np.diag((a + np.eye(3)).sum(axis=1) ** -0.5)
    np.testing.assert_allclose(normalised(a).numpy(), degree @ (a + np.eye(3)) @ degree, atol=1e-6)


def test_a_node_hears_as_far_as_there_are_layers() -> None:
    torch.manual_seed(0)
    chain = np.eye(5, k=1) + np.eye(5, k=-1)
    for depth in (1, 2, 3):
        net = GraphConvs([6] * (depth + 1), chain)
        nodes = torch.rand(1, 5, 6)
        other = nodes.clone()
        other[0, 0] += 1.0
        changed = (net(nodes) - net(other)).abs().sum(dim=-1)[0] > 1e-7
        assert changed.nonzero().flatten().tolist() == [i for i in range(5) if i <= depth and changed[i]]
        assert not changed[depth + 1 :].any()
        assert changed[0]


@pytest.mark.parametrize("kind", SPECS)
def test_every_row_of_the_ablation_answers_for_every_unit(kind: str) -> None:
    torch.manual_seed(1)
    spec = SPECS[kind]
    small = replace(spec, backbone=replace(spec.backbone, stem=8, blocks=(1, 1, 1, 1)), fused=16, local_width=4)
    net = AuGraph(small, np.zeros((len(NODES), len(NODES)))).eval()
    image, points = torch.rand(2, 3, 128, 128), FACE.expand(2, -1, -1)
    out = net(image, points)
    assert out.shape == (2, len(load_schema("facs")))
    assert ((intensity(out) >= 0) & (intensity(out) <= 5)).all()
    moved = net(image, points + torch.tensor([20.0, 0.0]))
    assert torch.equal(out, moved) == (not spec.local)
    assert (net.graph is None) == (spec.graph == "none")
    has = {type(m).__name__ for m in net.modules()}
    assert ("SqueezeExcite" in has) == spec.backbone.excite
    assert ("Bottleneck" in has) == spec.backbone.residual


def test_rows_differ_where_they_should() -> None:
    specs = SPECS
    assert specs["se-resnet50-gcn"].depth == 3
    assert {specs[f"se-resnet50-gcn-{d}"].depth for d in (2, 4)} == {2, 4}
    assert replace(specs["se-resnet50-gcn-2"], depth=3) == specs["se-resnet50-gcn"]
    with torch.device("meta"):
        sizes = {k: count(AuGraph(s, np.zeros((42, 42)))) for k, s in specs.items()}
    assert sizes["se-resnet50-gcn"] - sizes["without-gcn"] == 3 * (128 * 128 + 128)
    assert sizes["se-resnet50-gcn"] - sizes["resnet50-gcn"] == 28_088_024 - 25_557_032
    assert sizes["plain-gcn"] < sizes["se-gcn"] < sizes["se-resnet50"]


def test_a_semantic_graph_needs_its_statistics() -> None:
    spec = replace(SPECS["se-resnet50-gcn"], backbone=TINY)
    with pytest.raises(ValueError, match="adjacency of 42 units"):
        AuGraph(spec, np.zeros((3, 3)))


def test_regions_lie_around_their_landmarks_on_the_right_side() -> None:
    points = FACE[None].clone()
    boxes = region_boxes(points)
    assert boxes.shape == (1, len(REGION_NAMES), 4)
    middle = (boxes[0, :, :2] + boxes[0, :, 2:]) / 2
    for k, own in enumerate(region_points()):
        torch.testing.assert_close(middle[k], points[0, list(own)].mean(dim=0))
    assert REGION_NAMES[region_of("AU12_L")] == "corner_L"
    assert REGION_NAMES[region_of("AU25")] == "mouth"
    assert REGION_NAMES[region_of("AU9_R")] == "nose"
    order, facs = mirrored_regions(), load_schema("facs")
    for i, name in enumerate(facs.names):
        assert order[region_of(name)] == region_of(facs.names[facs.mirror[i]])
    flipped = points[:, list(load_schema("wflw98").mirror)] * torch.tensor([-1.0, 1.0]) + torch.tensor([127.0, 0.0])
    there = region_boxes(flipped)[0, order]
    torch.testing.assert_close(127.0 - there[:, [2, 0]], boxes[0][:, [0, 2]], atol=1e-3, rtol=0)
