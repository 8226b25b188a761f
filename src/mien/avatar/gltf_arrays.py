"""The numbers of a foreign glTF, GLB or VRM file: buffers, accessors and pictures, read with distrust.

Every count and offset is checked against what is there; a file that contradicts itself is one clear `SourceError`.
Buffers beside a .gltf are only read from its own folder or below. Nothing is fetched from a network.
"""

from __future__ import annotations

import base64
import binascii
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from mien.avatar.gltf_file import read_gltf
from mien.core.arrays import AnyArray, Float32
from mien.errors import SourceError

MAX_BYTES = 512 * 1024 * 1024
MAX_NUMBERS = 60_000_000
"""Numbers in one accessor."""
_KINDS: dict[int, str] = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_GLB_MAGIC, _BIN = 0x46546C67, 0x004E4942
_BROKEN = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, MemoryError)


class GltfArrays:
    """A file's JSON and its binary data.

    Attributes:
        path: the file.
        gltf: its JSON.

    Raises:
        SourceError: it cannot be read, is no glTF 2.0, or its buffers are missing, too large or elsewhere.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.gltf: dict[str, Any] = read_gltf(self.path)
        self.buffers: list[bytes] = []
        try:
            size = self.path.stat().st_size
            if size > MAX_BYTES:
                raise SourceError(f"{self.path} is larger than {MAX_BYTES >> 20} MB; that is no character")
            for number, buffer in enumerate(self.gltf.get("buffers", [])):
                self.buffers.append(self._buffer(number, buffer))
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read: {error.strerror or error}") from error
        except _BROKEN as error:
            raise self.broken("its buffers", error) from error

    def broken(self, what: str, error: BaseException | str) -> SourceError:
        """The error to raise where the file contradicts itself."""
        told = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        return SourceError(f"{self.path}: {what} cannot be understood ({told}); export it anew")

    def _buffer(self, number: int, buffer: dict[str, Any]) -> bytes:
        length = int(buffer["byteLength"])
        data = self.resource(buffer["uri"]) if "uri" in buffer else self._chunk(number)
        if not 0 <= length <= len(data):
            raise ValueError(f"buffer {number} has {len(data)} bytes, not {length}: the file is cut off")
        return data[:length]

    def _chunk(self, number: int) -> bytes:
        """The binary chunk of a GLB."""
        content = self.path.read_bytes()
        if number or len(content) < 20 or struct.unpack_from("<I", content)[0] != _GLB_MAGIC:
            raise ValueError(f"buffer {number} is nowhere")
        at = 20 + struct.unpack_from("<I", content, 12)[0]
        if at + 8 > len(content):
            raise ValueError("the file is cut off")
        length, kind = struct.unpack_from("<2I", content, at)
        if kind != _BIN or at + 8 + length > len(content):
            raise ValueError("the file is cut off")
        return content[at + 8 : at + 8 + length]

    def resource(self, uri: str) -> bytes:
        """The bytes behind a URI: data in it, or a file in the same folder or below."""
        if uri.startswith("data:"):
            try:
                return base64.b64decode(uri.partition(",")[2], validate=True)
            except binascii.Error as error:
                raise ValueError("data that is no base64") from error
        folder = self.path.parent.resolve()
        file = (folder / unquote(uri)).resolve()
        if ":" in uri or not file.is_relative_to(folder):
            raise ValueError(f"{uri[:80]} lies elsewhere")
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"{uri[:80]} is too large")
        return file.read_bytes()

    def view(self, index: int) -> tuple[bytes, int]:
        """The bytes of a buffer view, and its stride (0 = packed)."""
        view = self.gltf["bufferViews"][_index(index)]
        start, length = int(view.get("byteOffset", 0)), int(view["byteLength"])
        data = self.buffers[_index(view["buffer"])]
        if start < 0 or length < 0 or start + length > len(data):
            raise ValueError("a view reaches beyond its buffer")
        return data[start : start + length], int(view.get("byteStride", 0))

    def accessor(self, index: int) -> AnyArray:
        """(N, width) numbers of an accessor: integers as they are, normalised ones as float32 0–1 or −1–1.

        Raises:
            SourceError: the accessor contradicts the file.
        """
        try:
            return self._accessor(self.gltf["accessors"][_index(index)])
        except (*_BROKEN, struct.error) as error:
            raise self.broken(f"accessor {index}", error) from error

    def _accessor(self, row: dict[str, Any]) -> AnyArray:
        kind, width, count = np.dtype(_KINDS[row["componentType"]]), _WIDTHS[row["type"]], int(row["count"])
        if not 0 <= count * width <= MAX_NUMBERS:
            raise ValueError(f"{count} elements")
        out = np.zeros((count, width), kind)
        if "bufferView" in row:
            out = self._strided(row, kind, width, count).copy()
        if "sparse" in row:
            sparse = row["sparse"]
            changed = int(sparse["count"])
            where, what = sparse["indices"], sparse["values"]
            rows = self._strided(where, np.dtype(_KINDS[where["componentType"]]), 1, changed)[:, 0].astype(np.int64)
            if len(rows) and int(rows.max()) >= count:
                raise ValueError("a sparse index is too large")
            out[rows] = self._strided(what, kind, width, changed)
        if row.get("normalized") and kind.kind in "iu":
            out = np.maximum(out.astype(np.float32) / np.iinfo(kind).max, -1.0).astype(np.float32)
        if out.dtype.kind == "f" and not np.isfinite(out).all():
            raise ValueError("a number is not finite")
        return out

    def _strided(self, row: dict[str, Any], kind: np.dtype[Any], width: int, count: int) -> AnyArray:
        data, stride = self.view(row["bufferView"])
        start, element = int(row.get("byteOffset", 0)), kind.itemsize * width
        stride = stride or element
        if not (element <= stride <= 4096 and start >= 0) or (
            count and start + stride * (count - 1) + element > len(data)
        ):
            raise ValueError("it reaches beyond its view")
        if count == 0:
            return np.zeros((0, width), kind)
        raw = np.frombuffer(data, np.uint8)
        rows = np.lib.stride_tricks.as_strided(raw[start:], (count, element), (stride, 1), writeable=False)
        return np.ascontiguousarray(rows).view(kind).reshape(count, width)

    def floats(self, index: int) -> Float32:
        """The same as float32."""
        out: Float32 = self.accessor(index).astype(np.float32)
        return out


def _index(value: Any) -> int:
    """An index of glTF: negative ones would count from the end."""
    if not isinstance(value, int) or value < 0:
        raise IndexError(f"index {value!r}")
    return value
