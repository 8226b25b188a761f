"""Training begins with the weights of a file as dlib writes them."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the lab extra")

from mien.action_units.face_crop import HALF, HEIGHT  # noqa: E402
from mien.errors import ModelError  # noqa: E402
from mien.lab.models.expression.catalogue import NETWORKS, make  # noqa: E402
from mien.lab.models.expression.recognition import Recognition, RecognitionSpec  # noqa: E402
from mien.lab.models.shape_reader import ShapeReader, ShapeReaderSpec  # noqa: E402
from mien.lab.train.dlib_weights import begin_with_dlib, dlib_tensors  # noqa: E402

SPEC = RecognitionSpec((32, 48), (1, 1), 3)


def _packed(number: int) -> bytes:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "little")
    return bytes([len(raw)]) + raw


def _tensor(values: np.ndarray) -> bytes:
    return b"\x01\x02" + _packed(values.size) + b"\x01\x01" * 3 + values.astype("<f4").tobytes()


def _layers(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """(kernel, bias, gain, shift) of each convolution of SPEC, the first over three colours."""
    shapes = [(32, 3, 3), (32, 32, 3), (32, 32, 3), (48, 32, 3), (48, 48, 3)]
    return [
        (
            rng.normal(0, (i * k * k) ** -0.5, (o, i, k, k)),
            rng.normal(0, 0.3, o),
            rng.uniform(0.5, 1.5, o),
            rng.normal(0, 0.3, o),
        )
        for o, i, k in shapes
    ]


def _file(layers: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]) -> bytes:
    out = b"\x01\x01\x01\x0dloss_metric_2"
    for kernel, bias, gain, shift in layers:
        out += b"\x01\x05con_4" + _tensor(np.concatenate([kernel.ravel(), bias])) + _tensor(np.ones(4))
        out += b"\x01\x07affine_" + _tensor(np.concatenate([gain, shift]))
    return out


def _of_colours(
    layers: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]], rgb: torch.Tensor, edge: int
) -> torch.Tensor:
    """What dlib computes of a standardised picture, with this network's edges."""

    def layer(n: int, x: torch.Tensor, stride: int = 1, pad: int = 1) -> torch.Tensor:
        kernel, bias, gain, shift = (torch.from_numpy(np.float32(a)) for a in layers[n])
        y = torch.nn.functional.conv2d(x, kernel, bias, stride, pad)
        return y * gain[:, None, None] + shift[:, None, None]

    x = torch.relu(layer(0, rgb * 56 / 256, 2, edge))
    x = torch.nn.functional.max_pool2d(x, 3, 2, 1)
    x = torch.relu(layer(2, torch.relu(layer(1, x))) + x)
    inner = torch.relu(layer(3, torch.nn.functional.pad(x, (0, 1, 0, 1)), 2, 0))
    short = torch.nn.functional.avg_pool2d(x, 2)
    return torch.relu(layer(4, inner) + torch.cat([short, torch.zeros(len(x), 16, *short.shape[2:])], dim=1))


def test_answers_as_dlibs_layers_do(tmp_path: Path) -> None:
    layers = _layers(np.random.default_rng(1))
    path = tmp_path / "some.dat"
    path.write_bytes(_file(layers))
    net = Recognition(SPEC)
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    assert begin_with_dlib(net, path, [x]).training
    net.eval()
    with torch.no_grad():
        grey = net.grey(x)
        np.testing.assert_allclose(
            net.body(net.narrow(net.stem(grey))), _of_colours(layers, grey.expand(-1, 3, -1, -1), 1), atol=2e-4
        )


