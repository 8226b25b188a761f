"""Networks of the detection cascade: published sizes, shapes, windows, gradients."""

import itertools

import pytest
import torch
from torch import nn

from mien.lab.models.blocks.parallel import ParallelConvs, ParallelSpec
from mien.lab.models.cascade import OutputNet, OutputSpec, ProposalNet, ProposalSpec, RefineNet, RefineSpec
from mien.lab.models.mtcnn import ClassicMtcnn


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(("stage", "count"), [("p", 6_632), ("r", 100_178), ("o", 389_040)])
def test_classic_networks_have_the_published_number_of_parameters(stage: str, count: int) -> None:
    assert parameters(ClassicMtcnn(stage)) == count


@pytest.mark.parametrize("net", [ClassicMtcnn("p"), ProposalNet(), ProposalNet(ProposalSpec(alpha=0.5))])
@pytest.mark.parametrize("size", [(12, 12), (13, 17), (40, 31)])
def test_proposals_for_pictures_of_any_size(net: nn.Module, size: tuple[int, int]) -> None:
    answer = net.eval()(torch.randn(2, 3, *size))
    rows, columns = answer.logits.shape[-2:]
    assert answer.logits.shape == (2, 1, rows, columns)
    assert answer.box.shape == (2, 4, rows, columns)
    assert rows in ((size[0] - 2) // 2 - 4, -(-(size[0] - 2) // 2) - 4)  # the published pooling rounds up


@pytest.mark.parametrize("net", [ClassicMtcnn("p"), ProposalNet(), ProposalNet(ProposalSpec(fusion=False))])
def test_each_proposal_sees_its_window_and_no_more(net: nn.Module) -> None:
    """Answer (i, j) of a picture = the answer to the window cut out at (2i, 2j)."""
    net = net.eval()
    torch.manual_seed(0)
    picture = torch.randn(1, 3, 30, 26)
    whole = net(picture)
    for i, j in itertools.product((0, 3, 8), (0, 2, 7)):
        window = net(picture[..., 2 * i : 2 * i + 12, 2 * j : 2 * j + 12])
        torch.testing.assert_close(whole.logits[..., i, j], window.logits[..., 0, 0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(whole.box[..., i, j], window.box[..., 0, 0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 0.75])
def test_refinement_for_every_alpha(alpha: float) -> None:
    answer = RefineNet(RefineSpec(alpha=alpha))(torch.randn(4, 3, 24, 24))
    assert answer.logits.shape == (4, 1)
    assert answer.box.shape == (4, 4)
    assert answer.points is not None
    assert answer.points.shape == (4, 10)


@pytest.mark.parametrize("spec", [OutputSpec(), OutputSpec(alpha=0.0), OutputSpec(parallel=None)])
def test_output_for_every_variant_trains_all_its_weights(spec: OutputSpec) -> None:
    net = OutputNet(spec)
    answer = net(torch.randn(4, 3, 48, 48))
    assert answer.points is not None
    (answer.logits.square().sum() + answer.box.square().sum() + answer.points.square().sum()).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_octaves_need_as_many_weights_as_plain_convolutions() -> None:
    plain, half = (
        sum(m.weight.numel() for m in RefineNet(RefineSpec(alpha=a)).octaves.modules() if isinstance(m, nn.Conv2d))
        for a in (0.0, 0.5)
    )
    assert plain == half


def test_parallel_branches_have_three_and_five_convolutions() -> None:
    block = ParallelConvs(48, ParallelSpec())
    for branch, depth in enumerate((3, 5)):
        convs = [m for step in block.chains for m in step[branch].modules() if isinstance(m, nn.Conv2d)]
        assert len(convs) == depth
    fine, coarse = block(torch.randn(2, 48, 12, 12))
    assert fine.shape == (2, 32, 12, 12)
    assert coarse.shape == (2, 64, 6, 6)
    # What the coarse branch sees reaches the fine one.
    block.eval()
    x = torch.randn(1, 48, 12, 12)
    before = block(x)[0]
    with torch.no_grad():
        block.chains[0][1][0][0].weight.add_(0.5)
    assert not torch.allclose(before, block(x)[0])


def test_decomposed_kernels_save_weights() -> None:
    assert parameters(ProposalNet()) < parameters(ProposalNet(ProposalSpec(separable=False)))
