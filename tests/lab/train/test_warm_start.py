"""A shipped model's weights come back into the network that they were exported from."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the lab extra")

from mien.action_units.face_crop import HALF, HEIGHT  # noqa: E402
from mien.action_units.features import FEATURES  # noqa: E402
from mien.errors import ModelError  # noqa: E402
from mien.lab.models.shape_reader import ShapeReader, ShapeReaderSpec  # noqa: E402
from mien.lab.train.detector_networks import build  # noqa: E402
from mien.lab.train.shape_export import Mixture, export_reader  # noqa: E402
from mien.lab.train.warm_start import warm_start  # noqa: E402
from mien.runtime.card import TrainingCard  # noqa: E402
from mien.runtime.store import MODEL_FILE, model_folder, open_model  # noqa: E402

SHIPPED = {
    "immtcnn-p": ({"kind": "immtcnn-p", "widths": [16, 24, 40]}, (40, 51)),
    "immtcnn-r": ({"kind": "immtcnn-r"}, (24, 24)),
    "immtcnn-o": ({"kind": "immtcnn-o", "widths": [16, 32, 48], "parallel": {"widths": [24, 48]}}, (48, 48)),
}


def _model(name: str) -> Path:
    return model_folder(name) / MODEL_FILE


@pytest.mark.parametrize("name", SHIPPED)
def test_answers_as_the_shipped_model_does(name: str) -> None:
    table, size = SHIPPED[name]
    net = build(table)
    chance = torch.Generator().manual_seed(3)
    batches = [torch.rand(16, 3, *size, generator=chance) * 2 - 1 for _ in range(2)]
    warm_start(net, _model(name), batches)
    assert net.training
    net.eval()
    shipped = open_model(name, backend="onnxruntime", threads=1)
    try:
        found = shipped.run({"image": batches[0][:3].numpy()})
    finally:
        shipped.close()
    with torch.no_grad():
        answer = net(batches[0][:3])
    np.testing.assert_allclose(torch.sigmoid(answer.logits).numpy(), found["score"], atol=1e-5)
    np.testing.assert_allclose(answer.box.numpy(), found["box"], atol=1e-5)


def test_a_reader_with_linear_layers_of_several_axes_used_twice_comes_back(tmp_path: Path) -> None:
    spec = ShapeReaderSpec(stem=4, widths=(4, 6), blocks=(1, 1), squeezed=4, features=8, hidden=12, points=(8,))
    torch.manual_seed(5)
    first, again = ShapeReader(spec), ShapeReader(spec)
    size = (torch.randn(6, 2, 3, HEIGHT, HALF), 0.05 * torch.randn(6, 2, FEATURES))
    first(*size)  # running means that are not those of a new network
    same = np.full(52, 0.5, np.float32)
    export_reader(first, Mixture(same, same, same, same), tmp_path, 1, TrainingCard(command="none", data=()))
    warm_start(again, tmp_path / MODEL_FILE, [size]).eval()
    first.eval()
    with torch.no_grad():
        for a, b in zip(first(*size), again(*size), strict=True):
            torch.testing.assert_close(a, b, atol=5e-3, rtol=1e-2)  # weights are stored as float16


def test_statistics_are_those_of_the_batches() -> None:
    net = build(SHIPPED["immtcnn-r"][0])
    chance = torch.Generator().manual_seed(3)
    batch = torch.rand(64, 3, 24, 24, generator=chance) * 2 - 1
    warm_start(net, _model("immtcnn-r"), [batch])
    net.eval()
    with torch.no_grad():
        calm = net(batch).logits
    for module in net.modules():  # only the first normalisations were folded; the others keep what training saw
        if isinstance(module, torch.nn.BatchNorm2d) and module not in [*net.octaves[0].modules()]:
            module.track_running_stats = True
            module.eval()
    net.octaves[0].train()
    with torch.no_grad():
        learning = net(batch).logits
    np.testing.assert_allclose(learning.numpy(), calm.numpy(), atol=2e-3)


def test_another_networks_weights_are_refused() -> None:
    with pytest.raises(ModelError, match="another network's|differs"):
        warm_start(build(SHIPPED["immtcnn-r"][0]), _model("immtcnn-o"), [torch.zeros(2, 3, 24, 24)])


def test_other_widths_are_refused() -> None:
    wider = build({"kind": "immtcnn-p", "widths": [18, 24, 40]})
    with pytest.raises(ModelError, match="differs"):
        warm_start(wider, _model("immtcnn-p"), [torch.zeros(2, 3, 12, 12)])


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"\x08\x01garbage")
    with pytest.raises(ModelError, match=r"model\.onnx"):
        warm_start(build(SHIPPED["immtcnn-p"][0]), broken, [torch.zeros(2, 3, 12, 12)])
