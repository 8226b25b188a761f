"""One conformance suite, run over every session Mien has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from tiny_model import BIAS, WEIGHT, facts, window_onnx

from mien.core.arrays import AnyArray
from mien.errors import ConfigError, ModelError
from mien.runtime import session as session_module
from mien.runtime.fake import FakeSession
from mien.runtime.session import BACKENDS, Session, TensorSpec, choose_backend, load_backend, open_session

Open = Callable[[bytes], Session]


def _by_hand(feeds: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    return {
        "y": (feeds["x"] @ WEIGHT + BIAS).astype(np.float32),
        "mean": feeds["image"].mean(axis=(2, 3)).astype(np.float32),
    }


OPENERS: dict[str, Open] = {
    "openvino": lambda m: open_session(m, backend="openvino", threads=1, precision="f32"),
    "onnxruntime": lambda m: open_session(m, backend="onnxruntime", threads=1),
    "fake": lambda m: FakeSession(facts().input_specs, facts().output_specs, _by_hand),
}


@pytest.fixture(params=sorted(OPENERS))
def session(request: pytest.FixtureRequest, tiny_model: bytes) -> Session:
    return OPENERS[request.param](tiny_model)


def _feeds(rows: int = 2) -> dict[str, AnyArray]:
    rng = np.random.default_rng(0)
    return {
        "x": rng.normal(size=(rows, 3)).astype(np.float32),
        "image": rng.integers(0, 256, (1, 3, 4, 5), dtype=np.uint8),
    }


def test_every_backend_is_in_the_suite() -> None:
    assert set(BACKENDS) < set(OPENERS)


def test_it_is_a_session_and_says_what_it_takes(session: Session) -> None:
    assert isinstance(session, Session)
    assert dict(session.inputs) == {
        "x": TensorSpec("x", (None, 3)),
        "image": TensorSpec("image", (1, 3, 4, 5), "uint8"),
    }
    assert list(session.outputs) == ["y", "mean"]
    assert session.outputs["y"] == TensorSpec("y", (None, 2))


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_it_computes_for_any_number_of_rows(session: Session, rows: int) -> None:
    feeds = _feeds(rows)
    answer = session.run(feeds)
    assert list(answer) == ["y", "mean"]
    for name, right in _by_hand(feeds).items():
        np.testing.assert_allclose(answer[name], right, atol=1e-4)
        assert answer[name].dtype == np.float32


def test_answers_stay_what_they_were(session: Session) -> None:
    first = session.run(_feeds())["y"]
    kept = first.copy()
    session.run({k: (v * 0 + 1).astype(v.dtype) for k, v in _feeds().items()})
    np.testing.assert_array_equal(first, kept)
    first[:] = 0  # belongs to the caller
    np.testing.assert_array_equal(session.run(_feeds())["y"], kept)


def test_strided_and_read_only_arrays_are_taken(session: Session) -> None:
    feeds = _feeds()
    right = session.run(feeds)
    wide = np.zeros((2, 6), dtype=np.float32)
    wide[:, ::2] = feeds["x"]
    image = np.ascontiguousarray(feeds["image"].transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    strided = {"x": wide[:, ::2], "image": image}
    for array in strided.values():
        array.flags.writeable = False
    for name, value in session.run(strided).items():
        np.testing.assert_allclose(value, right[name], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((2, 4), np.float32)}, r"input 'x': expected float32 \(any, 3\), got float32 \(2, 4\)"),
        ({"x": np.zeros(3, np.float32)}, r"input 'x': expected .* got float32 \(3,\)"),
        ({"x": np.zeros((2, 3))}, r"input 'x': expected float32 .* got float64"),
        ({"image": np.zeros((1, 3, 4, 5), np.float32)}, r"input 'image': expected uint8 \(1, 3, 4, 5\), got float32"),
        ({"z": np.zeros(1)}, r"expected the inputs \['image', 'x'\], got \['image', 'x', 'z'\]"),
    ],
)
def test_wrong_input_is_named(session: Session, change: dict[str, AnyArray], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        session.run(_feeds() | change)


def test_missing_input_is_named(session: Session) -> None:
    with pytest.raises(ModelError, match=r"expected the inputs \['image', 'x'\], got \['x'\]"):
        session.run({"x": _feeds()["x"]})


def test_closed_is_closed(session: Session) -> None:
    session.close()
    session.close()
    with pytest.raises(ModelError, match="closed"):
        session.run(_feeds())


def test_backends_agree(tiny_model: bytes) -> None:
    feeds = _feeds(50)
    answers = [OPENERS[name](tiny_model).run(feeds) for name in ("openvino", "onnxruntime")]
    for name in answers[0]:
        np.testing.assert_allclose(answers[0][name], answers[1][name], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("backend", sorted(BACKENDS))
@pytest.mark.parametrize("content", [b"", b"not a model", b"\x00" * 100])
def test_what_is_no_model_is_refused(backend: str, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match="cannot open it"):
        open_session(content, backend=backend)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_a_file_that_is_not_there(backend: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx: No such file"):
        open_session(tmp_path / "gone.onnx", backend=backend)


def test_the_backend_is_chosen_by_argument_variable_and_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIEN_BACKEND", raising=False)
    assert choose_backend() == "openvino"
    monkeypatch.setenv("MIEN_BACKEND", "onnxruntime")
    assert choose_backend() == "onnxruntime"
    assert choose_backend("openvino") == "openvino"
    monkeypatch.setenv("MIEN_BACKEND", "abacus")
    with pytest.raises(ConfigError, match="'abacus'; choose one of openvino, onnxruntime"):
        choose_backend()


def test_small_networks_prefer_the_backend_that_stays_in_the_callers_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIEN_BACKEND", raising=False)
    assert choose_backend(small=True) == "onnxruntime"
    assert choose_backend("openvino", small=True) == "openvino"
    monkeypatch.setenv("MIEN_BACKEND", "openvino")
    assert choose_backend(small=True) == "openvino"


def test_a_backend_that_cannot_be_imported_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIEN_BACKEND", raising=False)
    table = {"openvino": "mien.runtime.not_there:X", "onnxruntime": BACKENDS["onnxruntime"]}
    monkeypatch.setattr(session_module, "BACKENDS", table)
    assert choose_backend() == "onnxruntime"
    with pytest.raises(ModelError, match=r"'openvino' cannot be imported .*pip install"):
        load_backend("openvino")
    monkeypatch.setattr(session_module, "BACKENDS", {"openvino": "mien.runtime.not_there:X"})
    with pytest.raises(ModelError, match="no inference backend can be imported"):
        choose_backend()


def test_what_a_backend_does_not_offer_is_said(tiny_model: bytes) -> None:
    with pytest.raises(ConfigError, match="precision bf16"):
        open_session(tiny_model, backend="onnxruntime", precision="bf16")
    with pytest.raises(ConfigError, match="threads: expected at least 1, got 0"):
        open_session(tiny_model, threads=0)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_a_free_first_axis_can_be_fixed(backend: str, tiny_model: bytes) -> None:
    fixed, free = (open_session(tiny_model, backend=backend, threads=1, batch=b) for b in (2, None))
    assert fixed.inputs["x"].shape == (2, 3)
    assert fixed.inputs["image"].shape == (1, 3, 4, 5), "not free in the file"
    assert free.inputs["x"].shape == (None, 3)
    feeds = {"x": np.ones((2, 3), np.float32), "image": np.zeros((1, 3, 4, 5), np.uint8)}
    np.testing.assert_array_equal(fixed.run(feeds)["y"], free.run(feeds)["y"])
    with pytest.raises(ModelError, match="float32 \\(2, 3\\)"):
        fixed.run({**feeds, "x": np.ones((3, 3), np.float32)})


def test_a_provider_that_is_not_there_is_named(tiny_model: bytes) -> None:
    from mien.runtime.onnxruntime import OnnxRuntimeSession

    with pytest.raises(ModelError, match=r"no MoonExecutionProvider here, only .*CPUExecutionProvider"):
        OnnxRuntimeSession(tiny_model, providers=["MoonExecutionProvider", "CPUExecutionProvider"])


def test_a_fake_answers_with_a_constant() -> None:
    fake = FakeSession([TensorSpec("x", (None, 3))], [TensorSpec("y", (None, 2)), TensorSpec("n", (), "int64")], 4)
    answer = fake.run({"x": np.zeros((5, 3), np.float32)})
    assert answer["y"].shape == (5, 2)
    assert answer["n"].dtype == np.int64
    assert (answer["y"] == 4).all()


def test_a_fakes_own_answer_is_checked() -> None:
    fake = FakeSession([TensorSpec("x", (3,))], [TensorSpec("y", (2,))], lambda feeds: {"y": feeds["x"]})
    with pytest.raises(ModelError, match="answer: input 'y': expected"):
        fake.run({"x": np.zeros(3, np.float32)})


def test_openvino_is_imported_without_its_telemetry() -> None:
    """In a new process: importing OpenVINO must not load the package that reports the import to its maker."""
    code = (
        "import sys, mien.runtime.openvino, openvino.tools.ovc as o; "
        "assert not [m for m in sys.modules if m.startswith('openvino_telemetry')]; "
        "assert 'stub' in type(o.telemetry).__module__"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_that_fails_says_so_and_harms_no_later_session(tmp_path: Path, backend: str, threads: int) -> None:
    """In a new process: OpenVINO once gave the run before as the answer, and ended the process in the next session."""
    model = tmp_path / "window.onnx"
    model.write_bytes(window_onnx())
    code = """
