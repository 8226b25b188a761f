"""Networks of the micro-expression literature, each against what its paper states; tiny sizes."""

import numpy as np
import pytest
import torch

from mien.lab.models.micro.capsules import CapsuleNet, RoutedCapsules, margin_loss, squash
from mien.lab.models.micro.flow_networks import SIDE, ConcatCnn, LocationSuppression, LssNet, SoftNet
from mien.lab.models.micro.lkcnn import InceptionDepthwise, Lkcnn, RelativePositionAttention
from mien.lab.models.micro.sequence_networks import CnnLstm, MerGcn, Mfem, Mffm, MultiRegionBiLstm


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_squash_keeps_the_direction_and_brings_the_length_below_1() -> None:
    s = torch.randn(50, 6) * 10
    v = squash(s)
    assert (v.norm(dim=-1) < 1).all()
    assert torch.nn.functional.cosine_similarity(s, v).min() > 0.9999
    assert squash(torch.tensor([3.0, 4.0])).norm().item() == pytest.approx(25 / 26, abs=1e-5)


def test_capsule_lengths_are_in_0_1_and_the_margin_loss_is_that_of_the_paper() -> None:
    net = CapsuleNet(1, 3, 32, width=8).eval()
    lengths = net(torch.randn(2, 1, 32, 32))
    assert lengths.shape == (2, 3)
    assert ((lengths >= 0) & (lengths < 1)).all()
    # class 0 there with length 0.5: (0.9 − 0.5)² = 0.16; another with 0.3: 0.5 · (0.3 − 0.1)² = 0.02.
    assert margin_loss(torch.tensor([[0.5, 0.3]]), torch.tensor([0])).item() == pytest.approx(0.18)


def test_routing_sends_capsules_to_the_class_that_agrees() -> None:
    route = RoutedCapsules(4, (2, 2), 2)
    with torch.no_grad():
        route.votes.zero_()
        route.votes[0, :] = torch.eye(2)  # class 0 hears all inputs alike
        route.votes[1, ::2] = torch.eye(2)  # in class 1 they contradict each other
        route.votes[1, 1::2] = -torch.eye(2)
    lengths = route(torch.ones(1, 4, 2)).norm(dim=-1)[0]
    assert lengths[0] > 0.8
    assert lengths[1] < 0.05


def test_softnet_has_the_published_size() -> None:
    net = SoftNet()
    # 26·3 + 26·5 + 26·8 weights and biases of the streams; (16 · 49 + 1) · 400; 401.
    assert sum(p.numel() for p in net.parameters()) == 416 + 785 * 400 + 401
    assert net(torch.zeros(2, 3, SIDE, SIDE)).shape == (2, 1)


def test_softnet_streams_see_one_channel_each() -> None:
    net = SoftNet()
    x = torch.zeros(1, 3, SIDE, SIDE)
    x[:, 1] = torch.randn(SIDE, SIDE)
    first = net.streams[0](x[:, :1])
    assert torch.allclose(first, first[..., :1, :1].expand_as(first), atol=0.2)


def test_concat_cnn_needs_both_of_its_inputs() -> None:
    net = ConcatCnn(5, 3)
    picture, units = torch.randn(1, 3, SIDE, SIDE), torch.rand(1, 5)
    answer = net(picture, units)
    assert not torch.allclose(answer, net(picture, units * 0))
    assert not torch.allclose(answer, net(picture * 0, units))


def test_location_suppression_never_raises_and_falls_outwards() -> None:
    suppress = LocationSuppression()
    weights = suppress.weights(9)
    assert weights[4].item() == pytest.approx(1.0, abs=1e-4)
    assert (weights.diff()[:4] > 0).all()
    assert (weights.diff()[4:] < 0).all()
    scores = torch.rand(2, 9)
    assert (suppress(scores) <= scores).all()


def test_lssnet_scores_every_frame() -> None:
    scores, classes = LssNet(3, width=4, hidden=8)(torch.randn(2, 6, 1, 16, 16), torch.randn(2, 6, 3, 16, 16))
    assert scores.shape == (2, 6)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert classes.shape == (2, 3)


def test_cnn_lstm_knows_the_order_of_frames() -> None:
    net = CnnLstm(1, 3, width=4, hidden=8).eval()
    clip = torch.randn(1, 5, 1, 16, 16)
    assert net(clip).shape == (1, 3)
    assert not torch.allclose(net(clip), net(clip.flip(1)), atol=1e-5)


def test_mer_gcn_spreads_a_unit_to_those_it_comes_with() -> None:
    links = np.array([[0, 0.9, 0], [0.4, 0, 0], [0, 0, 0]])
    net = MerGcn(1, 3, links, width=4).eval()
    classes, units = net(torch.randn(2, 1, 4, 16, 16))
    assert classes.shape == (2, 3)
    assert units.shape == (2, 3)
    rows = net.graph.links
    assert rows[0, 1] > 0
    assert rows[2, :2].sum() == rows[:2, 2].sum() == 0


def test_mfem_gates_stand_side_by_side() -> None:
    net = Mfem(16).eval()
    x = torch.rand(1, 16, 6, 6)
    assert net(x).shape == x.shape
    parts = torch.stack([gate(x) for gate in net.gates]).mean(dim=0)
    assert torch.allclose(net(x), x + parts)
    assert (net(x) >= x).all()  # gates are within 0 and 1 and added: nothing is lost


def test_mffm_uses_every_level() -> None:
    net = Mffm((4, 6), 8)
    levels = [torch.rand(1, 4), torch.rand(1, 6)]
    answer = net(levels)
    assert answer.shape == (1, 8)
    for k in range(2):
        changed = [x.clone() for x in levels]
        changed[k] += 1
        assert not torch.allclose(net(changed), answer)


def test_resnet34_bilstm_runs_both_ways() -> None:
    net = MultiRegionBiLstm(1, 3, stem=4, blocks=(1, 1, 1, 1), hidden=8).eval()
    assert net(torch.randn(1, 3, 1, 32, 32)).shape == (1, 3)
    assert net.memory.memory.bidirectional


def test_inception_depthwise_leaves_most_channels_alone_and_reaches_far() -> None:
    net = InceptionDepthwise(16)
    x = torch.zeros(1, 16, 15, 15)
    x[:, :, 7, 7] = 1.0
    with torch.no_grad():
        for conv in (net.square, net.wide, net.tall):
            conv.weight.fill_(1.0)
            conv.bias.zero_()
    y = net(x)
    assert torch.equal(y[:, :10], x[:, :10])
    assert y[0, 12, 7].count_nonzero() == 11  # 1×11
    assert y[0, 14, :, 7].count_nonzero() == 11  # 11×1
    assert y[0, 10].count_nonzero() == 9


def test_relative_position_attention_dims_and_never_amplifies() -> None:
    net = RelativePositionAttention(2, 4)
    x = torch.rand(1, 4, 4)
    y = net(x)
    assert (y <= x).all()
    assert (y >= x / 2).all()  # sigmoid of what a ReLU left is at least a half
    assert net.index.unique().numel() == 9  # 2 × 2 blocks have 9 relative places


def test_lkcnn_answers() -> None:
    assert Lkcnn(3, grid=2, width=8).eval()(torch.randn(2, 3, 32, 32)).shape == (2, 3)
