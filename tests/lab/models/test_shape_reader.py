"""The pixel reader is mirror-symmetric by construction."""

from __future__ import annotations

import torch

from mien.action_units.face_crop import HALF, HEIGHT
from mien.action_units.features import FEATURES, mirror_features
from mien.core.schema import load_schema
from mien.lab.models.shape_reader import ShapeReader, ShapeReaderSpec

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
