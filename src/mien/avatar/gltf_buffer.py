"""The binary half of a GLB file: accessors over one buffer of chunks, and the container around them.

What the accessors mean (meshes, animations, extensions) is the business of whoever puts the JSON together.
"""

from __future__ import annotations

import json
import struct
from importlib.metadata import PackageNotFoundError, version
from typing import Any, BinaryIO

import numpy as np

from mien.core.arrays import AnyArray, Float32

JsonObject = dict[str, Any]

COMPONENT = {"uint8": 5121, "uint16": 5123, "uint32": 5125, "float32": 5126}
VERTICES, INDICES = 34962, 34963
"""What a buffer view is for; animation data has no target."""
_ELEMENT = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}


class GltfBuffer:
    """Accessors and views of one file, and the bytes behind them.

    Attributes:
        accessors, views: as they stand in the file's JSON.
    """

    def __init__(self) -> None:
        self.accessors: list[JsonObject] = []
        self.views: list[JsonObject] = []
        self._chunks: list[bytes] = []
        self._length = 0
        self._zeros: dict[int, int] = {}

    def accessor(self, values: AnyArray, *, target: int | None = None, bounds: bool = False) -> int:
        """Add an (N, 1), (N, 3) or (N, 4) array of uint16, uint32 or float32; returns the accessor's index."""
        accessor: JsonObject = {
            "bufferView": self.view(values, target),
            "componentType": COMPONENT[values.dtype.name],
            "count": len(values),
            "type": _ELEMENT[values.shape[1]],
        }
        if values.dtype == np.uint16 and target == VERTICES:
            accessor["normalized"] = True
        if bounds:
            accessor.update(_bounds(values))
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def zeros(self, count: int) -> int:
        """An accessor of (count, 3) zeros that takes no space."""
        if count not in self._zeros:
            self._zeros[count] = len(self.accessors)
            zero = [0.0, 0.0, 0.0]
            self.accessors.append({"componentType": 5126, "count": count, "type": "VEC3", "min": zero, "max": zero})
        return self._zeros[count]

    def sparse(self, values: Float32) -> int:
        """An accessor that stores only the rows of an (N, 3) array that are not zero."""
        rows = np.flatnonzero(np.any(values != 0, axis=1))
        if len(rows) == 0:
            return self.zeros(len(values))
        kind = np.uint16 if len(values) < 65535 else np.uint32
        self.accessors.append(
            {
                "componentType": 5126,
                "count": len(values),
                "type": "VEC3",
                **_bounds(values),
                "sparse": {
                    "count": len(rows),
                    "indices": {"bufferView": self.view(rows.astype(kind)), "componentType": COMPONENT[kind.__name__]},
                    "values": {"bufferView": self.view(values[rows])},
                },
            }
        )
        return len(self.accessors) - 1

    def view(self, values: AnyArray, target: int | None = None) -> int:
        """Add the bytes of an array; returns the view's index."""
        data = np.ascontiguousarray(values).tobytes()
        view: JsonObject = {"buffer": 0, "byteOffset": self._length, "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        self.views.append(view)
        data += b"\0" * (-len(data) % 4)
        self._chunks.append(data)
        self._length += len(data)
        return len(self.views) - 1

    def append(self, data: bytes) -> int:
        """Add bytes that no view describes yet; returns where they begin."""
        start = self._length
        self._chunks.append(data + b"\0" * (-len(data) % 4))
        self._length += len(self._chunks[-1])
        return start

    def write(self, file: BinaryIO, document: JsonObject, asset: JsonObject | None = None) -> int:
        """Write the container; `document` is the JSON without asset, accessors, views and buffers.

        Args:
            file: to write into.
            document: see above.
            asset: what an existing file says of itself; Mien becomes its generator.

        Returns:
            The file's length in bytes.

        Raises:
            OSError: the file cannot be written.
        """
        told = {**(asset or {}), "version": "2.0", "generator": _generator()}
        whole: JsonObject = {"asset": told, **document}
        if self.accessors:
            whole["accessors"] = self.accessors
        if self.views:
            whole["bufferViews"] = self.views
            whole["buffers"] = [{"byteLength": self._length}]
        text = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode("utf-8")
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + self._length
        file.write(struct.pack("<4sII", b"glTF", 2, total))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", self._length, b"BIN\0"))
        for chunk in self._chunks:
            file.write(chunk)
        return total


def _bounds(values: AnyArray) -> JsonObject:
    # float32 → Python float is exact, so that the bounds are those of the stored numbers.
    return {"min": [float(x) for x in values.min(axis=0)], "max": [float(x) for x in values.max(axis=0)]}


def _generator() -> str:
    try:
        return f"mien {version('mien')}"
    except PackageNotFoundError:
        return "mien"
