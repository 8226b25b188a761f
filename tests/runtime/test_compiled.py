"""Compiled networks that are kept: the same answers, and nothing that is not sound or not ours is read."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.runtime import compiled
from mien.runtime.session import open_session
from mien.runtime.store import open_model

FEEDS = {"x": np.array([[1, 2, 3]], np.float32), "image": np.full((1, 3, 4, 5), 7, np.uint8)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(compiled.CACHE_VARIABLE, str(tmp_path / "cache" / "networks"))
    return tmp_path / "cache" / "networks"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every network that is compiled."""
    module = pytest.importorskip("mien.runtime.openvino")
    real, seen = module._core(), []

    class Counting:
        def compile_model(self, *args: Any) -> Any:
            seen.append(1)
            return real.compile_model(*args)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    monkeypatch.setattr(module, "_core", Counting)
    return seen


def answers(model: bytes, **how: Any) -> tuple[Any, dict[str, Any]]:
    session = open_session(model, backend="openvino", threads=1, precision="f32", **how)
    return (dict(session.inputs), dict(session.outputs)), session.run(FEEDS)


def test_the_second_time_nothing_is_compiled_and_the_answer_is_the_same(
    tiny_model: bytes, folder: Path, compilations: list[int]
) -> None:
    first, second = answers(tiny_model), answers(tiny_model)
    assert len(compilations) == 1
    assert first[0] == second[0]
    for name, values in first[1].items():
        np.testing.assert_array_equal(values, second[1][name])
    answers(tiny_model, batch=1)
    assert len(compilations) == 2, "another shape is another network"
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "text"])
def test_a_damaged_file_is_as_good_as_none(
    tiny_model: bytes, folder: Path, compilations: list[int], damage: str
) -> None:
    before = answers(tiny_model)
    (file,) = folder.iterdir()
    good = file.read_bytes()
    changed = bytearray(good)
    changed[-5] ^= 1
    file.write_bytes({"cut": good[:-9], "changed": bytes(changed), "empty": b"", "text": b"x" * 100}[damage])
    after = answers(tiny_model)
    np.testing.assert_array_equal(before[1]["y"], after[1]["y"])
    assert len(compilations) == 2
    assert compiled.kept(file.stem) is not None, "made anew"


@pytest.mark.skipif(
    os.name != "posix", reason="only POSIX has modes that say who may write; elsewhere nothing is checked"
)
def test_a_folder_that_others_may_write_is_not_trusted(
    tiny_model: bytes, folder: Path, compilations: list[int]
) -> None:
    answers(tiny_model)
    folder.chmod(0o777)
    answers(tiny_model)
    assert len(compilations) == 2


@pytest.mark.skipif(
    os.name != "posix", reason="only POSIX has modes that say who may write; elsewhere nothing is checked"
)
@pytest.mark.parametrize("what", ["writable", "foreign", "folder", "pipe"])
def test_a_file_that_is_not_ours_alone_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    compiled.keep("a", compiled.Compiled((), (), b"x"))
    file = folder / "a.ovblob"
    assert compiled.kept("a") is not None
    if what == "writable":
        file.chmod(0o666)
    elif what == "foreign":
        monkeypatch.setattr(compiled, "_own", lambda _: True)
        monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    else:
        file.unlink()
        file.mkdir() if what == "folder" else os.mkfifo(file)
    assert compiled.kept("a") is None


@pytest.mark.parametrize("name", ["immtcnn-o", "hrnet98-128-int8"])
def test_a_shipped_network_answers_bit_for_bit_the_same(folder: Path, compilations: list[int], name: str) -> None:
    def answer() -> dict[str, Any]:
        model = open_model(name, backend="openvino", threads=1, batch=1)
        try:
            (spec,) = model.card.inputs
            shape = tuple(n or 1 for n in spec.shape)
            values = np.random.default_rng(5).normal(0, 1, shape).astype(np.float32)
            return model.run({spec.name: values})
        finally:
            model.close()

    first, second = answer(), answer()
    assert len(compilations) == 1
    assert first.keys() == second.keys()
    for key, values in first.items():
        assert values.tobytes() == second[key].tobytes()


