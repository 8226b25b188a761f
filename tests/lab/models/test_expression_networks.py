"""Every expression network by one protocol: forward, backward, learns by heart, the same in ONNX; published sizes."""

import io
import warnings
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from mien.errors import ConfigError
from mien.lab.evaluate.expression_pictures import sheet_of
from mien.lab.models.blocks.deformable import DeformableConv, bilinear
from mien.lab.models.blocks.margin import ArcFace
from mien.lab.models.blocks.standardise import GreyStandardised
from mien.lab.models.expression.answer import ExpressionNetwork, ExpressionTargets
from mien.lab.models.expression.catalogue import NETWORKS, make
from mien.lab.models.expression.dan import affinity_loss, partition_loss
from mien.lab.models.expression.multi_task import ccc_loss
from mien.lab.models.expression.poker_face import PokerFace
from mien.lab.models.expression.pyramid import Pyramid
from mien.lab.models.expression.size import multiply_adds, parameters, published_size

CLASSES = 4
COUNT = 32


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(1)


def samples(name: str) -> tuple[tuple[Tensor, ...], Tensor]:
    """Noise; the class tells which corner is bright and how stripes run: some networks forget places."""
    one = NETWORKS[name]
    classes = torch.arange(COUNT) % CLASSES
    inputs = one.inputs(COUNT, one.tiny_px)
    half, at = one.tiny_px // 2, torch.arange(one.tiny_px, dtype=torch.float32)
    inputs[0].mul_(0.3)
    for i, k in enumerate(classes.tolist()):
        row, column = divmod(k, 2)
        inputs[0][i, ..., row * half : (row + 1) * half, column * half : (column + 1) * half] += 1.5
        angle = np.pi * k / CLASSES
        inputs[0][i] += torch.sin(at * np.cos(angle) + at[:, None] * np.sin(angle))
    return inputs, classes


def learn(net: ExpressionNetwork, inputs: tuple[Tensor, ...], classes: Tensor, steps: int) -> float:
    """Accuracy in evaluation mode after at most so many steps on the same samples."""
    targets = ExpressionTargets(nn.functional.one_hot(classes, CLASSES).float())
    optimizer = torch.optim.AdamW(net.parameters(), 4e-3, weight_decay=0.0, foreach=True)
    right = 0.0
    for step in range(steps):
        net.train()
        judged = net.judge(net(*inputs), targets)
        optimizer.zero_grad()
        judged.total.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        if step % 10 == 9:
            net.eval()
            with torch.inference_mode():
                right = float((net(*inputs).logits.argmax(dim=1) == classes).float().mean())
            if right > 0.95:
                break
    return right


class _Logits(nn.Module):
    def __init__(self, net: ExpressionNetwork) -> None:
        super().__init__()
        self.net = net

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.net(*inputs).logits


def onnx_answer(net: ExpressionNetwork, inputs: tuple[Tensor, ...]) -> np.ndarray:
    names = [f"input_{i}" for i in range(len(inputs))]
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Logits(net).eval(), inputs, buffer, dynamo=False, opset_version=17, input_names=names, output_names=["y"]
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(buffer.getvalue(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_conformance(name: str) -> None:
    one = NETWORKS[name]
    net = one.make(replace(one.tiny, classes=CLASSES))
    inputs, classes = samples(name)
    few = tuple(x[:3] for x in inputs)
    answer = net(*few)
    assert answer.logits.shape == (3, CLASSES)
    assert answer.features.ndim == 2
    assert torch.isfinite(answer.logits).all()
    targets = ExpressionTargets(nn.functional.one_hot(classes[:3], CLASSES).float())
    net.judge(answer, targets).total.backward()
    wanting = [n for n, p in net.named_parameters() if p.requires_grad and p.grad is None]
    assert not [n for n in wanting if not n.startswith(("affect", "units", "sound"))], wanting
    assert learn(net, inputs, classes, 120) > 0.95
    net.eval()
    with torch.inference_mode():
        expected = net(*few).logits
    assert np.abs(onnx_answer(net, few) - expected.numpy()).max() <= 1e-3 * max(1.0, float(expected.abs().max()) / 10)


SIZED = [n for n, e in NETWORKS.items() if e.published is not None]


@pytest.mark.parametrize("name", SIZED)
def test_published_sizes_within_five_per_cent(name: str) -> None:
    told = NETWORKS[name].published
    assert told is not None
    count, work = published_size(NETWORKS[name])
    if told.parameters is not None:
        assert count / 1e6 + told.unused == pytest.approx(told.parameters, rel=0.05)
    if told.macs is not None:
        assert work / 1e6 == pytest.approx(told.macs, rel=0.05)


def test_sizes_are_counted_right() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(8 * 16, 5))
    assert parameters(net) == 3 * 8 * 9 + 8 * 16 * 5 + 5
    assert multiply_adds(net, (torch.zeros(1, 3, 4, 4),)) == 3 * 8 * 9 * 16 + 8 * 16 * 5


def test_names_and_fields_must_be_known() -> None:
    with pytest.raises(ConfigError, match='no expression network "dam"; did you mean "dan"'):
        make({"name": "dam"}, 7)
    with pytest.raises(ConfigError, match="no setting headz"):
        make({"name": "dan", "headz": 3}, 7)
    net = make({"name": "multi_task", "backbone": {"stem": 8, "blocks": [1, 1, 1, 1]}}, 5)
    assert net(torch.zeros(2, 3, 32, 32)).logits.shape == (2, 5)


def test_a_deformable_convolution_starts_as_a_plain_one_and_follows_its_offsets() -> None:
    layer, x = DeformableConv(3, 5), torch.randn(2, 3, 6, 7)
    plain = nn.functional.conv2d(x, layer.weight.reshape(5, 3, 3, 3), padding=1)
    assert torch.allclose(layer(x), plain, atol=1e-5)
    with torch.no_grad():
        layer.moves.bias[9:18] = 1.0  # every place looks one column further
    moved = nn.functional.conv2d(
        nn.functional.pad(x, (0, 1, 0, 0))[..., 1:], layer.weight.reshape(5, 3, 3, 3), padding=1
    )
    assert torch.allclose(layer(x)[..., 1:], moved[..., 1:], atol=1e-5)


def test_bilinear_values_between_and_outside_the_cells() -> None:
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    rows = torch.tensor([[0.0, 0.5, 2.0, -0.5, 5.0]])
    columns = torch.tensor([[1.0, 1.5, 3.0, 0.0, 0.0]])
    assert bilinear(x, rows, columns)[0, 0].tolist() == pytest.approx([1.0, 3.5, 11.0, 0.0, 0.0])
    place = torch.tensor([[0.4]], dtype=torch.float64, requires_grad=True)
    field = torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f, p: bilinear(f, p, p + 0.3), (field, place))


