"""A take as a VRM animation (`.vrma`): plays on any VRM 1.0 character whose program reads VRMC_vrm_animation 1.0.

An expression's weight is the x translation of a node of its own. `expressions` chooses between the 52 ARKit names as
custom expressions (for characters made for "perfect sync") and the preset expressions that every VRM has; writing both
would move a character that has both twice. The gaze is the rotation of the lookAt node, the mean of both eyes; the
head turns as the head bone. The other bones stand in a T-pose, because readers expect a whole humanoid.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from pydantic import Field

from mien.animate.curves import Keys
from mien.animate.profile import load_profile
from mien.animate.turns import continuous
from mien.avatar.gltf_buffer import GltfBuffer, JsonObject
from mien.avatar.gltf_track import GltfTrack
from mien.core.arrays import Float32, Float64
from mien.core.schema import load_schema
from mien.sinks.exporters.clip import Clip, Recorded, clips
from mien.sinks.exporters.keyed import KeyedOptions
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


class VrmaOptions(KeyedOptions):
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
    # Straight lines: readers take every third number of an expression's track, which tangents would upset.
    track = GltfTrack(buffer, clip.times_s.astype(np.float32), None, _few_of(options))

    def node(name: str, parent: str | None, at: tuple[float, float, float]) -> int:
        index[name] = len(nodes)
        nodes.append({"name": name, "translation": list(at)})
        if parent is not None:
            nodes[index[parent]].setdefault("children", []).append(index[name])
        return index[name]

    for bone, (parent, at) in T_POSE_M.items():
        node(bone, parent, at)
    if options.head:
        track.add(index["head"], "rotation", continuous(clip.head_xyzw).astype(np.float32))
    look = node("lookAt", None, (0.0, 0.0, 0.0))
    track.add(look, "rotation", continuous(mean_gaze(clip)).astype(np.float32))
    names, weights = expressions_of(clip, options.expressions)
    table = {name: {"node": node(f"expression.{name}", None, (0.0, 0.0, 0.0))} for name in names}
    for column, name in enumerate(names):
        x = weights[:, column]
        track.add(table[name]["node"], "translation", np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=1))
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
        "animations": [{"name": "take", "samplers": track.samplers, "channels": track.channels}],
    }
    return buffer, document


def _few_of(options: KeyedOptions) -> Callable[[Float64, Float32, str], Keys] | None:
    """An expression's weight stands in x."""
    fewer = options.fewer(straight=True)
    if fewer is None:
        return None

    def few(times_s: Float64, values: Float32, path: str) -> Keys:
        return fewer.turns(times_s, values) if path == "rotation" else beside_zeros(fewer.curve(times_s, values[:, 0]))

    return few


def beside_zeros(keys: Keys) -> Keys:
    """(K,) keys as the x of three numbers."""
    x, before, behind = (np.stack([v, 0 * v, 0 * v], axis=1) for v in (keys.values, keys.in_slopes, keys.out_slopes))
    return Keys(keys.times_s, x, before, behind)


def mean_gaze(clip: Clip) -> Float32:
    """(T, 4) unit quaternions between the two eyes'."""
    # Both have w >= 0, so that their mean lies on the short way.
    mean = clip.left_eye_xyzw.astype(np.float64) + clip.right_eye_xyzw
    gaze: Float32 = (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32)
    return gaze
