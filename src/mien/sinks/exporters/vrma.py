"""A take as a VRM animation (`.vrma`): plays on any VRM 1.0 character whose program reads VRMC_vrm_animation 1.0.

An expression's weight is the x translation of a node of its own. `expressions` chooses between the 52 ARKit names as
custom expressions (for characters made for "perfect sync") and the preset expressions that every VRM has; writing both
would move a character that has both twice. The gaze is the rotation of the lookAt node, the mean of both eyes; the
head turns as the head bone. The other bones stand in a T-pose, because readers expect a whole humanoid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from pydantic import Field

from mien.animate.profile import load_profile
from mien.avatar.gltf_buffer import GltfBuffer, JsonObject
from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.sinks.exporters.clip import Clip, ClipOptions, Recorded, clips
from mien.sinks.exporters.whole_file import written_bytes

T_POSE_M: dict[str, tuple[str | None, tuple[float, float, float]]] = {
    "hips": (None, (0.0, 1.0, 0.0)),
    "spine": ("hips", (0.0, 0.1, 0.0)),
    "neck": ("spine", (0.0, 0.4, 0.0)),
    "head": ("neck", (0.0, 0.1, 0.0)),
    "leftUpperArm": ("spine", (0.15, 0.35, 0.0)),
    "leftLowerArm": ("leftUpperArm", (0.25, 0.0, 0.0)),
    "leftHand": ("leftLowerArm", (0.25, 0.0, 0.0)),
    "rightUpperArm": ("spine", (-0.15, 0.35, 0.0)),
    "rightLowerArm": ("rightUpperArm", (-0.25, 0.0, 0.0)),
    "rightHand": ("rightLowerArm", (-0.25, 0.0, 0.0)),
    "leftUpperLeg": ("hips", (0.1, -0.05, 0.0)),
    "leftLowerLeg": ("leftUpperLeg", (0.0, -0.45, 0.0)),
    "leftFoot": ("leftLowerLeg", (0.0, -0.4, 0.0)),
    "rightUpperLeg": ("hips", (-0.1, -0.05, 0.0)),
    "rightLowerLeg": ("rightUpperLeg", (0.0, -0.45, 0.0)),
    "rightFoot": ("rightLowerLeg", (0.0, -0.4, 0.0)),
}
"""Bone → parent and place in the parent's frame, m: the bones that a VRM must have, and the neck."""

NO_EXPRESSIONS = frozenset({"lookUp", "lookDown", "lookLeft", "lookRight"})
"""Not allowed in the format: lookAt is there for them."""


class VrmaOptions(ClipOptions):
    """Which expressions."""

    expressions: Literal["arkit", "ARKit", "preset"] = Field(
        default="preset",
        description="preset: the VRM 1.0 presets; arkit, ARKit: 52 custom ones, spelled jawOpen or JawOpen",
    )
    head: bool = Field(default=True, description="turn the head bone")


def export(
    take: Recorded, path: Path, *, track_id: int | None = None, options: VrmaOptions | None = None
) -> list[Path]:
    """Write one animation for everyone worth a file.

    Args:
        take: what to write.
        path: file of the main person.
        track_id: only this face.
        options: see `VrmaOptions`.

    Returns:
        The files, the main person's first.

    Raises:
        SinkError: a file cannot be written. SourceError: the take is damaged.
    """
    options = options or VrmaOptions()
    made = []
    for target, clip in clips(take, path, track_id, smooth=options.smooth, lost=options.lost):
        with written_bytes(target) as file:
            buffer, document = _document(clip, options)
            buffer.write(file, document)
        made.append(target)
    return made


cast(Any, export).Options = VrmaOptions


def expressions_of(clip: Clip, kind: str) -> tuple[list[str], Float32]:
    """Names and (T, N) weights."""
    if kind == "preset":
        profile = load_profile("vrm")
        kept = [i for i, n in enumerate(profile.names) if n not in NO_EXPRESSIONS and profile.gains[:, i].any()]
        return [profile.names[i] for i in kept], profile(clip.weights)[:, kept]
    names = load_schema("arkit52").names
    return [n[0].upper() + n[1:] if kind == "ARKit" else n for n in names], clip.weights


def _document(clip: Clip, options: VrmaOptions) -> tuple[GltfBuffer, JsonObject]:
    buffer = GltfBuffer()
    nodes: list[JsonObject] = []
    index: dict[str, int] = {}
    samplers: list[JsonObject] = []
    channels: list[JsonObject] = []
    times = np.ascontiguousarray(clip.times_s, np.float32)
    # Late stamps of a long, fast take may coincide in float32; glTF wants strictly increasing keys.
    kept = np.concatenate([[True], np.diff(times) > 0])
    inputs: dict[int, int] = {}

    def node(name: str, parent: str | None, at: tuple[float, float, float]) -> int:
        index[name] = len(nodes)
        nodes.append({"name": name, "translation": list(at)})
        if parent is not None:
            nodes[index[parent]].setdefault("children", []).append(index[name])
        return index[name]

    def channel(target: int, path: str, values: Float32) -> None:
        chosen = values[kept][:1] if (values == values[:1]).all() else values[kept]
        count = len(chosen)
        if count not in inputs:
            inputs[count] = buffer.accessor(times[kept][:count].reshape(-1, 1), bounds=True)
        output = buffer.accessor(np.ascontiguousarray(chosen, np.float32))
        channels.append({"sampler": len(samplers), "target": {"node": target, "path": path}})
        samplers.append({"input": inputs[count], "output": output, "interpolation": "LINEAR"})

    for bone, (parent, at) in T_POSE_M.items():
        node(bone, parent, at)
    if options.head:
        channel(index["head"], "rotation", clip.head_xyzw)
    look = node("lookAt", None, (0.0, 0.0, 0.0))
    channel(look, "rotation", mean_gaze(clip))
    names, weights = expressions_of(clip, options.expressions)
    table = {name: {"node": node(f"expression.{name}", None, (0.0, 0.0, 0.0))} for name in names}
    for column, name in enumerate(names):
        x = weights[:, column]
        channel(table[name]["node"], "translation", np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=1))
    extension: JsonObject = {
        "specVersion": "1.0",
        "humanoid": {"humanBones": {bone: {"node": index[bone]} for bone in T_POSE_M}},
        "expressions": {"preset" if options.expressions == "preset" else "custom": table},
        "lookAt": {"node": look, "offsetFromHeadBone": [0.0, 0.06, 0.0]},
    }
    roots = [i for n, i in index.items() if T_POSE_M.get(n, (None, ()))[0] is None]
    document: JsonObject = {
        "extensionsUsed": ["VRMC_vrm_animation"],
        "extensions": {"VRMC_vrm_animation": extension},
        "scene": 0,
        "scenes": [{"nodes": roots}],
        "nodes": nodes,
        "animations": [{"name": "take", "samplers": samplers, "channels": channels}],
    }
    return buffer, document


def mean_gaze(clip: Clip) -> Float32:
    """(T, 4) unit quaternions between the two eyes'."""
    # Both have w >= 0, so that their mean lies on the short way.
    mean = clip.left_eye_xyzw.astype(np.float64) + clip.right_eye_xyzw
    gaze: Float32 = (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32)
    return gaze
