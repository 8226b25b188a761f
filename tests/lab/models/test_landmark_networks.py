"""HRNet, LAB and the direct regressor: published size, shapes, what a change of input changes."""

import pytest
import torch
from torch import nn

from mien.lab.models.hrnet import W9, HrNet, HrNetSpec
from mien.lab.models.lab import BOUNDARIES, Lab, LabSpec
from mien.lab.models.regressor import TINY, Regressor


def _parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_hrnet_w18_has_the_published_size() -> None:
    net = HrNet(HrNetSpec(visibility=False))
    # 9.66 million: HRNet-Facial-Landmark-Detection's model for 98 points.
    assert _parameters(net) == 9_662_528
    stages = [len(stage.branches) for stage in net.stages]
    assert stages == [1, 4, 3]


def test_hrnet_gives_a_map_per_point_at_a_quarter_of_the_size() -> None:
    net = HrNet(W9).eval()
    with torch.no_grad():
        answer = net(torch.zeros(2, 3, 128, 128))
    assert [tuple(m.shape) for m in answer.maps] == [(2, 98, 32, 32)]
    assert answer.visible_logits.shape == (2, 98)
    assert HrNet(HrNetSpec(width=4, visibility=False))(torch.zeros(2, 3, 64, 64)).visible_logits is None


def test_every_parameter_of_hrnet_learns() -> None:
    torch.manual_seed(0)
    net = HrNet(W9)
    nn.init.normal_(net.head.maps.weight)
    answer = net(torch.randn(2, 3, 64, 64))
    (answer.maps[-1].square().mean() + answer.visible_logits.square().mean()).backward()
    still = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # A bias before a normalisation changes nothing.
    assert [n for n in still if n != "head.mix.0.bias"] == []


def test_lab_supervises_every_stack() -> None:
    net = Lab(LabSpec(stacks=2, channels=16)).eval()
    with torch.no_grad():
        answer = net(torch.zeros(1, 3, 64, 64))
    assert [tuple(m.shape) for m in answer.maps] == [(1, 98, 16, 16)] * 2
    assert [tuple(b.shape) for b in answer.boundaries] == [(1, len(BOUNDARIES), 16, 16)] * 2
    assert {i for line in BOUNDARIES for i in line} == set(range(96))


def test_regressor_starts_at_the_face_it_is_given() -> None:
    net = Regressor(TINY).eval()
    mean = torch.rand(98, 2)
    net.start_at(mean)
    with torch.no_grad():
        answer = net(torch.randn(3, 3, 96, 96))
    assert answer.xy.shape == (3, 98, 2)
    assert answer.log_scale.shape == answer.visible_logits.shape == (3, 98)
    assert (answer.xy - mean).abs().max() < 0.05
    with pytest.raises(RuntimeError):
        net(torch.zeros(1, 3, 128, 128))
