"""The blocks: what each promises, against plain torch."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mien.lab.models.blocks.convolution import (
    ConvBnAct,
    ConvSpec,
    InvertedResidual,
    InvertedSpec,
    Separable3x3,
    SqueezeExcite,
)
from mien.lab.models.blocks.exchange import ExchangeUnit, ParallelStage, StageSpec, Transition
from mien.lab.models.blocks.fusion import LayerFusion, MultiScaleConv
from mien.lab.models.blocks.hourglass import Hourglass
from mien.lab.models.blocks.octave import OctaveBlock, OctaveConv, OctaveSpec, octave_widths
from mien.lab.models.blocks.residual import BasicBlock, Bottleneck


def _weights(net: nn.Module) -> int:
    return sum(m.weight.numel() for m in net.modules() if isinstance(m, nn.Conv2d))


def test_separable_is_one_convolution_of_rank_one() -> None:
    torch.manual_seed(1)
    pair = Separable3x3(4, 4, ConvSpec(act="none", normalised=False))
    tall, wide = pair[0], pair[1]
    whole = torch.einsum("omxi,mcjy->ocji", wide.weight, tall.weight)
    x = torch.randn(2, 4, 9, 7)
    assert torch.allclose(pair(x), F.conv2d(x, whole, wide.bias, padding=1), atol=1e-5)
    assert _weights(pair) == pytest.approx(_weights(ConvBnAct(4, 4)) * 2 / 3)


def test_octave_without_low_channels_is_a_plain_convolution() -> None:
    x = torch.randn(1, 6, 8, 8)
    octave = OctaveConv(6, 10, OctaveSpec(0, 0))
    high, low = octave((x, None))
    assert low is None
    plain = octave.high_to_high
    assert torch.equal(high, F.conv2d(x, plain.weight, plain.bias, padding=1))


@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.75])
def test_octave_has_as_many_weights_as_the_plain_convolution_and_fewer_products(alpha: float) -> None:
    plain, octave = nn.Conv2d(16, 32, 3), OctaveConv(16, 32, OctaveSpec(alpha, alpha))
    assert _weights(octave) == plain.weight.numel()
    share = (1 - alpha) ** 2 + (alpha**2 + 2 * alpha * (1 - alpha)) / 4
    assert share == pytest.approx(1 - 0.75 * alpha * (2 - alpha))
    high, low = octave_widths(16, alpha)
    y_high, y_low = octave((torch.randn(1, high, 12, 12), torch.randn(1, low, 6, 6)))
    assert y_high.shape[-2:] == (12, 12)
    assert y_low.shape[-2:] == (6, 6)


def test_octave_equations_four_and_five() -> None:
    torch.manual_seed(2)
    octave = OctaveConv(8, 8, OctaveSpec(0.5, 0.5))
    high, low = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 4, 4)
    y_high, y_low = octave((high, low))
    up = F.interpolate(octave.low_to_high(low), scale_factor=2.0, mode="nearest")
    assert torch.allclose(y_high, octave.high_to_high(high) + up)
    assert torch.allclose(y_low, octave.low_to_low(low) + octave.high_to_low(F.avg_pool2d(high, 2)))


def test_octave_stride_and_odd_sides() -> None:
    block = OctaveBlock(3, 8, OctaveSpec(0, 0.25, stride=2)).eval()
    high, low = block((torch.randn(1, 3, 24, 24), None))
    assert high.shape == (1, 6, 12, 12)
    assert low.shape == (1, 2, 6, 6)
    with pytest.raises(ValueError, match="even sides"):
        block((torch.randn(1, 3, 23, 24), None))
    with pytest.raises(ValueError, match="share of low channels"):
        octave_widths(8, 1.5)


def test_exchange_brings_every_branch_to_every_branch() -> None:
    unit = ExchangeUnit((4, 8, 16)).eval()
    branches = [torch.randn(1, 4 * 2**r, 32 // 2**r, 32 // 2**r, requires_grad=True) for r in range(3)]
    out = unit(branches)
    assert [x.shape for x in out] == [x.shape for x in branches]
    for y in out:
        grads = torch.autograd.grad(y.sum(), branches, retain_graph=True)
        assert all(g.abs().sum() > 0 for g in grads)


def test_transition_adds_a_coarser_branch_and_stages_keep_shapes() -> None:
    before = [torch.randn(1, 20, 16, 16)]
    after = Transition((20,), (4, 8))(before)
    assert [tuple(x.shape) for x in after] == [(1, 4, 16, 16), (1, 8, 8, 8)]
    out = ParallelStage(StageSpec((4, 8), 2, 1))(after)
    assert [x.shape for x in out] == [x.shape for x in after]


def test_multi_scale_sees_the_middle_of_the_largest_window() -> None:
    block = MultiScaleConv(3, 10, (1, 3, 5)).eval()
    x = torch.zeros(1, 3, 9, 9)
    x[..., 4, 4] = 1
    y = block(x) - block(torch.zeros_like(x))
    assert y.shape == (1, 10, 5, 5)
    # The 1×1 kernel answers at one place only, in the middle.
    first = y[0, : block.parts[0][0].out_channels].abs().sum(dim=0)
    assert first.nonzero().tolist() == [[2, 2]]
    assert LayerFusion((4, 6), 5)([torch.randn(1, 4, 3, 3), torch.randn(1, 6, 3, 3)]).shape == (1, 5, 3, 3)


def test_residuals_start_as_what_they_add_to() -> None:
    for block in (BasicBlock(8, 8), Bottleneck(8, 8)):
        x = torch.rand(2, 8, 6, 6)
        nn.init.zeros_(block.body[-1][-1].weight)
        assert torch.equal(block(x), x)
        assert type(block)(8, 16, 2)(x).shape == (2, 16, 3, 3)


def test_inverted_residual_adds_only_where_shapes_agree() -> None:
    x = torch.randn(2, 8, 6, 6)
    assert InvertedResidual(8, InvertedSpec(32, 8, excite=True)).added
    assert not InvertedResidual(8, InvertedSpec(32, 12)).added
    assert InvertedResidual(8, InvertedSpec(32, 8, stride=2))(x).shape == (2, 8, 3, 3)


def test_squeeze_excite_weighs_whole_channels() -> None:
    x = torch.rand(1, 16, 5, 5) + 0.1
    ratio = SqueezeExcite(16)(x) / x
    assert torch.allclose(ratio, ratio[..., :1, :1].expand_as(ratio), atol=1e-6)


def test_hourglass_keeps_shape_and_sees_far() -> None:
    net = Hourglass(8, 3).eval()
    x = torch.randn(1, 8, 32, 32, requires_grad=True)
    y = net(x)
    assert y.shape == x.shape
    (grad,) = torch.autograd.grad(y[0, :, 0, 0].sum(), x)
    assert grad[0, :, 20:, 20:].abs().sum() > 0
