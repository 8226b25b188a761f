from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import facts

from mien.errors import ConfigError, ModelError
from mien.runtime import store
from mien.runtime.store import check_files, list_models, model_folder, open_model, read_card, write_card

Make = Callable[..., Path]


def _change_card(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "card.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    change(table)
    path.write_text(json.dumps(table), encoding="utf-8")


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", None])
def test_a_model_opens_and_runs(make_folder: Make, backend: str | None) -> None:
    model = open_model(make_folder(), backend=backend, threads=1)
    assert model.id == "tiny-1.0"
    answer = model.run({"x": np.zeros((1, 3), np.float32), "image": np.zeros((1, 3, 4, 5), np.uint8)})
    np.testing.assert_allclose(answer["y"], [[0.25, -1]])
    model.close()


def test_the_card_comes_back_as_written(make_folder: Make) -> None:
    card = read_card(make_folder())
    assert card.model_dump(exclude={"sha256", "bytes"}) == facts().model_dump()
    assert card.inputs[0].shape == (None, 3)


def test_every_flipped_byte_of_the_model_is_noticed(make_folder: Make) -> None:
    folder = make_folder()
    path = folder / "model.onnx"
    good = path.read_bytes()
    for at in (0, len(good) // 2, len(good) - 1):
        bad = bytearray(good)
        bad[at] ^= 1
        path.write_bytes(bytes(bad))
        with pytest.raises(ModelError, match=r"model\.onnx: its sha256 is not the card's; copy the folder again"):
            open_model(folder)


@pytest.mark.parametrize("length", [0, 1, 100])
def test_a_truncated_model_is_noticed(make_folder: Make, length: int) -> None:
    folder = make_folder()
    path = folder / "model.onnx"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ModelError, match=rf"model\.onnx: {length} bytes, the card says \d+"):
        open_model(folder)


def test_a_sound_checksum_over_a_broken_model_is_still_no_model(make_folder: Make) -> None:
    folder = make_folder()
    (folder / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"model\.onnx: .*cannot open it"):
        write_card(folder, facts())


def test_facts_that_contradict_the_model_are_not_written(make_folder: Make) -> None:
    folder = make_folder()
    (folder / "card.json").unlink()
    wrong = [{"name": "x", "shape": [None, 3], "recipe": "three numbers per row"}]
    with pytest.raises(ModelError, match=r"its inputs are \['image', 'x'\]"):
        write_card(folder, facts(inputs=wrong))
    assert not (folder / "card.json").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["inputs"][0].update(shape=[None, 4]), r"input 'x' is float32 \(any, 3\), card\.json says .*4"),
        (lambda t: t["inputs"][0].update(shape=[2, 3]), r"input 'x' is .* card\.json says float32 \(2, 3\)"),
        (lambda t: t["inputs"][1].update(dtype="float32"), r"input 'image' is uint8 .* says float32"),
        (lambda t: t["inputs"].pop(), r"its inputs are \['image', 'x'\], card\.json says \['x'\]"),
        (lambda t: t["outputs"][0].update(shape=[None, 3]), r"output 'y' is float32 \(any, 2\)"),
        (lambda t: t["outputs"][0].update(shape=[2]), r"output 'y' is"),
        (lambda t: t["outputs"][1].update(name="median"), r"its outputs are \['mean', 'y'\]"),
    ],
)
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_a_card_that_contradicts_the_model(
    make_folder: Make, backend: str, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    folder = make_folder()
    _change_card(folder, change)
    with pytest.raises(ModelError, match=message):
        open_model(folder, backend=backend)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("licence"), r"card\.json: licence: Field required"),
        (lambda t: t.update(colour="red"), r"card\.json: colour: Extra inputs are not permitted"),
        (lambda t: t["scores"][0].update(value="high"), r"scores\.0\.value"),
        (lambda t: t["scores"][0].pop("support"), r"scores\.0\.support: Field required"),
        (lambda t: t.update(name="../evil"), r"card\.json: name"),
        (lambda t: t.update(sha256="0"), r"card\.json: sha256"),
        (lambda t: (t.pop("task"), t.pop("version")), r"\(and 1 more\)"),
    ],
)
def test_a_card_that_is_no_card(make_folder: Make, change: Callable[[dict[str, Any]], Any], message: str) -> None:
    folder = make_folder()
    _change_card(folder, change)
    with pytest.raises(ModelError, match=message):
        open_model(folder)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"name": NaN}', b"{'a': 1}"]
)
def test_a_card_that_is_no_json(make_folder: Make, content: bytes) -> None:
    folder = make_folder()
    (folder / "card.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"card\.json: .*; write it anew"):
        open_model(folder)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("card")
    (folder / "card.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"card\.json"):
        read_card(folder)


def test_a_huge_card_is_refused_unread(make_folder: Make) -> None:
    folder = make_folder()
    with (folder / "card.json").open("r+b") as file:
        file.truncate(3_000_000_000)  # sparse: costs nothing unless someone reads it
    with pytest.raises(ModelError, match=r"card\.json is larger than 1000000 bytes"):
        open_model(folder)


def test_a_huge_model_is_refused(make_folder: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder()
    monkeypatch.setattr(store, "MAX_MODEL_BYTES", 50)
    with pytest.raises(ModelError, match=r"model\.onnx is larger than 50 bytes"):
        open_model(folder)


@pytest.mark.parametrize("name", ["model.onnx", "card.json"])
def test_a_missing_file_is_named(make_folder: Make, name: str) -> None:
    folder = make_folder()
    (folder / name).unlink()
    with pytest.raises(ModelError, match=rf"{name} is missing"):
        open_model(folder)


def test_tensors_in_other_files_are_refused(make_folder: Make, tiny_model: bytes) -> None:
    """The checksum would not cover them."""
    onnx = pytest.importorskip("onnx", reason="onnx is in the extra 'lab'")
    folder = make_folder()
    model = onnx.load_from_string(tiny_model)
    onnx.external_data_helper.convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save(model, str(folder / "model.onnx"))
    content = (folder / "model.onnx").read_bytes()
    digest = store.hashlib.sha256(content).hexdigest()
    _change_card(folder, lambda t: t.update(sha256=digest, bytes=len(content)))
    with pytest.raises(ModelError, match="keeps tensors in other files"):
        check_files(folder)


@pytest.mark.parametrize("name", ["..", ".", "", "a b", "Ä", "-x", "x" * 65, "tiny\n", "C:"])
def test_names_cannot_point_elsewhere(name: str) -> None:
    with pytest.raises(ModelError, match="is no name of a model"):
        model_folder(name)


def test_unknown_names_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no shipped model 'abacus'; there are: "):
        model_folder("abacus")
    with pytest.raises(ModelError, match="there is no model folder"):
        model_folder(tmp_path / "nothing")
    with pytest.raises(ModelError, match="there is no model folder"):
        model_folder("../nothing")


def test_listing_is_by_name_and_skips_other_folders(make_folder: Make, tmp_path: Path) -> None:
    make_folder("zeta")
    make_folder("alpha")
    (tmp_path / "notes").mkdir()
    assert [c.name for c in list_models(tmp_path)] == ["alpha", "zeta"]


def test_every_shipped_model_is_sound() -> None:
    for card in list_models():
        assert check_files(model_folder(card.name))[0] == card
        open_model(card.name, threads=1).close()


def test_a_model_can_be_opened_for_one_number_of_rows_and_in_full_precision(make_folder: Make) -> None:
    model = open_model(make_folder(precision="auto"), threads=1, batch=1, precision="f32")
    assert model.session.inputs["x"].shape == (1, 3)
    assert model.card.input_specs[0].shape == (None, 3)
    model.close()
    with pytest.raises(ConfigError, match="bf16"):
        open_model(make_folder(name="other"), backend="onnxruntime", precision="bf16")
