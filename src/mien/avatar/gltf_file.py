"""The JSON of a glTF, GLB or VRM file, read with distrust: a foreign or damaged file is one clear error."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from mien.errors import SourceError

_MAGIC, _JSON = 0x46546C67, 0x4E4F534A
_LONGEST_JSON = 32 * 1024 * 1024


def read_gltf(path: Path) -> dict[str, Any]:
    """The JSON object of a file.

    Raises:
        SourceError: it cannot be read, or is no glTF 2.0.
    """
    try:
        with path.open("rb") as file:
            head = file.read(20)
            if len(head) == 20 and struct.unpack_from("<I", head)[0] == _MAGIC:
                _, version, _, length, kind = struct.unpack("<5I", head)
                if version != 2 or kind != _JSON or length > _LONGEST_JSON:
                    raise SourceError(f"{path}: not a GLB of version 2; export it anew as glTF 2.0 binary")
                text = file.read(length)
                if len(text) < length:
                    raise SourceError(f"{path} is cut off: copy it again")
            else:
                text = head + file.read(_LONGEST_JSON)
        table = json.loads(text)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is no glTF file: give a .glb, .gltf or .vrm") from error
    if not isinstance(table, dict) or not isinstance(table.get("asset"), dict):
        raise SourceError(f"{path} is no glTF file: give a .glb, .gltf or .vrm")
    return table


def morph_targets(gltf: dict[str, Any], path: Path) -> dict[str, bool]:
    """Name of every morph target → whether it moves anything in any mesh. Targets without a name are left out.

    Names stand in `mesh.extras.targetNames`, in files of old exporters in the first primitive's.

    Raises:
        SourceError: the file contradicts itself.
    """
    out: dict[str, bool] = {}
    try:
        for mesh in gltf.get("meshes", []):
            primitives = mesh.get("primitives", [])
            first = primitives[0] if primitives else {}
            names = (
                (mesh.get("extras") or {}).get("targetNames") or (first.get("extras") or {}).get("targetNames") or []
            )
            for primitive in primitives:
                for name, target in zip(names, primitive.get("targets", []), strict=False):
                    out[str(name)] = out.get(str(name), False) or _moves(gltf, target)
    except (AttributeError, TypeError, IndexError, KeyError) as error:
        raise SourceError(f"{path}: its meshes cannot be understood: {error!r}") from error
    return out


def _moves(gltf: dict[str, Any], target: dict[str, int]) -> bool:
    """Whether the offsets have any size, by the bounds that glTF wants of positions; without bounds: assume so."""
    if "POSITION" not in target:
        return False
    accessor = gltf["accessors"][target["POSITION"]]
    bounds = [*accessor.get("min", [1]), *accessor.get("max", [1])]
    return any(abs(float(v)) > 1e-9 for v in bounds)
