"""A take as a Unity animation clip (`.anim`, text YAML): put it into `Assets/`, Unity imports it by itself.

Blendshape weights are 0–100 on a SkinnedMeshRenderer. Where that renderer sits below the Animator, and how its mesh
spells the shapes, only the user knows: see the options. Head and eyes are written as local Euler angles of transforms
if these are named; they turn from the rig's own zero, so their rest rotation must be zero.

Between keys Unity evaluates a cubic Hermite curve; the slopes written never let it leave the range of its keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO, cast

import numpy as np
from pydantic import Field

from mien.animate.curves import Keys, reduced
from mien.core.arrays import Float32, Float64
from mien.core.geometry import FRONTAL, euler_from_rotation, rotation_from_quaternion
from mien.core.schema import load_schema
from mien.sinks.exporters.clip import Clip, Recorded, clamped_slopes, clips, number
from mien.sinks.exporters.keyed import KeyedOptions
from mien.sinks.exporters.whole_file import written_text

SKINNED_MESH_RENDERER, TRANSFORM = 137, 4
"""Class ids."""
_FREE, _CLAMPED_AUTO, _ROTATION_ORDER_ZXY = 0, 136, 4

_HEAD = """\
%YAML 1.1
%TAG !u! tag:unity3d.com,2011:
--- !u!74 &7400000
AnimationClip:
  m_ObjectHideFlags: 0
  m_CorrespondingSourceObject: {fileID: 0}
  m_PrefabInstance: {fileID: 0}
  m_PrefabAsset: {fileID: 0}
  m_Name: @NAME@
  serializedVersion: 6
  m_Legacy: 0
  m_Compressed: 0
  m_UseHighQualityCurve: 1
  m_RotationCurves: []
  m_CompressedRotationCurves: []
  m_EulerCurves: []
  m_PositionCurves: []
  m_ScaleCurves: []
  m_FloatCurves:
"""
_TAIL = """\
  m_PPtrCurves: []
  m_SampleRate: @RATE@
  m_WrapMode: 0
  m_Bounds:
    m_Center: {x: 0, y: 0, z: 0}
    m_Extent: {x: 0, y: 0, z: 0}
  m_ClipBindingConstant:
    genericBindings: []
    pptrCurveMapping: []
  m_AnimationClipSettings:
    serializedVersion: 2
    m_AdditiveReferencePoseClip: {fileID: 0}
    m_AdditiveReferencePoseTime: 0
    m_StartTime: 0
    m_StopTime: @STOP@
    m_OrientationOffsetY: 0
    m_Level: 0
    m_CycleOffset: 0
    m_HasAdditiveReferencePose: 0
    m_LoopTime: 0
    m_LoopBlend: 0
    m_LoopBlendOrientation: 0
    m_LoopBlendPositionY: 0
    m_LoopBlendPositionXZ: 0
    m_KeepOriginalOrientation: 0
    m_KeepOriginalPositionY: 1
    m_KeepOriginalPositionXZ: 0
    m_HeightFromFeet: 0
    m_Mirror: 0
  m_EditorCurves: []
  m_EulerEditorCurves: []
  m_HasGenericRootTransform: 0
  m_HasMotionFloatCurves: 0
  m_Events: []