def test_arcface_makes_the_true_class_harder_only() -> None:
    layer = ArcFace(6, 3, scale=10.0, margin=0.5)
    logits = layer(torch.randn(4, 6))
    classes = torch.tensor([0, 1, 2, 0])
    harder = layer.with_margin(logits, classes)
    true = nn.functional.one_hot(classes, 3).bool()
    assert (harder[true] < logits[true]).all()
    assert torch.allclose(harder[~true], logits[~true], atol=1e-4)
    angle = torch.arccos(logits[true] / 10)
    below = angle < np.pi - 0.5
    assert torch.allclose(harder[true][below], 10 * torch.cos(angle + 0.5)[below], atol=1e-4)


def test_losses_of_dan() -> None:
    centres = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    clusters, classes = torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.tensor([0, 1])
    assert float(affinity_loss(clusters, classes, centres)) == pytest.approx(0.5 / 2.0)
    alike, apart = torch.ones(2, 3, 4) + 1e-3 * torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    assert partition_loss(alike) > partition_loss(apart)


def test_concordance_needs_the_right_scale_and_leaves_gaps_out() -> None:
    wanted = torch.tensor([[0.1, 0.5], [0.4, float("nan")], [0.9, -0.5]])
    right = torch.nan_to_num(wanted, nan=7.0)
    assert float(ccc_loss(right, wanted)) == pytest.approx(0.0, abs=1e-5)
    assert float(ccc_loss(right * 0.3, wanted)) > 0.2
    assert float(ccc_loss(right, torch.full((3, 2), float("nan")))) == 0.0


def test_the_poker_face_is_a_picture() -> None:
    one = NETWORKS["poker_face"]
    net = one.make(one.tiny).eval()
    assert isinstance(net, PokerFace)
    x = torch.randn(2, 3, one.tiny_px, one.tiny_px)
    answer = net(x)
    assert net.poker_face(answer).shape == net.rebuilt(answer).shape == x.shape


def test_usual_confusions_shape_the_labels_of_the_pyramid() -> None:
    one = NETWORKS["pyramid"]
    net = one.make(replace(one.tiny, classes=3, confusions=((9.0, 3.0, 1.0), (0.0, 5.0, 0.0), (2.0, 2.0, 7.0))))
    assert isinstance(net, Pyramid)
    assert net.prior[0].tolist() == pytest.approx([0, 0.75, 0.25], abs=1e-3)
    assert net.prior.sum(dim=1).tolist() == pytest.approx([1, 1, 1])
    with pytest.raises(ConfigError, match="expected 3 rows of 3"):
        one.make(replace(one.tiny, classes=3, confusions=((1.0, 2.0),)))


@pytest.mark.parametrize("name", ["poker_face", "hybrid", "pyramid"])
def test_what_networks_draw_can_be_looked_at(name: str) -> None:
    one = NETWORKS[name]
    net = one.make(one.tiny).eval()
    faces = [np.random.default_rng(i).integers(0, 255, (one.tiny_px, one.tiny_px, 3), np.uint8) for i in range(3)]
    titles = net.pictures(net(torch.zeros(1, 3, one.tiny_px, one.tiny_px)))
    assert sheet_of(net, faces).shape == (3 * 128, (1 + len(titles)) * 128, 3)


def test_grey_pictures_are_standardised_whatever_the_light() -> None:
    layer, x = GreyStandardised(), 10 * torch.randn(2, 3, 8, 8)
    y = layer(x)
    assert y.shape == (2, 1, 8, 8)
    assert torch.allclose(layer(x * 3 + 2), y, atol=0.05)
    assert y.mean(dim=(1, 2, 3)).abs().max() < 1e-5
    assert float(y.var(dim=(1, 2, 3), unbiased=False).min()) > 0.95
    assert float(layer(torch.ones(1, 3, 4, 4)).abs().max()) < 1e-4