def test_running_statistics_are_those_of_the_batches(tmp_path: Path) -> None:
    path = tmp_path / "some.dat"
    path.write_bytes(_file(_layers(np.random.default_rng(1))))
    net = Recognition(SPEC)
    x = torch.randn(64, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    begin_with_dlib(net, path, [x])
    with torch.no_grad():
        learning = net.body(net.narrow(net.stem(net.grey(x))))
        net.eval()
        calm = net.body(net.narrow(net.stem(net.grey(x))))
    # One step of running statistics later the same.
    np.testing.assert_allclose(calm, learning, atol=0.02)


@pytest.mark.parametrize("what", ["missing", "empty", "short", "other", "another size", "nan"])
def test_a_wrong_file_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "some.dat"
    layers = _layers(np.random.default_rng(1))
    whole = _file(layers)
    if what == "nan":
        layers[1][1][0] = np.nan
    contents = {
        "empty": b"",
        "short": whole[:-40],
        "other": b"\x89PNG" + bytes(999),
        "another size": _file(layers[:2]),
        "nan": _file(layers),
    }
    if what != "missing":
        path.write_bytes(contents[what])
    with pytest.raises(ModelError, match=r"some\.dat"):
        begin_with_dlib(Recognition(SPEC), path, [torch.randn(2, 3, 32, 32)])


def test_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.dat"
    path.write_bytes(_file(_layers(np.random.default_rng(1))))
    net = make({"name": "compact", "widths": [8], "blocks": [1]}, 3)
    with pytest.raises(ModelError, match=r"no layer of 8 filters 3×3 over 3"):
        begin_with_dlib(net, path, [torch.randn(2, 3, 32, 32)])


def _of_layers(*layers: torch.nn.Module) -> torch.nn.Module:
    return torch.nn.Sequential(*layers)


@pytest.mark.parametrize("name", ["mtcnn", "immtcnn", "efficient_face", "poker_face", "hybrid"])
def test_a_network_of_the_catalogue_that_is_built_otherwise_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "some.dat"
    path.write_bytes(_file(_layers(np.random.default_rng(1))))
    entry = NETWORKS[name]
    with pytest.raises(ModelError, match="cannot begin with dlib's weights"):
        begin_with_dlib(entry.make(entry.tiny), path, list(entry.inputs(2, entry.tiny_px)))


@pytest.mark.parametrize("what", ["nothing", "bare", "two bare", "turned", "one more", "wider"])
def test_one_that_could_be_filled_in_part_only_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "some.dat"
    path.write_bytes(_file(_layers(np.random.default_rng(1))))
    conv, norm = torch.nn.Conv2d(3, 32, 3), torch.nn.BatchNorm2d(32)
    net = {
        "nothing": _of_layers(torch.nn.ReLU()),
        "bare": _of_layers(conv),
        "two bare": _of_layers(conv, torch.nn.Conv2d(32, 32, 3)),
        "turned": _of_layers(torch.nn.BatchNorm2d(3), torch.nn.Conv2d(3, 3, 3)),
        "one more": _of_layers(conv, norm, torch.nn.Conv2d(32, 32, 3)),
        "wider": _of_layers(conv, torch.nn.BatchNorm2d(33)),
    }[what]
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(ModelError, match="Sequential cannot begin"):
        begin_with_dlib(net, path, [torch.randn(2, 3, 32, 32)])
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_the_reader_of_shapes_begins_with_them(tmp_path: Path) -> None:
    layers = _layers(np.random.default_rng(1))
    kernel = np.random.default_rng(2).normal(0, 0.1, (32, 3, 7, 7))
    layers[0] = (kernel, *layers[0][1:])
    path = tmp_path / "some.dat"
    path.write_bytes(_file(layers))
    net = ShapeReader(ShapeReaderSpec(trunk="pooled", widths=(32, 48), blocks=(1, 1), features=8, hidden=8))
    x = torch.randn(4, 3, HEIGHT, HALF, generator=torch.Generator().manual_seed(2))
    begin_with_dlib(net.trunk(), path, [x])
    net.eval()
    with torch.no_grad():
        np.testing.assert_allclose(net.trunk()(x), _of_colours(layers, x, 3), atol=5e-4)


@given(st.binary(max_size=300), st.lists(st.integers(32, 90), max_size=3))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, sizes: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.dat"
    path.write_bytes(noise + b"".join(_tensor(np.full(n, struct.unpack("<f", b"\0\0\x80?")[0])) for n in sizes))
    try:
        found = dlib_tensors(path)
    except ModelError:
        return
    assert all(np.isfinite(one).all() and len(one) >= 32 for one in found)