"""


class UnityOptions(KeyedOptions):
    """Where the curves belong. Paths are names of transforms below the Animator, joined by "/"."""

    path: str = Field(default="", description="of the SkinnedMeshRenderer, e.g. Head/FaceMesh; empty = the Animator's")
    names: Literal["arkit", "Arkit"] = Field(
        default="arkit", description="arkit: eyeBlinkLeft; Arkit: EyeBlinkLeft, as the mesh spells its shapes"
    )
    prefix: str = Field(default="", description="before each shape's name, e.g. 'face.' for meshes from FBX files")
    head_path: str = Field(default="", description="transform of the head; empty = the head is not turned")
    left_eye_path: str = Field(default="", description="transform of the subject's left eye; empty = not turned")
    right_eye_path: str = Field(default="", description="transform of the subject's right eye; empty = not turned")


def export(
    take: Recorded, path: Path, *, track_id: int | None = None, options: UnityOptions | None = None
) -> list[Path]:
    """Write one clip for everyone worth a file.

    Args:
        take: what to write.
        path: file of the main person.
        track_id: only this face.
        options: see `UnityOptions`.

    Returns:
        The files, the main person's first.

    Raises:
        SinkError: a file cannot be written. SourceError: the take is damaged.
    """
    options = options or UnityOptions()
    made = []
    for target, clip in clips(take, path, track_id, smooth=options.smooth, lost=options.lost):
        with written_text(target) as file:
            _write(file, clip, target.stem, options)
        made.append(target)
    return made


cast(Any, export).Options = UnityOptions


def _write(file: TextIO, clip: Clip, name: str, options: UnityOptions) -> None:
    file.write(_HEAD.replace("@NAME@", _text(name)))
    shapes = load_schema("arkit52").names
    if options.names == "Arkit":
        shapes = tuple(n[0].upper() + n[1:] for n in shapes)
    fewer = options.fewer(straight=False)
    for column, shape in enumerate(shapes):
        where = (f"blendShape.{options.prefix}{shape}", options.path, SKINNED_MESH_RENDERER)
        values = clip.weights[:, column]
        few = None if fewer is None else fewer.curve(clip.times_s, values)
        file.writelines(_curve(_keys(clip.times_s, values, few, 100.0), where))
    turned = (
        (options.head_path, clip.head_xyzw),
        (options.left_eye_path, clip.left_eye_xyzw),
        (options.right_eye_path, clip.right_eye_xyzw),
    )
    for path, xyzw in turned:
        if path:
            for axis, angles in zip("xyz", unity_angles(xyzw).T, strict=True):
                few = None if fewer is None else _few_angles(clip.times_s, angles, fewer.degrees)
                where = (f"localEulerAnglesRaw.{axis}", path, TRANSFORM)
                file.writelines(_curve(_keys(clip.times_s, angles, few), where))
    stop = number(float(clip.times_s[-1]))
    file.write(_TAIL.replace("@RATE@", number(clip.rate_hz, 4)).replace("@STOP@", stop))


def _keys(times_s: Float64, values: Float32, few: Keys | None, scale: float = 1.0) -> _Keys:
    """One curve (T,) in the unit of the file."""
    if few is None:
        slopes = clamped_slopes(times_s, values[:, None])[:, 0] * scale
        return _Keys(times_s, values.astype(np.float64) * scale, slopes, slopes)
    return _Keys(few.times_s, few.values * scale, few.in_slopes * scale, few.out_slopes * scale, _FREE)


def _few_angles(times_s: Float64, degrees: Float32, tolerance: float) -> Keys:
    """Few keys of one of three angles: of the whole turn the square of the error is at most five times one angle's."""
    return reduced(times_s, degrees.astype(np.float64), tolerance / 5.0**0.5, (-np.inf, np.inf))


def unity_angles(xyzw: Float32) -> Float32:
    """(T, 4) head-frame quaternions → (T, 3) x, y, z degrees in Unity's left-handed frame (rotations Z, X, Y).

    Unity's x axis points the other way, so that turns about y and z change their sign.
    """
    angles = np.asarray([euler_from_rotation(FRONTAL @ rotation_from_quaternion(q)) for q in xyzw], np.float64)
    yaw, pitch, roll = angles.reshape(-1, 3).T
    turned = np.stack([-pitch, -yaw, -roll], axis=1)
    unwrapped: Float32 = np.degrees(np.unwrap(np.radians(turned), axis=0)).astype(np.float32)
    return unwrapped


@dataclass(frozen=True, slots=True, eq=False)
class _Keys:
    """One curve in the unit of the file, slopes per second before and behind each key."""

    times_s: Float64
    values: Float64
    in_slopes: Float64
    out_slopes: Float64
    mode: int = _CLAMPED_AUTO


def _curve(keys: _Keys, where: tuple[str, str, int]) -> Iterator[str]:
    attribute, path, class_id = where
    yield "  - curve:\n      serializedVersion: 2\n      m_Curve:\n"
    count = 1 if (keys.values == keys.values[0]).all() else len(keys.values)
    columns = (keys.times_s, keys.values, keys.in_slopes, keys.out_slopes)
    for row in zip(*(c[:count].tolist() for c in columns), strict=True):
        t, value, before, behind = map(number, row)
        yield (
            f"      - serializedVersion: 3\n        time: {t}\n        value: {value}\n"
            f"        inSlope: {before}\n        outSlope: {behind}\n        tangentMode: {keys.mode}\n"
            "        weightedMode: 0\n        inWeight: 0.33333334\n        outWeight: 0.33333334\n"
        )
    yield (
        f"      m_PreInfinity: 2\n      m_PostInfinity: 2\n      m_RotationOrder: {_ROTATION_ORDER_ZXY}\n"
        f"    attribute: {_text(attribute)}\n    path: {_text(path)}\n    classID: {class_id}\n"
        "    script: {fileID: 0}\n"
    )


def _text(text: str) -> str:
    """A YAML scalar: plain where that is safe, else quoted (JSON's quoting is YAML's)."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", text) and text.lower() not in _WORDS
    return text if plain else ("" if not text else json.dumps(text))


_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
"""What YAML 1.1 takes for something else than a text."""
