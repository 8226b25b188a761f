"""A take as USD (UsdSkel): the built-in character with its blend shapes, a skeleton, and the animation of both.

    /Mien                 SkelRoot
    /Mien/Skeleton        joints root, root/head, root/head/eye_left, root/head/eye_right
    /Mien/Take            SkelAnimation: the 52 weights by name, and the rotations; other rigs can bind it too
    /Mien/<part>          Mesh with its BlendShape children

Metres, y up. One time code is one frame of the take's rate; time samples lie exactly where the stamps are. The ending
of the file chooses between text (.usda), binary (.usdc, .usd) and nothing else. Needs the extra `usd`.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import numpy as np
from pxr import Gf, Sdf, Tf, Usd, UsdGeom, UsdSkel, Vt

from mien.avatar.builtin import builtin_character
from mien.avatar.character import Character, Part
from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.errors import RequestError, SinkError
from mien.sinks.exporters.clip import Clip, ClipOptions, Recorded, clips

ENDINGS = (".usda", ".usdc", ".usd")


class UsdOptions(ClipOptions):
    """Smoothing, and nothing else: all shapes share their time samples, so that leaving some out saves nothing."""


def export(take: Recorded, path: Path, *, track_id: int | None = None, options: UsdOptions | None = None) -> list[Path]:
    """Write one file for everyone worth a file.

    Args:
        take: what to write.
        path: file of the main person; its ending chooses text or binary.
        track_id: only this face.
        options: see `UsdOptions`.

    Returns:
        The files, the main person's first.

    Raises:
        RequestError: another ending. SinkError: a file cannot be written. SourceError: the take is damaged.
    """
    options = options or UsdOptions()
    if path.suffix not in ENDINGS:
        raise RequestError(f"{path}: a USD file ends in {', '.join(ENDINGS)}")
    made = []
    for target, clip in clips(take, path, track_id, smooth=options.smooth, lost=options.lost):
        part = target.with_name(f"{target.stem}.part{target.suffix}")
        try:
            _write(part, builtin_character(), clip)
            part.replace(target)
        except (OSError, Tf.ErrorException) as error:
            raise SinkError(f"{target} cannot be written: {_first_line(error)}; choose another folder") from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        made.append(target)
    return made


cast(Any, export).Options = UsdOptions


def _first_line(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).strip().splitlines()[0]


def _write(path: Path, character: Character, clip: Clip) -> None:
    stage = Usd.Stage.CreateInMemory()
    stage.SetMetadata("metersPerUnit", 1.0)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    stage.GetRootLayer().customLayerData = {"generator": "mien"}
    stage.SetTimeCodesPerSecond(clip.rate_hz)
    stage.SetFramesPerSecond(clip.rate_hz)
    stage.SetStartTimeCode(0.0)
    stage.SetEndTimeCode(float(clip.times_s[-1]) * clip.rate_hz)
    root = UsdSkel.Root.Define(stage, "/Mien")
    stage.SetDefaultPrim(root.GetPrim())
    joints = _joints(character)
    skeleton = UsdSkel.Skeleton.Define(stage, "/Mien/Skeleton")
    skeleton.CreateJointsAttr([joints[n.name] for n in character.nodes])
    rest = [Gf.Matrix4d().SetTranslate(Gf.Vec3d(*map(float, n.translation_m))) for n in character.nodes]
    bind = [Gf.Matrix4d().SetTranslate(Gf.Vec3d(*character.origin_m(n.name).tolist())) for n in character.nodes]
    skeleton.CreateRestTransformsAttr(Vt.Matrix4dArray(rest))
    skeleton.CreateBindTransformsAttr(Vt.Matrix4dArray(bind))
    animation = _animation(stage, character, clip, list(joints.values()))
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    names = [n.name for n in character.nodes]
    for part in character.parts:
        _mesh(stage, part, character.origin_m(part.node), names.index(part.node))
    stage.GetRootLayer().Export(str(path))


def _joints(character: Character) -> dict[str, str]:
    """Node name → joint token: the path of names from the root."""
    out: dict[str, str] = {}
    for node in character.nodes:
        out[node.name] = node.name if node.parent is None else f"{out[node.parent]}/{node.name}"
    return out


def _animation(stage: Any, character: Character, clip: Clip, joints: list[str]) -> Any:
    animation = UsdSkel.Animation.Define(stage, "/Mien/Take")
    animation.CreateBlendShapesAttr(list(load_schema("arkit52").names))
    animation.CreateJointsAttr(joints)
    places = [Gf.Vec3f(*map(float, n.translation_m)) for n in character.nodes]
    animation.CreateTranslationsAttr(Vt.Vec3fArray(places))
    animation.CreateScalesAttr(Vt.Vec3hArray([Gf.Vec3h(1, 1, 1)] * len(joints)))
    weights, rotations = animation.CreateBlendShapeWeightsAttr(), animation.CreateRotationsAttr()
    turned = {"head": clip.head_xyzw, "eye_left": clip.left_eye_xyzw, "eye_right": clip.right_eye_xyzw}
    codes = (clip.times_s * clip.rate_hz).tolist()
    with Sdf.ChangeBlock():
        for place, code in enumerate(codes):
            weights.Set(Vt.FloatArray.FromNumpy(np.ascontiguousarray(clip.weights[place])), code)
            quaternions = [_quaternion(turned[n.name][place] if n.name in turned else None) for n in character.nodes]
            rotations.Set(Vt.QuatfArray(quaternions), code)
    return animation


def _quaternion(xyzw: Float32 | None) -> Any:
    if xyzw is None:
        return Gf.Quatf(1, 0, 0, 0)
    x, y, z, w = map(float, xyzw)
    return Gf.Quatf(w, x, y, z)


def _mesh(stage: Any, part: Part, origin_m: Float32, joint: int) -> None:
    path = f"/Mien/{part.name}"
    mesh = UsdGeom.Mesh.Define(stage, path)
    mesh.CreatePointsAttr(_vectors(part.positions + origin_m))
    mesh.CreateFaceVertexCountsAttr([3] * len(part.triangles))
    mesh.CreateFaceVertexIndicesAttr(part.triangles.astype(np.int32).reshape(-1).tolist())
    mesh.CreateNormalsAttr(_vectors(part.normals))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    colours = np.ones_like(part.positions) if part.colours is None else part.colours
    tone = np.asarray(part.colour[:3], np.float32)
    mesh.CreateDisplayColorPrimvar(UsdGeom.Tokens.vertex).Set(_vectors(colours * tone))
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([Sdf.Path("/Mien/Skeleton")])
    binding.CreateJointIndicesPrimvar(True, 1).Set([joint])
    binding.CreateJointWeightsPrimvar(True, 1).Set([1.0])
    targets = []
    for name, offsets in part.morphs.items():
        rows = np.flatnonzero(np.any(offsets != 0, axis=1))
        shape = UsdSkel.BlendShape.Define(stage, f"{path}/{name}")
        shape.CreateOffsetsAttr(_vectors(offsets[rows]))
        shape.CreatePointIndicesAttr(rows.astype(np.int32).tolist())
        targets.append(shape.GetPath())
    if targets:
        binding.CreateBlendShapesAttr(list(part.morphs))
        binding.CreateBlendShapeTargetsRel().SetTargets(targets)


def _vectors(values: Float32) -> Any:
    return Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(values, np.float32))