import gc, sys
from pathlib import Path
import numpy as np
from mien.errors import ModelError
from mien.runtime.session import open_session
def picture(side):
    return {"x": np.ones((1, 1, side, side), np.float32)}
for _ in range(3):
    session = open_session(Path(sys.argv[1]), backend=sys.argv[2], threads=int(sys.argv[3]), precision="f32")
    print(session.run(picture(5))["y"].shape)
    try:
        print(session.run(picture(1))["y"].shape)
    except ModelError as error:
        print("failed to run it" in str(error))
    print(session.run(picture(4))["y"].max())
    try:
        session.run(picture(1))
    except ModelError:
        pass
    del session
    gc.collect()
"""
    command = [sys.executable, "-c", code, str(model), backend, str(threads)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "(1, 1, 3, 3)\nTrue\n9.0\n" * 3), done.stderr


def test_a_signal_after_sessions_came_and_went_does_not_end_the_process(tiny_model: bytes, tmp_path: Path) -> None:
    model = tmp_path / "tiny.onnx"
    model.write_bytes(tiny_model)
    code = """
import gc, signal, sys
from pathlib import Path
from mien.runtime.session import open_session
signal.signal(signal.SIGTERM, lambda *_: print("heard"))
for _ in range(3):
    open_sessions = [open_session(Path(sys.argv[1]), backend="openvino", threads=1) for _ in range(2)]
    del open_sessions[0]
    gc.collect()
    del open_sessions
    gc.collect()
    signal.raise_signal(signal.SIGTERM)
"""
    done = subprocess.run([sys.executable, "-c", code, str(model)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "heard\n" * 3), done.stderr
