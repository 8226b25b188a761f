"""The built-in character as a VRM of either version, for the studio's tests."""

from __future__ import annotations

import json
import struct
from typing import Any, Literal

from mien.studio.rest_avatars import builtin_glb

_LIMBS = ("UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand")


def vrm(version: Literal[0, 1]) -> bytes:
    """Its head on a skeleton of the bones that VRM requires."""
    glb = builtin_glb()
    (length,) = struct.unpack_from("<I", glb, 12)
    document: dict[str, Any] = json.loads(glb[20 : 20 + length])
    bones = _skeleton(document)
    if version == 1:
        humanoid = {"humanBones": {b: {"node": n} for b, n in bones.items()}}
        meta = {"name": "Mien", "authors": ["Mien"], "licenseUrl": "https://vrm.dev/licenses/1.0/"}
        extension = {"VRMC_vrm": {"specVersion": "1.0", "meta": meta, "humanoid": humanoid}}
    else:
        scene = document["scenes"][document.get("scene", 0)]
        document["nodes"].append({"name": "turned", "rotation": [0, 1, 0, 0], "children": scene["nodes"]})
        scene["nodes"] = [len(document["nodes"]) - 1]  # characters of VRM 0 look along -z
        listed = [{"bone": b, "node": n} for b, n in bones.items()]
        extension = {"VRM": {"meta": {"title": "Mien"}, "humanoid": {"humanBones": listed}, "blendShapeMaster": {}}}
    document.setdefault("extensions", {}).update(extension)
    document.setdefault("extensionsUsed", []).extend(extension)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = glb[20 + length :]
    return b"".join([struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A), text, rest])


def _skeleton(document: dict[str, Any]) -> dict[str, int]:
    nodes = document["nodes"]
    at = {node["name"]: k for k, node in enumerate(nodes)}
    bones = {"head": at["head"], "leftEye": at["eye_left"], "rightEye": at["eye_right"]}

    def bone(name: str, children: list[int]) -> int:
        nodes.append({"name": name, **({"children": children} if children else {})})
        bones[name] = len(nodes) - 1
        return bones[name]

    def limb(side: str, parts: tuple[str, ...]) -> int:
        last: list[int] = []
        for part in reversed(parts):
            last = [bone(side + part, last)]
        return last[0]

    spine = bone("spine", [limb(side, _LIMBS[3:]) for side in ("left", "right")])
    hips = bone("hips", [spine, *(limb(side, _LIMBS[:3]) for side in ("left", "right"))])
    above = next(node for node in nodes if at["head"] in node.get("children", []))
    above["children"].remove(at["head"])
    nodes[spine]["children"].append(at["head"])
    above["children"].append(hips)
    return bones
