"""numpy files of a copy: nothing pickled, nothing endless, no characters that do not exist."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.errors import SourceError
from mien.lab.datasets import array_files
from mien.lab.datasets.array_files import load_archive, load_label_array


def test_sound_files(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array("3"))
    np.savez_compressed(tmp_path / "b.npz", x=np.arange(3), names=np.array(["angry", "happy"]), flag=np.array([True]))
    assert str(load_label_array(tmp_path / "a.npy")) == "3"
    assert {k: v.tolist() for k, v in load_archive(tmp_path / "b.npz").items()} == {
        "x": [0, 1, 2],
        "names": ["angry", "happy"],
        "flag": [True],
    }


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}]), allow_pickle=True)
    np.savez(tmp_path / "b.npz", x=np.array([{"a": 1}]))
    with pytest.raises(SourceError, match="allow_pickle=False"):
        load_label_array(tmp_path / "a.npy")
    with pytest.raises(SourceError, match="allow_pickle=False"):
        load_archive(tmp_path / "b.npz")


@pytest.mark.parametrize("order", ["<", ">"])
def test_characters_that_do_not_exist_are_refused(order: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([0x7FFFFFFF], dtype=f"{order}u4").view(f"{order}U1"))
    with pytest.raises(SourceError, match="beyond ASCII"):
        load_label_array(tmp_path / "a.npy")


def test_other_types_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array(["2020-01-01"], dtype="datetime64[D]"))
    with pytest.raises(SourceError, match="neither numbers nor text"):
        load_label_array(tmp_path / "a.npy")


def test_sizes_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_files, "MAX_LABEL_BYTES", 1000)
    monkeypatch.setattr(array_files, "MAX_ARRAY_BYTES", 100_000)
    np.save(tmp_path / "a.npy", np.zeros(1000))
    np.savez_compressed(tmp_path / "b.npz", x=np.zeros(100_000))
    with pytest.raises(SourceError, match="too large for a label"):
        load_label_array(tmp_path / "a.npy")
    with pytest.raises(SourceError, match="unpacks to more"):
        load_archive(tmp_path / "b.npz")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'shape': (G, }", b"PK\x03\x04"])
def test_damage_is_one_kind_of_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    for load in (load_label_array, load_archive):
        with pytest.raises(SourceError):
            load(tmp_path / "a.npy")
