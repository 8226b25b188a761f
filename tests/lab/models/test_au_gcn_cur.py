"""AU_GCN_CUR: adjacency, pooling, order and losses by hand; shapes of Table 1; every variant learns."""

import numpy as np
import pytest
import torch

from mien.lab.models.au_gcn_cur import (
    SPECS,
    AuGcnCur,
    MicroSpec,
    MicroTruth,
    Resnet3d18,
    conditional_adjacency,
    graph_loss,
    micro_loss,
    ordered_span,
    segment_loss,
    tiny,
)
from mien.lab.models.blocks.graph import normalised
from mien.lab.models.blocks.graph_pool import SelfAttentionPool, read_out

PRESENT = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 1]])


def test_adjacency_is_conditional_probability_rows_given_columns() -> None:
    # N = (4, 2, 1); N_01 = 2, N_02 = 1, N_12 = 0. P(U_0 | U_1) = 2/2, P(U_1 | U_0) = 2/4, P(U_2 | U_0) = 1/4.
    wanted = [[0, 1, 1], [0.5, 0, 0], [0.25, 0, 0]]
    assert conditional_adjacency(PRESENT) == pytest.approx(np.array(wanted))


def test_a_unit_that_never_occurs_is_linked_to_nothing() -> None:
    links = conditional_adjacency(np.column_stack([PRESENT, np.zeros(4)]))
    assert links[:, 3].sum() == links[3].sum() == 0


def test_normalisation_of_the_asymmetric_graph_by_hand() -> None:
    # A + I of two units with A = [[0, 1], [0.5, 0]]: row sums 2 and 1.5.
    found = normalised(np.array([[0, 1], [0.5, 0]]))
    wanted = [[1 / 2, 1 / np.sqrt(3)], [0.5 / np.sqrt(3), 1 / 1.5]]
    assert found.numpy() == pytest.approx(np.array(wanted))


def test_pooling_keeps_the_half_with_the_highest_scores() -> None:
    pool = SelfAttentionPool(1, 0.5)
    with torch.no_grad():
        pool.score.weight.fill_(1.0)
    nodes = torch.tensor([[[0.1], [2.0], [-1.0]]])
    links = torch.tensor([[1.0, 0.2, 0.3], [0.4, 1.0, 0.6], [0.7, 0.8, 1.0]])
    # Z = tanh(A·h): (0.1 + 0.4 − 0.3, 0.04 + 2 − 0.6, 0.07 + 1.6 − 1) = tanh(0.2, 1.44, 0.67); ⌈1.5⌉ = 2 stay.
    kept, pairs, index = pool(nodes, links)
    assert index.tolist() == [[1, 2]]
    assert kept[0, :, 0].tolist() == pytest.approx([2 * np.tanh(1.44), -np.tanh(0.67)])
    assert pairs[0].tolist() == [pytest.approx([1.0, 0.6]), pytest.approx([0.8, 1.0])]
    assert read_out(kept)[0, 1] == kept.max()


@pytest.mark.parametrize("ratio", [0.0, 1.5])
def test_a_ratio_that_keeps_nothing_or_too_much_is_an_error(ratio: float) -> None:
    with pytest.raises(ValueError, match="ratio"):
        SelfAttentionPool(4, ratio)


def test_onset_never_lies_behind_offset() -> None:
    raw = torch.randn(500, 2) * 5
    span = ordered_span(raw)
    assert (span[:, 0] <= span[:, 1]).all()
    assert ((span >= 0) & (span <= 1)).all()
    assert ordered_span(torch.zeros(1, 2))[0].tolist() == [0.5, 0.75]


def test_segment_loss_by_hand() -> None:
    truth = MicroTruth(torch.tensor([1]), torch.tensor([[0.2, 0.8]]), torch.zeros(1, 1))
    loss = segment_loss(torch.zeros(1, 4), torch.tensor([[0.4, 0.7]]), truth)
    assert loss.item() == pytest.approx(np.log(4) + 0.5 * (0.04 + 0.01))
    unknown = MicroTruth(truth.emotions, torch.full((1, 2), np.nan), truth.units)
    assert segment_loss(torch.zeros(1, 4), torch.tensor([[0.4, 0.7]]), unknown).item() == pytest.approx(np.log(4))


def test_graph_loss_by_hand() -> None:
    truth = MicroTruth(torch.tensor([0]), torch.zeros(1, 2), torch.tensor([[1.0, 0.0, np.nan]]))
    units = torch.tensor([[2.0, 0.0, 9.0]])
    au = (np.log1p(np.exp(-2.0)) + np.log(2)) / 2
    assert graph_loss(units, torch.zeros(1, 3), truth).item() == pytest.approx(0.7 * au + 0.3 * np.log(3))


def test_the_backbone_is_that_of_table_1() -> None:
    with torch.device("meta"):  # shapes without arithmetic
        net = Resnet3d18(SPECS["3d-cnn"]).eval()
        x = torch.zeros(1, 1, 16, 112, 112)
    assert 30e6 < sum(p.numel() for p in net.parameters()) < 36e6
    x = net.stem(x)
    sizes = [tuple(x.shape[1:])]
    for first, second in zip(net.blocks[::2], net.blocks[1::2], strict=True):
        x = second(first(x))
        sizes.append(tuple(x.shape[1:]))
    table = [(64, 16, 56), (64, 16, 56), (128, 8, 28), (256, 4, 14), (512, 2, 7)]
    assert sizes == [(c, t, s, s) for c, t, s in table]


@pytest.mark.parametrize("name", SPECS)
def test_every_variant_answers_and_learns(name: str) -> None:
    torch.manual_seed(1)
    spec = tiny(SPECS[name])
    net = AuGcnCur(spec, 3, conditional_adjacency(PRESENT))
    clip = torch.randn(4, spec.channels, 8, 16, 16)
    units = torch.tensor(PRESENT, dtype=torch.float32)
    truth = MicroTruth(torch.tensor([0, 1, 2, 1]), torch.tensor([[0.1, 0.9]] * 4), units)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(8):
        answer = net(clip)
        loss = micro_loss(answer, truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert answer.emotions.shape == (4, 3)
    assert (answer.units is None) == (spec.graph == "none")
    assert losses[-1] < losses[0]


def test_symmetric_and_asymmetric_links_differ() -> None:
    links = conditional_adjacency(PRESENT)
    nets = {n: AuGcnCur(tiny(SPECS[n]), 3, links) for n in ("au-gcn-cur", "au-gcn-cur-symmetric")}
    a, b = (nets[n].graph.graph.links for n in nets)
    assert not torch.equal(a, b)
    assert torch.equal((b - torch.diag(b.diagonal())) != 0, ((b - torch.diag(b.diagonal())) != 0).T)


def test_a_graph_needs_its_adjacency() -> None:
    with pytest.raises(ValueError, match="adjacency"):
        AuGcnCur(tiny(MicroSpec()), 3)
