from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.sources.tiff_size import tiff_size


def tiff(order: str, entries: list[tuple[int, int, int]]) -> bytes:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    values = (struct.pack(f"{order}HH", v, 0) if kind == 3 else struct.pack(f"{order}I", v) for _, kind, v in entries)
    tags = (struct.pack(f"{order}HHI", tag, kind, 1) for tag, kind, _ in entries)
    return head + b"".join(t + v for t, v in zip(tags, values, strict=True)) + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_both_byte_orders_and_widths_of_numbers(tmp_path: Path, order: str, kind: int) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(order, [(254, 4, 0), (256, kind, 600), (257, kind, 500), (258, 3, 8)]))
    assert tiff_size(path) == (600, 500)
    path.write_bytes(tiff(order, [(256, kind, 600), (257, kind, 500), (256, kind, 9)]))
    assert tiff_size(path) == (600, 500), "the larger of repeated entries"
    path.write_bytes(tiff(order, [(256, kind, 600)]))
    assert tiff_size(path) is None


def test_what_opencv_writes(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.tiff"), np.zeros((31, 47, 3), np.uint16))
    assert tiff_size(tmp_path / "a.tiff") == (47, 31)


@given(st.binary(max_size=200), st.sampled_from([b"", b"II*\0", b"MM\0*", b"II*\0\x08\0\0\0"]))
def test_any_bytes_have_a_size_or_none(tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.tif"
    path.write_bytes(head + data)
    size = tiff_size(path)
    assert size is None or min(size) > 0
