"""The VALID avatars: 30 scanned-looking people with textures on one topology.

The shapes come from `arkit_map.json` beside the meshes. Where it moves both sides at once for a one-sided shape,
the movement is faded across the middle of the face. Nothing in this rig moves the lips sideways without the jaw
(mouthLeft, mouthRight), shrugs the upper lip, or lets the lids follow the eyes.

The names of meshes and targets look like the output of a commercial character generator, on which the origin says
nothing: render training pictures from it, but ship none of its meshes or textures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import AnyArray, Float32, Float64, Int64
from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.rigs.blend_rig import BlendRig
from mien.lab.rigs.eyeball import eyes_of
from mien.lab.rigs.landmarks import load_definition
from mien.lab.rigs.materials import material_codes
from mien.lab.rigs.rig import Identity, Mesh, Piece
from mien.lab.rigs.rig_files import Shape, check_numbers, offsets_of, read_arrays
from mien.lab.rigs.sparse_shapes import SparseShapes

MM_PER_UNIT = 1000.0
_PARTS = {
    "head": 9344,
    "eye_l": 201,
    "eye_r": 201,
    "gland_l": 138,
    "gland_r": 138,
    "teeth_lower": 4729,
    "teeth_upper": 4368,
}
_MATERIAL = {"head": "skin", "eye_l": "eye", "eye_r": "eye", "gland_l": "skin", "gland_r": "skin"}
_BOTH_SIDES = ("mouthPress", "mouthStretch")
"""One-sided shapes for which the avatars only have targets that move both sides."""
_SIDE_FADE_MM = 8.0
_TEETH_OF = {"MPB_Up": "t_MPB", "MPB_Down": "t_MPB"}
_TONGUE = "OutMiddle_tg"


@dataclass(frozen=True, slots=True, eq=False)
class _Topology:
    arrays: dict[str, AnyArray]
    first: dict[str, int]
    recipe: dict[str, dict[str, float]]


def load_valid_rig(folder: str | Path) -> BlendRig:
    """The rig "valid" out of the folder that holds `topology.npz`, `people.json`, `arkit_map.json` and `people/`.

    Raises:
        SourceError: one of these is missing or odd. People whose file is missing are named.
    """
    root = Path(folder)
    topology = _topology(root)
    people = _people(root)
    loaded: dict[str, Identity] = {}

    def draw(rng: np.random.Generator) -> Identity:
        person = people[int(rng.integers(len(people)))]
        if person["id"] not in loaded:
            loaded[person["id"]] = _person(root, person, topology)
        return loaded[person["id"]]

    loaded[people[0]["id"]] = _person(root, people[0], topology)
    mesh, first = _mesh(topology), topology.first
    some = loaded[people[0]["id"]].neutral
    return BlendRig(
        name="valid",
        mesh=mesh,
        eyes=eyes_of(mesh, some, _rows(first, "eye_l"), _rows(first, "eye_r")),
        definition=load_definition("valid"),
        draw=draw,
        credit="Validated Avatar Library for Inclusion and Diversity, (c) 2022 Tiffany Do, MIT.",
    )


def _rows(first: dict[str, int], part: str) -> Int64:
    return np.arange(first[part], first[part] + _PARTS[part], dtype=np.int64)


def _topology(root: Path) -> _Topology:
    wanted: dict[str, Shape] = {}
    for part, count in _PARTS.items():
        wanted |= {f"{part}_tri": (None, 3), f"{part}_uv": (count, 2)}
    for part in ("head", "teeth"):
        wanted |= {f"{part}_target_names": (None,), f"{part}_delta_offsets": (None,), f"{part}_delta_index": (None,)}
    path = root / "topology.npz"
    arrays = read_arrays(path, wanted, "VALID")
    for part, count in _PARTS.items():
        check_numbers(arrays[f"{part}_tri"], count, f"{path}: {part}_tri")
    check_numbers(arrays["head_delta_index"], _PARTS["head"], f"{path}: head_delta_index")
    check_numbers(arrays["teeth_delta_index"], _PARTS["teeth_lower"], f"{path}: teeth_delta_index")
    for part in ("head", "teeth"):
        if len(arrays[f"{part}_delta_offsets"]) != len(arrays[f"{part}_target_names"]) + 1:
            raise SourceError(f"{path}: the {part} targets contradict themselves")
    starts = np.cumsum([0, *_PARTS.values()])
    first = {part: int(start) for part, start in zip(_PARTS, starts, strict=False)}
    return _Topology(arrays, first, _recipe(root / "arkit_map.json", arrays))


def _recipe(path: Path, arrays: dict[str, AnyArray]) -> dict[str, dict[str, float]]:
    """Shape name → target → weight."""
    table = _json(path)
    known = {str(n) for n in arrays["head_target_names"]}
    try:
        recipe = {
            name: {str(t): float(w) for t, w in table["arkit_to_targets"][name]["targets"].items()}
            for name in load_schema("arkit52").names
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"{path}: no usable entry arkit_to_targets for {error}") from error
    for name, targets in recipe.items():
        odd = set(targets) - known
        if odd or not np.isfinite(list(targets.values())).all():
            raise SourceError(f"{path}: {name} names targets or weights that do not exist: {sorted(odd)}")
    # ARKit's mouthClose undoes what jawOpen does to the lips; the avatars' target drops a jaw with closed lips.
    opened = recipe["jawOpen"]
    recipe["mouthClose"] = {**recipe["mouthClose"], **{t: -w for t, w in opened.items()}}
    return recipe


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"no VALID rig: {path} cannot be read: {error}") from error
    except ValueError as error:
        raise SourceError(f"{path} is not JSON in UTF-8: {error}") from error


def _people(root: Path) -> list[dict[str, Any]]:
    """The entries of people.json whose files lie in the folder."""
    path = root / "people.json"
    table = _json(path)
    if not isinstance(table, list) or not table:
        raise SourceError(f"{path}: expected a list of people")
    for person in table:
        good = isinstance(person, dict) and all(isinstance(person.get(k), str) for k in ("id", "geometry"))
        if not good or not isinstance(person.get("textures", {}), dict):
            raise SourceError(f"{path}: every person needs id, geometry and textures")
    missing = [p["id"] for p in table if not _inside(root, p["geometry"]).is_file()]
    if missing:
        raise SourceError(f"{path} names people whose files are missing: {', '.join(missing)}")
    return table


def _inside(root: Path, relative: str) -> Path:
    """A path that a file of the folder names; it may not leave the folder."""
    path = (root / relative).resolve()
    if not path.is_relative_to(root.resolve()):
        raise SourceError(f"{root / 'people.json'} names a file outside the folder: {relative}")
    return path


def _mesh(topology: _Topology) -> Mesh:
    names: list[str] = []
    triangles, corners = [], []
    for part, begin in topology.first.items():
        own = topology.arrays[f"{part}_tri"].astype(np.int32)
        names += [_MATERIAL.get(part, "teeth")] * len(own)
        triangles.append(own + np.int32(begin))
        corners.append(topology.arrays[f"{part}_uv"][own].astype(np.float32))
    codes, materials = material_codes(names)
    return Mesh(np.concatenate(triangles), codes, materials, np.concatenate(corners))


def _person(root: Path, person: dict[str, Any], topology: _Topology) -> Identity:
    wanted: dict[str, Shape] = {part: (count, 3) for part, count in _PARTS.items()}
    wanted |= {"joint_lefteye": (3,), "joint_righteye": (3,), "head_delta_scale": (), "teeth_delta_scale": ()}
    for part in ("head", "teeth"):
        wanted[f"{part}_delta"] = (len(topology.arrays[f"{part}_delta_index"]), 3)
    path = _inside(root, person["geometry"])
    z = read_arrays(path, wanted, "VALID")
    eyes = np.stack([z["joint_lefteye"], z["joint_righteye"]]).astype(np.float64) * MM_PER_UNIT
    middle = eyes.mean(axis=0)
    neutral = np.concatenate([z[part] for part in _PARTS]).astype(np.float64) * MM_PER_UNIT - middle
    textures = person.get("textures", {})
    colour = _inside(root, textures["skin_color"]) if "skin_color" in textures else None
    labels = {k.removesuffix("_label"): str(v) for k, v in person.items() if k.endswith("_label")}
    return Identity(
        name=f"valid-{person['id']}",
        neutral=neutral.astype(np.float32),
        shapes=_shapes(z, topology, neutral),
        eye_centres=(eyes - middle).astype(np.float32),
        textures={} if colour is None else dict.fromkeys(("skin", "eye", "teeth"), colour),
        pieces=_hair(root, path, textures, middle) if person.get("separate_hair") else (),
        labels=labels,
    )


def _hair(root: Path, path: Path, textures: dict[str, str], middle: Float64) -> tuple[Piece, ...]:
    z = read_arrays(path, {"hair": (None, 3), "hair_tri": (None, 3), "hair_uv": (None, 2)}, "VALID")
    check_numbers(z["hair_tri"], len(z["hair"]), f"{path}: hair_tri")
    triangles = z["hair_tri"].astype(np.int32)
    if len(z["hair_uv"]) != len(z["hair"]):
        raise SourceError(f"{path}: hair and hair_uv differ in length")
    uv = z["hair_uv"][triangles].astype(np.float32) / np.float32(16384.0)
    vertices = (z["hair"].astype(np.float64) * MM_PER_UNIT - middle).astype(np.float32)
    texture = _inside(root, textures["hair_color"]) if "hair_color" in textures else None
    return (Piece(vertices, triangles, uv, "hair", texture),)


def _shapes(z: dict[str, AnyArray], topology: _Topology, neutral: Float64) -> SparseShapes:
    dense: dict[str, Float32] = {}
    left = np.clip(0.5 + neutral[:, 0] / (2 * _SIDE_FADE_MM), 0.0, 1.0).astype(np.float32)
    for name, targets in topology.recipe.items():
        full = np.zeros((len(neutral), 3), np.float32)
        for target, weight in targets.items():
            _add(full, z, topology, ("head", target, weight))
            _add(full, z, topology, ("teeth", _TEETH_OF.get(target, f"t_{target}"), weight))
        if name == "tongueOut":
            _add(full, z, topology, ("teeth", _TONGUE, 1.0))
        if name.startswith(_BOTH_SIDES):
            # Both halves together give the whole target, each at the weight the map gives to one of them.
            full *= 2.0 * (left if name.endswith("Left") else 1.0 - left)[:, None]
        dense[name] = full
    return SparseShapes.of(dense)


def _add(full: Float32, z: dict[str, AnyArray], topology: _Topology, what: tuple[str, str, float]) -> None:
    part, target, weight = what
    names = [str(n) for n in topology.arrays[f"{part}_target_names"]]
    if target not in names:
        return
    index = topology.arrays[f"{part}_delta_index"]
    rows = offsets_of(index, topology.arrays[f"{part}_delta_offsets"], names.index(target), f"VALID {part} targets")
    scale = np.float32(z[f"{part}_delta_scale"]) * np.float32(MM_PER_UNIT * weight)
    begin = topology.first["head" if part == "head" else "teeth_lower"]
    full[begin + index[rows].astype(np.int64)] += z[f"{part}_delta"][rows].astype(np.float32) * scale