def test_it_can_be_switched_off_and_a_folder_that_cannot_be_is_no_error(
    tiny_model: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(compiled.CACHE_VARIABLE, "off")
    answers(tiny_model)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(compiled.CACHE_VARIABLE, str(tmp_path / "file" / "networks"))
    answers(tiny_model)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
def test_a_network_that_cannot_be_kept_runs(
    tiny_model: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fails(_: Any) -> bytes:
        raise error("no")

    monkeypatch.setattr(pytest.importorskip("mien.runtime.openvino"), "_exported", fails)
    assert "y" in answers(tiny_model)[1]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("why", ["off", "in the way", "written by others", "read only"])
def test_nothing_is_written_out_that_cannot_be_kept(
    tiny_model: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "written by others" and os.name != "posix":
        pytest.skip("only POSIX has modes that say who may write; elsewhere nothing is checked")
    folder = tmp_path / "networks"
    if why == "in the way":
        folder.write_text("a file")
    elif why == "written by others":
        folder.mkdir()
        folder.chmod(0o777)
    elif why == "read only":
        monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv(compiled.CACHE_VARIABLE, "off" if why == "off" else str(folder))
    exported: list[Any] = []
    monkeypatch.setattr(pytest.importorskip("mien.runtime.openvino"), "_exported", exported.append)
    answers(tiny_model)
    assert exported == []


def test_the_name_depends_on_all_that_decides() -> None:
    keys = {
        compiled.key_of(b"model", "1", {"a": 1}, None),
        compiled.key_of(b"model2", "1", {"a": 1}, None),
        compiled.key_of(b"model", "2", {"a": 1}, None),
        compiled.key_of(b"model", "1", {"a": 2}, None),
        compiled.key_of(b"model", "1", {"a": 1}, 1),
    }
    assert len(keys) == 5


def test_what_was_not_used_for_longest_goes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = compiled.Compiled((), (), b"x" * 1000)
    compiled.keep("a", network)
    compiled.keep("b", network)
    os.utime(folder / "a.ovblob", (1, 1))
    assert compiled.kept("a") == network, "and is used again"
    os.utime(folder / "b.ovblob", (1, 1))
    monkeypatch.setattr(compiled, "MOST_BYTES", 2500)
    compiled.keep("c", network)
    assert sorted(p.name for p in folder.iterdir()) == ["a.ovblob", "c.ovblob"]


def test_one_that_is_larger_than_all_may_be_is_not_kept_and_the_others_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled.keep("a", compiled.Compiled((), (), b"x" * 1000))
    monkeypatch.setattr(compiled, "MOST_BYTES", 2500)
    compiled.keep("b", compiled.Compiled((), (), b"x" * 2499))
    assert [p.name for p in folder.iterdir()] == ["a.ovblob"]


def test_what_a_killed_program_left_unfinished_goes_after_an_hour(folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o700)
    now = time.time()
    for name, age_s in (("old", 3700), ("young", 3500)):
        (folder / f"{name}.tmp").write_bytes(b"half")
        os.utime(folder / f"{name}.tmp", (now - age_s, now - age_s))
    compiled.keep("a", compiled.Compiled((), (), b"x"))
    assert sorted(p.name for p in folder.iterdir()) == ["a.ovblob", "young.tmp"]


@pytest.mark.parametrize("head", [b"[" * 100_000, b"[]", b"7", b'{"inputs": 1, "outputs": []}', b"\xff"])
def test_a_head_that_is_none_is_as_good_as_no_file(folder: Path, head: bytes) -> None:
    folder.mkdir(parents=True, mode=0o700)
    rest = len(head).to_bytes(4, "little") + head
    file = folder / "a.ovblob"
    file.write_bytes(hashlib.sha256(rest).digest() + rest)
    file.chmod(0o600)
    assert compiled.kept("a") is None
