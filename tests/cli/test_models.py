"""`mien models` over a folder of models that stands in for the shipped ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mien.cli.main import app
from mien.errors import ModelError
from mien.runtime import store


def _card(name: str, content: bytes) -> dict[str, Any]:
    return {
        "name": name,
        "version": "2",
        "task": "counting sheep",
        "licence": "Apache-2.0",
        "authors": ["A. Shepherd"],
        "inputs": [{"name": "x", "shape": [None, 3], "dtype": "float32", "recipe": "three sheep per row"}],
        "outputs": [{"name": "y", "shape": [None, 2], "dtype": "float32", "schema": "facs", "unit": "0–5"}],
        "precision": "f32",
        "training": {"command": "mien lab train sheep", "commit": "abc", "data": []},
        "scores": [{"metric": "MAE", "value": 0.25, "protocol": "held out", "data": "meadow", "support": 40}],
        "limits": ["goats"],
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }


def _put(root: Path, name: str, content: bytes) -> Path:
    folder = root / name
    folder.mkdir()
    (folder / "model.onnx").write_bytes(content)
    (folder / "card.json").write_text(json.dumps(_card(name, content)), encoding="utf-8")
    return folder


def _linear() -> bytes:
    onnx = pytest.importorskip("onnx", reason="onnx is in the extra 'lab'")
    import numpy as np

    h, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = h.make_graph(
        [h.make_node("MatMul", ["x", "w"], ["y"])],
        "linear",
        [h.make_tensor_value_info("x", kind, ["n", 3])],
        [h.make_tensor_value_info("y", kind, ["n", 2])],
        [onnx.numpy_helper.from_array(np.ones((3, 2), np.float32), "w")],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store, "models_folder", lambda: tmp_path)
    _put(tmp_path, "good", _linear())
    return tmp_path


def test_the_list_names_task_licence_and_scores(shipped: Path) -> None:
    result = CliRunner().invoke(app, ["models", "--details"])
    assert result.exit_code == 0
    assert "good 2: counting sheep (0.1 kB, Apache-2.0)" in result.stdout
    assert "MAE 0.25 on meadow (n = 40, held out)" in result.stdout
    assert "1 model, " in result.stdout


def test_json_is_one_object(shipped: Path) -> None:
    table = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    assert table["models"][0]["outputs"][0]["schema"] == "facs"


def test_one_card_in_full(shipped: Path) -> None:
    text = CliRunner().invoke(app, ["models", "good"]).stdout
    for part in (
        "A. Shepherd",
        "three sheep per row",
        "schema facs",
        "mien lab train sheep",
        "limit: goats",
        "sha256: ",
    ):
        assert part in text
    assert json.loads(CliRunner().invoke(app, ["models", "good", "--json"]).stdout)["name"] == "good"
    by_path = CliRunner().invoke(app, ["models", str(shipped / "good")])
    assert by_path.stdout == text


def test_the_list_has_a_line_for_each_model(shipped: Path) -> None:
    lines = CliRunner().invoke(app, ["models"]).stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("good ")
    assert "mien models --details" in lines[1]


def test_an_unknown_name_is_a_model_error(shipped: Path) -> None:
    result = CliRunner().invoke(app, ["models", "better"])
    assert isinstance(result.exception, ModelError)
    assert "there are: good" in str(result.exception)


def test_check_passes_over_sound_models(shipped: Path) -> None:
    result = CliRunner().invoke(app, ["models", "--check"])
    assert result.exit_code == 0
    assert "good: ok" in result.stdout
    assert "1 of 1 models are sound." in result.stdout


def test_check_names_the_bad_one_and_tries_the_others(shipped: Path) -> None:
    bad = _put(shipped, "bad", _linear())
    (bad / "model.onnx").write_bytes(_linear()[:-1] + b"\x00")
    _put(shipped, "broken", b"").joinpath("card.json").write_text("{", encoding="utf-8")
    result = CliRunner().invoke(app, ["models", "--check", "--json"])
    assert result.exit_code == 1
    table = json.loads(result.stdout)
    assert table["ok"] is False
    assert table["models"]["good"] == "ok"
    assert "sha256" in table["models"]["bad"]
    assert "card.json" in table["models"]["broken"]
