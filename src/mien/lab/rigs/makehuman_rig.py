"""MakeHuman's base head with the ARKit shapes made for it: all 52, people out of macros and sliders.

The coarse eyeballs are replaced by finer ones of the same size, so that iris and pupil are round.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.core.arrays import AnyArray, Float32, Int64
from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.rigs.blend_rig import BlendRig
from mien.lab.rigs.eyeball import degrees_from_gaze, eye_materials, eyes_of, unit_eyeball
from mien.lab.rigs.landmarks import load_definition
from mien.lab.rigs.makehuman_people import macro_weights, slider_weights
from mien.lab.rigs.materials import material_codes
from mien.lab.rigs.rig import Identity, Mesh
from mien.lab.rigs.rig_files import check_numbers, offsets_of, read_arrays
from mien.lab.rigs.sparse_shapes import SparseShapes

FILE_NAME = "makehuman_head.npz"
MM_PER_UNIT = 100.0
_V = 19158
_SETS = ("arkit", "identity", "macro")
_GROUP_MATERIAL = {
    "body": "skin",
    "helper-l-eyelashes-1": "lashes",
    "helper-l-eyelashes-2": "lashes",
    "helper-r-eyelashes-1": "lashes",
    "helper-r-eyelashes-2": "lashes",
    "helper-upper-teeth": "teeth",
    "helper-lower-teeth": "teeth",
    "helper-tongue": "tongue",
}


@dataclass(frozen=True, slots=True, eq=False)
class _Targets:
    """One set of targets: names and sparse offsets, mm."""

    names: tuple[str, ...]
    rows: tuple[Int64, ...]
    offsets: tuple[Float32, ...]

    def add(self, vertices: Float32, weights: dict[str, float]) -> None:
        for name, weight in weights.items():
            if weight and name in self.names:
                at = self.names.index(name)
                vertices[self.rows[at]] += np.float32(weight) * self.offsets[at]


def load_makehuman_rig(folder: str | Path) -> BlendRig:
    """The rig "makehuman" out of the folder that holds `makehuman_head.npz`.

    Raises:
        SourceError: the file is not there or is not this rig.
    """
    path = Path(folder) / FILE_NAME
    z = _read(path)
    base = z["vertices"] * np.float32(MM_PER_UNIT)
    targets = {kind: _targets(z, kind, path) for kind in _SETS}
    groups = [str(n) for n in z["group_names"]]
    joints = [str(n) for n in z["joint_names"]]
    try:
        balls = [_group_vertices(z, groups.index(f"helper-{side}-eye")) for side in "lr"]
        cubes = [z["joint_vertices"][joints.index(f"joint-{side}-eye")] for side in "lr"]
        mesh, rows = _mesh(z, groups, base)
    except ValueError as error:
        raise SourceError(f"{path} is not the MakeHuman rig: {error}") from error
    shapes = _shapes(targets["arkit"], np.concatenate(balls))
    unit, _ = unit_eyeball()

    def draw(rng: np.random.Generator) -> Identity:
        macros, labels = macro_weights(rng)
        made = base.copy()
        targets["macro"].add(made, macros)
        targets["identity"].add(made, slider_weights(rng, targets["identity"].names))
        eyes = np.stack([made[c].mean(axis=0) for c in cubes])
        radii = [np.ptp(made[b], axis=0)[:2].mean() / 2 for b in balls]
        new = [c + r * unit for c, r in zip(eyes, radii, strict=True)]
        middle = eyes.mean(axis=0)
        whole = np.concatenate([made, *new]) - middle
        name = f"makehuman-{rng.integers(1 << 32):08x}"
        centres = (eyes - middle).astype(np.float32)
        return Identity(name, whole.astype(np.float32), shapes, centres, labels=labels)

    return BlendRig(
        name="makehuman",
        mesh=mesh,
        eyes=eyes_of(mesh, np.concatenate([base, unit, unit]), *rows),
        definition=load_definition("makehuman"),
        draw=draw,
        credit="MakeHuman base mesh and targets (CC0); ARKit targets of met4citizen/TalkingHead (MIT).",
    )


def _read(path: Path) -> dict[str, AnyArray]:
    wanted: dict[str, tuple[int | None, ...]] = {
        "vertices": (_V, 3),
        "uv": (None, 2),
        "quads": (None, 4),
        "quads_uv": (None, 4),
        "quad_group": (None,),
        "group_names": (None,),
        "joint_names": (None,),
        "joint_vertices": (None, 8),
    }
    for kind in _SETS:
        wanted |= {f"{kind}_names": (None,), f"{kind}_offsets": (None,)}
        wanted |= {f"{kind}_index": (None,), f"{kind}_delta": (None, 3)}
    z = read_arrays(path, wanted, "MakeHuman")
    check_numbers(z["quads"], _V, f"{path}: quads")
    check_numbers(z["quads_uv"], len(z["uv"]), f"{path}: quads_uv")
    check_numbers(z["joint_vertices"], _V, f"{path}: joint_vertices")
    if not len(z["quads"]) == len(z["quads_uv"]) == len(z["quad_group"]):
        raise SourceError(f"{path}: quads, quads_uv and quad_group differ in length")
    return z


def _targets(z: dict[str, AnyArray], kind: str, path: Path) -> _Targets:
    names = tuple(str(n) for n in z[f"{kind}_names"])
    index, delta, starts = z[f"{kind}_index"], z[f"{kind}_delta"], z[f"{kind}_offsets"]
    check_numbers(index, _V, f"{path}: {kind}_index")
    if len(starts) != len(names) + 1 or len(index) != len(delta):
        raise SourceError(f"{path}: the {kind} targets contradict themselves")
    parts = [offsets_of(index, starts, i, f"{path}: {kind}") for i in range(len(names))]
    return _Targets(
        names,
        tuple(index[p].astype(np.int64) for p in parts),
        tuple(delta[p].astype(np.float32) * np.float32(MM_PER_UNIT) for p in parts),
    )


def _shapes(arkit: _Targets, eyeballs: Int64) -> SparseShapes:
    """The shapes without what they do to eyeballs, which turn by angles instead."""
    rows, offsets = [], []
    for name in load_schema("arkit52").names:
        if name not in arkit.names:
            raise SourceError(f"the MakeHuman rig lacks the shape {name}")
        at = arkit.names.index(name)
        keep = ~np.isin(arkit.rows[at], eyeballs)
        rows.append(arkit.rows[at][keep])
        offsets.append(arkit.offsets[at][keep])
    return SparseShapes.joined(rows, offsets)


def _group_vertices(z: dict[str, AnyArray], group: int) -> Int64:
    return np.asarray(np.unique(z["quads"][z["quad_group"] == group]), dtype=np.int64)


def _mesh(z: dict[str, AnyArray], groups: list[str], base: Float32) -> tuple[Mesh, tuple[Int64, Int64]]:
    names: list[str] = []
    triangles: list[npt.NDArray[np.int32]] = []
    corners: list[Float32] = []
    for group, material in _GROUP_MATERIAL.items():
        quads = np.flatnonzero(z["quad_group"] == groups.index(group))
        for pick in ((0, 1, 2), (0, 2, 3)):
            triangles.append(z["quads"][quads][:, pick].astype(np.int32))
            corners.append(z["uv"][z["quads_uv"][quads][:, pick]])
            names += [material] * len(quads)
    unit, faces = unit_eyeball()
    materials = eye_materials(degrees_from_gaze(unit.astype(np.float64), faces, np.arange(len(unit))))
    rows = []
    for eye in range(2):
        begin = len(base) + eye * len(unit)
        triangles.append((faces + begin).astype(np.int32))
        corners.append(np.zeros((len(faces), 3, 2), np.float32))
        names += materials
        rows.append(np.arange(begin, begin + len(unit), dtype=np.int64))
    whole = np.concatenate(triangles)
    solid = (whole[:, 0] != whole[:, 1]) & (whole[:, 1] != whole[:, 2]) & (whole[:, 2] != whole[:, 0])
    uv = np.concatenate(corners).astype(np.float32) * np.array([1, -1], np.float32) + np.array([0, 1], np.float32)
    codes, used = material_codes([n for n, s in zip(names, solid, strict=True) if s])
    return Mesh(whole[solid], codes, used, uv[solid]), (rows[0], rows[1])
