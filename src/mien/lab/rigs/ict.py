"""The ICT face model (light version): identity modes and expression shapes over chosen vertices.

The file is `ict_light.npz` (ICT-VGL/ICT-FaceKit, MIT), in a folder the user names; it never ships with Mien.
Only the vertices somebody needs are kept, so that a thousand faces are one small matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Int64
from mien.core.schema import load_schema
from mien.errors import SourceError

FILE_NAME = "ict_light.npz"
MM_PER_UNIT = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class IctRig:
    """Chosen vertices of the rig, head frame of `core.geometry` (mm, origin midway between the eyes).

    Attributes:
        vertices: (V,) int64 numbers of the kept vertices in the rig's own numbering.
        neutral: (V, 3) float32, mm.
        identity: (100, V, 3) float32, mm: modes minus neutral, for weights with standard deviation 1.
        expression: (57, V, 3) float32, mm: shapes minus neutral, for weights 0–1.
        expression_names: the rig's own 57 names.
        landmarks68: (68,) int64 vertex numbers of the Multi-PIE points (rig numbering).
        eye_centre: (2, 3) float32, mm: left and right eyeball of the neutral face.
        eye_centre_identity: (100, 2, 3) float32, mm: how an identity moves them.
        full_neutral: (26719, 3) float32, mm: every vertex of the neutral face, for geometry searches.
        triangles: (T, 3) int32, rig numbering.
    """

    vertices: Int64
    neutral: Float32
    identity: Float32
    expression: Float32
    expression_names: tuple[str, ...]
    landmarks68: Int64
    eye_centre: Float32
    eye_centre_identity: Float32
    full_neutral: Float32
    triangles: npt.NDArray[np.int32]

    def rows(self, vertices: npt.ArrayLike) -> Int64:
        """Positions in `vertices` of rig vertex numbers of any shape.

        Raises:
            KeyError: one of them was not kept.
        """
        place = {int(v): i for i, v in enumerate(self.vertices)}
        wanted = np.asarray(vertices, dtype=np.int64)
        return np.array([place[int(v)] for v in wanted.ravel()], dtype=np.int64).reshape(wanted.shape)

    def face(self, identity_weights: npt.ArrayLike, expression_weights: npt.ArrayLike) -> Float32:
        """(..., V, 3) float32 mm: faces of (..., 100) identity and (..., 57) expression weights."""
        a = np.asarray(identity_weights, dtype=np.float32)
        b = np.asarray(expression_weights, dtype=np.float32)
        flat = a @ self.identity.reshape(len(self.identity), -1) + b @ self.expression.reshape(len(self.expression), -1)
        return np.asarray(flat.reshape(*flat.shape[:-1], -1, 3) + self.neutral, dtype=np.float32)

    def eye_centres(self, identity_weights: npt.ArrayLike) -> Float32:
        """(..., 2, 3) float32 mm: left and right eyeball centres."""
        a = np.asarray(identity_weights, dtype=np.float32)
        moved = a @ self.eye_centre_identity.reshape(len(self.eye_centre_identity), -1)
        return np.asarray(moved.reshape(*moved.shape[:-1], 2, 3) + self.eye_centre, dtype=np.float32)


def load_ict(folder: str | Path, vertices: npt.ArrayLike | None = None) -> IctRig:
    """Read the rig.

    Args:
        folder: the folder that holds `ict_light.npz`.
        vertices: rig vertex numbers to keep; None = the face region (0–9408).

    Raises:
        SourceError: the file is not there or is not this rig.
    """
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        raise SourceError(f"no ICT rig at {path}: name the folder that holds {FILE_NAME}")
    try:
        with np.load(path, allow_pickle=False) as z:
            return _read(z, np.arange(9409) if vertices is None else np.unique(np.asarray(vertices, dtype=np.int64)))
    except (KeyError, ValueError, OSError) as error:
        raise SourceError(f"{path} is not the light ICT rig: {error}") from error


def _read(z: np.lib.npyio.NpzFile, keep: Int64) -> IctRig:
    regions = {str(n): tuple(r) for n, r in zip(z["region_names"], z["region_vertex_range"], strict=True)}
    identity = z["ident"]
    balls = [np.arange(*regions[name]) for name in ("Eyeball left", "Eyeball right")]
    centre = z["eye_center"].astype(np.float64)
    origin = centre.mean(axis=0)
    moves = np.stack([identity[:, b[::7]].astype(np.float32).mean(axis=1) for b in balls], axis=1)
    neutral = z["neutral"] - origin
    return IctRig(
        vertices=keep,
        neutral=(neutral[keep] * MM_PER_UNIT).astype(np.float32),
        identity=identity[:, keep].astype(np.float32) * np.float32(MM_PER_UNIT),
        expression=z["expr"][:, keep].astype(np.float32) * np.float32(MM_PER_UNIT),
        expression_names=tuple(str(n) for n in z["expr_names"]),
        landmarks68=z["landmarks68"].astype(np.int64),
        eye_centre=((centre - origin) * MM_PER_UNIT).astype(np.float32),
        eye_centre_identity=moves * np.float32(MM_PER_UNIT),
        full_neutral=(neutral * MM_PER_UNIT).astype(np.float32),
        triangles=z["tri"],
    )


def rig_from_arkit(expression_names: tuple[str, ...]) -> Float32:
    """(52, 57) float32: multiply (..., 52) ARKit weights by this to get the rig's weights.

    browInnerUp and cheekPuff drive both sides; tongueOut has no counterpart; PupilDilate and cheekRaiser stay 0.
    """
    schema = load_schema("arkit52")
    out = np.zeros((len(schema), len(expression_names)), dtype=np.float32)
    for i, name in enumerate(schema.names):
        sided = name.replace("Left", "_L").replace("Right", "_R") if name not in _DIRECTIONS else name
        for target in (sided, f"{name}_L", f"{name}_R"):
            if target in expression_names:
                out[i, expression_names.index(target)] = 1.0
    return out


_DIRECTIONS = frozenset({"jawLeft", "jawRight", "mouthLeft", "mouthRight"})
