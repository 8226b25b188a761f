"""Two trained networks become one that answers their mean."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the lab extra")

from mien.errors import ModelError, RequestError  # noqa: E402
from mien.lab.evaluate.expression_readers import load_net  # noqa: E402
from mien.lab.models.expression.catalogue import make  # noqa: E402
from mien.lab.train.checkpoints import write_checkpoint  # noqa: E402
from mien.lab.train.expression_pair import main, pair_of  # noqa: E402

CLASSES = ["neutral", "anger", "happiness"]


def checkpoint(folder: Path, model: dict[str, object], px: int, classes: list[str] | None = None) -> Path:
    torch.manual_seed(px)
    names = classes or CLASSES
    facts = {"model": model, "task": {"input_px": px}, "classes": names, "aligned": True}
    path = folder / f"{model['name']}-{px}.pt"
    write_checkpoint(path, {"facts": facts, "net": make(model, len(names)).state_dict()})
    return path


LARGE = {"name": "recognition", "widths": [8, 16], "blocks": [1, 1], "stem": 3}
SMALL = {"name": "compact", "widths": [8, 16], "blocks": [1, 1]}


def test_the_pair_answers_the_mean_of_both(tmp_path: Path) -> None:
    first, second = checkpoint(tmp_path, LARGE, 64), checkpoint(tmp_path, SMALL, 32)
    main(["--first", str(first), "--second", str(second), "--out", str(tmp_path / "pair")])
    net, facts = load_net(tmp_path / "pair" / "best.pt")
    assert facts["task"]["input_px"] == 64
    x = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = net(x).logits.softmax(dim=1)
        one = load_net(first)[0](x).logits.softmax(dim=1)
        two = load_net(second)[0](torch.nn.functional.avg_pool2d(x, 2)).logits.softmax(dim=1)
    torch.testing.assert_close(found, (one + two) / 2)
    assert float((one - two).abs().max()) > 0.01


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    first, odd = checkpoint(tmp_path, LARGE, 64), checkpoint(tmp_path, SMALL, 48)
    with pytest.raises(RequestError, match="no multiple"):
        pair_of(first, odd, tmp_path / "pair")
    other = checkpoint(tmp_path / "other", SMALL, 32, ["neutral", "anger", "fear"])
    with pytest.raises(RequestError, match="other classes"):
        pair_of(first, other, tmp_path / "pair")
    with pytest.raises(ModelError, match=r"none\.pt"):
        pair_of(first, tmp_path / "none.pt", tmp_path / "pair")
    assert not (tmp_path / "pair").exists()
