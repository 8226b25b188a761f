"""The whole ICT face model as a rig: 100 identity modes, 51 of the 52 shapes (it has no tongueOut).

The helper shells for a shader and the cornea that hides the iris are left out; the eyeballs are turned here, since
the model's eyeLook shapes move only the lids.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.core.arrays import AnyArray, Float32
from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.rigs.blend_rig import BlendRig
from mien.lab.rigs.eyeball import degrees_from_gaze, eyes_of
from mien.lab.rigs.ict import FILE_NAME, MM_PER_UNIT, rig_from_arkit
from mien.lab.rigs.landmarks import load_definition
from mien.lab.rigs.materials import material_codes
from mien.lab.rigs.rig import Identity, Mesh
from mien.lab.rigs.rig_files import check_numbers, read_arrays
from mien.lab.rigs.sparse_shapes import SparseShapes

_V = 26719
_WANTED: dict[str, tuple[int | None, ...]] = {
    "neutral": (_V, 3),
    "tri": (None, 3),
    "tri_uv": (None, 3),
    "uv": (None, 2),
    "expr_names": (57,),
    "expr": (57, _V, 3),
    "ident": (100, _V, 3),
    "region_names": (None,),
    "region_tri_range": (None, 2),
    "region_vertex_range": (None, 2),
    "eye_center": (2, 3),
}
_REGION_MATERIAL = {
    "Face": "skin",
    "Head and Neck": "skin",
    "Mouth socket": "mouth",
    "Eye socket left": "skin",
    "Eye socket right": "skin",
    "Gums and tongue": "gums",
    "Teeth": "teeth",
    "Eyelashes left": "lashes",
    "Eyelashes right": "lashes",
}
_FELT_MM = 0.01
"""Offsets below this are rounding of the file."""
CORNEA_DEG = 24.0
_PUPIL_DEG = 8.5
_IRIS_SHOWS_DEG = 27.0
_IDENTITY_LIMIT = 2.5


def load_ict_rig(folder: str | Path) -> BlendRig:
    """The rig "ict" out of the folder that holds `ict_light.npz`.

    Raises:
        SourceError: the file is not there or is not this rig.
    """
    path = Path(folder) / FILE_NAME
    z = read_arrays(path, _WANTED, "ICT")
    check_numbers(z["tri"], _V, f"{path}: tri")
    check_numbers(z["tri_uv"], len(z["uv"]), f"{path}: tri_uv")
    centre = z["eye_center"].astype(np.float64)
    origin = centre.mean(axis=0)
    neutral = ((z["neutral"] - origin) * MM_PER_UNIT).astype(np.float32)
    centres = ((centre - origin) * MM_PER_UNIT).astype(np.float32)
    modes = z["ident"].reshape(100, -1)
    try:
        balls = [np.arange(*_range(z, "vertex", f"Eyeball {side}")) for side in ("left", "right")]
        mesh = _mesh(z, neutral)
    except (ValueError, IndexError) as error:
        raise SourceError(f"{path} is not the light ICT rig: {error}") from error
    shapes = _shapes(z)

    def draw(rng: np.random.Generator) -> Identity:
        weights = np.clip(rng.normal(size=100), -_IDENTITY_LIMIT, _IDENTITY_LIMIT).astype(np.float32)
        moved = np.zeros(_V * 3, np.float32)
        for weight, mode in zip(weights, modes, strict=True):
            moved += weight * mode.astype(np.float32)
        move = moved.reshape(_V, 3) * np.float32(MM_PER_UNIT)
        eyes = centres + np.stack([move[b[::7]].mean(axis=0) for b in balls])
        middle = eyes.mean(axis=0)
        name = f"ict-{rng.integers(1 << 32):08x}"
        return Identity(name, (neutral + move - middle).astype(np.float32), shapes, (eyes - middle).astype(np.float32))

    return BlendRig(
        name="ict",
        mesh=mesh,
        eyes=eyes_of(mesh, neutral, *balls),
        definition=load_definition("ict"),
        draw=draw,
        credit="ICT-FaceKit light, (c) 2020 USC Institute for Creative Technologies, MIT.",
    )


def _range(z: dict[str, AnyArray], kind: str, region: str) -> tuple[int, int]:
    """[first, last + 1) of a region."""
    at = [str(n) for n in z["region_names"]].index(region)
    begin, end = (int(n) for n in z[f"region_{kind}_range"][at])
    return begin, end


def _shapes(z: dict[str, AnyArray]) -> SparseShapes:
    names = tuple(str(n) for n in z["expr_names"])
    own = rig_from_arkit(names)
    dense: dict[str, Float32] = {}
    for row, name in zip(own, load_schema("arkit52").names, strict=True):
        used = np.flatnonzero(row)
        if len(used):
            dense[name] = sum(z["expr"][i].astype(np.float32) for i in used) * np.float32(MM_PER_UNIT)
    return SparseShapes.of(dense, _FELT_MM)


def _mesh(z: dict[str, AnyArray], neutral: Float32) -> Mesh:
    rows: list[npt.NDArray[np.int64]] = []
    names: list[str] = []
    for region, material in _REGION_MATERIAL.items():
        here = np.arange(*_range(z, "tri", region))
        rows.append(here)
        names += [material] * len(here)
    for side in ("left", "right"):
        for region in (f"Sclera {side}", f"Iris {side}"):
            here = np.arange(*_range(z, "tri", region))
            ball = np.arange(*_range(z, "vertex", f"Sclera {side}"))
            degrees = degrees_from_gaze(neutral.astype(np.float64), z["tri"][here], ball)
            white = region.startswith("Sclera")
            keep = degrees > CORNEA_DEG if white else degrees < _IRIS_SHOWS_DEG
            rows.append(here[keep])
            names += ["sclera" if white else "pupil" if d < _PUPIL_DEG else "iris" for d in degrees[keep]]
    kept = np.concatenate(rows)
    names = _tongue(z, neutral, kept, names)
    uv = z["uv"][z["tri_uv"][kept]].astype(np.float32) * np.array([1, -1], np.float32) + np.array([0, 1], np.float32)
    codes, materials = material_codes(names)
    return Mesh(z["tri"][kept].astype(np.int32), codes, materials, uv)


def _tongue(z: dict[str, AnyArray], neutral: Float32, kept: npt.NDArray[np.int64], names: list[str]) -> list[str]:
    """Of the region that holds both, the gums are what reaches the height of the teeth's roots near the teeth."""
    teeth = neutral[np.arange(*_range(z, "vertex", "Teeth"))]
    middles = neutral[z["tri"][kept]].mean(axis=1)
    low, high = teeth[:, 1].min(), teeth[:, 1].max()
    half, front = np.abs(teeth[:, 0]).max() * 0.62, np.quantile(teeth[:, 2], 0.85)
    inside = (np.abs(middles[:, 0]) < half) & (middles[:, 2] < front)
    inside &= (middles[:, 1] > low) & (middles[:, 1] < (low + high) / 2)
    return ["tongue" if n == "gums" and i else n for n, i in zip(names, inside, strict=True)]
