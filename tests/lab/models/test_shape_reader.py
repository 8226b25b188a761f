"""The pixel reader is mirror-symmetric by construction."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from mien.action_units.face_crop import HALF, HEIGHT
from mien.action_units.features import FEATURES, mirror_features
from mien.core.schema import load_schema
from mien.errors import ModelError
from mien.lab.models.shape_reader import ShapeReader, ShapeReaderSpec
from mien.lab.train.shape_growth import blended, deepened

TINY = ShapeReaderSpec(stem=4, widths=(4, 6, 8), squeezed=4, features=8, hidden=12, points=(8,))


def test_a_mirrored_face_gives_the_mirrored_answer() -> None:
    torch.manual_seed(1)
    net = ShapeReader(TINY).eval()
    pairs = torch.randn(3, 2, 3, HEIGHT, HALF)
    mirror = torch.tensor(load_schema("arkit52").mirror.copy())
    points = 0.05 * torch.randn(3, 2, FEATURES)
    order, signs = mirror_features()
    with torch.inference_mode():
        straight = net(pairs, points)
        mirrored = net(pairs.flip(1), points[..., torch.from_numpy(order)] * torch.from_numpy(signs))
    for a, b in zip(straight, mirrored, strict=True):
        assert a.shape == (3, 52)
        torch.testing.assert_close(a, b[:, mirror])
        assert float(a.std()) > 0


def test_both_halves_count() -> None:
    torch.manual_seed(2)
    net = ShapeReader(TINY).eval()
    pairs = torch.randn(1, 2, 3, HEIGHT, HALF)
    points = 0.05 * torch.randn(1, 2, FEATURES)
    changed = pairs.clone()
    changed[0, 1] += 1.0
    with torch.inference_mode():
        a, b = net(pairs, points).familiar, net(changed, points).familiar
        stranger, familiar, own = net(pairs, points + torch.tensor([[0.0], [0.1]]))
        before = net(pairs, points)
    assert float((a - b).abs().max()) > 1e-4
    torch.testing.assert_close(stranger, before.stranger)
    torch.testing.assert_close(own, before.own)
    assert float((familiar - before.familiar).abs().max()) > 1e-4


def test_a_deeper_reader_begins_as_the_one_it_was() -> None:
    torch.manual_seed(3)
    before, deeper = ShapeReader(TINY), ShapeReader(replace(TINY, blocks=(2, 1, 3)))
    some = torch.randn(4, 2, 3, HEIGHT, HALF), 0.05 * torch.randn(4, 2, FEATURES)
    before(*some)  # running means that are not those of a new network
    new = deepened(deeper, before.state_dict(), TINY.blocks)
    assert {name.split(".")[1] for name in new} == {"3", "6", "7"}
    deeper.eval()
    before.eval()
    with torch.inference_mode():
        for a, b in zip(before(*some), deeper(*some), strict=True):
            torch.testing.assert_close(a, b)
    deeper.train()
    deeper(*some).familiar.sum().backward()
    scales = [m.weight for m in deeper.trunk()[3].body.modules() if isinstance(m, nn.BatchNorm2d)]
    assert scales[-1].grad is not None
    assert float(scales[-1].grad.abs().max()) > 0  # and learns


def test_a_reader_does_not_lose_blocks() -> None:
    deeper = ShapeReader(replace(TINY, blocks=(2, 1, 1)))
    with pytest.raises(ModelError, match=r"blocks \(2, 1, 1\) do not fit"):
        deepened(ShapeReader(TINY), deeper.state_dict(), (2, 1, 1))
    wider = ShapeReader(replace(TINY, stem=8))
    with pytest.raises(ModelError, match="do not fit"):
        deepened(ShapeReader(TINY), wider.state_dict(), TINY.blocks)
    pooled = replace(TINY, trunk="pooled", widths=(8, 12), blocks=(1, 1))
    other = ShapeReader(replace(pooled, blocks=(1, 2)))
    with pytest.raises(ModelError, match="only a reader of basic blocks"):
        deepened(other, ShapeReader(pooled).state_dict(), (1, 1))
    assert not deepened(ShapeReader(pooled), ShapeReader(pooled).state_dict(), (1, 1))


def test_weights_are_blended_and_only_of_one_network() -> None:
    one, other = ShapeReader(TINY).state_dict(), ShapeReader(TINY).state_dict()
    mixed = blended(one, other, 0.25)
    for name, value in mixed.items():
        wanted = 0.25 * one[name] + 0.75 * other[name] if value.is_floating_point() else other[name]
        torch.testing.assert_close(value, wanted)
    with pytest.raises(ModelError, match="different networks"):
        blended(one, ShapeReader(replace(TINY, blocks=(2, 1, 1))).state_dict(), 0.5)
