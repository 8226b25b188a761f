"""The rig doctor: which ARKit shapes a character has, under which names, and what can stand in for the rest."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from mien.avatar.character import SHAPES
from mien.avatar.gltf_file import morph_targets, read_gltf

Kind = Literal["same", "spelling", "alias", "halves", "instead", "missing"]


@dataclass(frozen=True, slots=True)
class Match:
    """One ARKit shape in the character.

    Attributes:
        shape: ARKit name.
        kind: "same" name; other "spelling"; "alias" (another name that means about the same); "halves" (an unsided
            shape that the character has left and right); "instead" (other shapes, weaker); "missing".
        parts: names in the character → gain; of "instead": ARKit names.
        dead: whether the targets found move nothing.
    """

    shape: str
    kind: Kind
    parts: Mapping[str, float]
    dead: bool = False


@dataclass(frozen=True, slots=True)
class RigReport:
    """What a character can do.

    Attributes:
        path: the file.
        kind: "glTF", "VRM 0" or "VRM 1".
        matches: one per ARKit shape, in the order of the schema.
        unused: morph targets that no shape was matched with.
        expressions: names of VRM expressions.
        perfect_sync: how many of the 52 are VRM expressions of the character.
    """

    path: Path
    kind: str
    matches: tuple[Match, ...]
    unused: tuple[str, ...]
    expressions: tuple[str, ...]
    perfect_sync: int

    def count(self, *kinds: Kind) -> int:
        """How many shapes are of these kinds."""
        return sum(m.kind in kinds for m in self.matches)


def check_rig(path: str | Path) -> RigReport:
    """Look at a GLB, glTF or VRM file. Nothing is changed, no geometry is read.

    Raises:
        SourceError: it cannot be read, or is no glTF file.
    """
    path = Path(path)
    gltf = read_gltf(path)
    targets = morph_targets(gltf, path)
    kind, expressions = _expressions(gltf)
    plain: dict[str, str] = {}
    for name in targets:
        plain.setdefault(plain_name(name), name)
    found = {shape: _match(shape, targets, plain) for shape in SHAPES.names}
    there = {s for s, m in found.items() if m.kind != "missing" and not m.dead}
    matches = tuple(m if m.kind != "missing" else _instead(m.shape, there) for m in found.values())
    used = {part for m in found.values() for part in m.parts}
    clips = {plain_name(e) for e in expressions}
    synced = sum(plain_name(s) in clips for s in SHAPES.names)
    unused = tuple(n for n in targets if n not in used)
    return RigReport(path, kind, matches, unused, expressions, synced)


def plain_name(name: str) -> str:
    """A name without what differs between exporters: "Face.M_F00_eyeBlink_L" → "mf00eyeblinkleft"."""
    last = re.split(r"[.:|]", name.strip())[-1]
    for ending, side in (("L", "left"), ("R", "right")):
        # "_L" and "eyeBlinkL", but not the L of "FILL": a capital behind a separator or a small letter.
        last = re.sub(rf"(?:[_\- ]|(?<=[a-z])){ending}$|[_\- ]{ending.lower()}$", side, last)
    return re.sub(r"[^a-z0-9]", "", last.lower())


def _match(shape: str, targets: Mapping[str, bool], plain: Mapping[str, str]) -> Match:
    if shape in targets:
        return Match(shape, "same", {shape: 1.0}, not targets[shape])
    own = plain_name(shape)
    candidates: list[tuple[Kind, str | None]] = [("spelling", plain.get(own))]
    # A prefix of the mesh or the rig: "m_f00_000_00_fcl_jawOpen".
    candidates.append(("spelling", next((n for p, n in plain.items() if len(own) > 5 and p.endswith(own)), None)))
    for alias in _table()["names"].get(shape, []):
        candidates.append(("alias", plain.get(alias)))
    for kind, name in candidates:
        if name is not None:
            return Match(shape, kind, {name: 1.0}, not targets[name])
    halves = [plain.get(own + side) for side in ("left", "right")]
    if None not in halves:
        return Match(shape, "halves", {str(h): 1.0 for h in halves}, not any(targets[str(h)] for h in halves))
    return Match(shape, "missing", {})


def _instead(shape: str, there: set[str]) -> Match:
    parts = {s: float(g) for s, g in _table()["instead"].get(shape, {}).items()}
    return Match(shape, "instead", parts) if parts and set(parts) <= there else Match(shape, "missing", {})


def _expressions(gltf: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    extensions = gltf.get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    one, zero = extensions.get("VRMC_vrm"), extensions.get("VRM")
    if isinstance(one, dict):
        groups = one.get("expressions") or {}
        names = [*(groups.get("preset") or {}), *(groups.get("custom") or {})] if isinstance(groups, dict) else []
        return "VRM 1", tuple(map(str, names))
    if isinstance(zero, dict):
        master = zero.get("blendShapeMaster") or {}
        groups = master.get("blendShapeGroups") if isinstance(master, dict) else None
        return "VRM 0", tuple(str(g.get("name", "")) for g in groups or [] if isinstance(g, dict))
    return "glTF", ()


@cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files("mien.avatar") / "aliases.toml").read_text(encoding="utf-8"))
