"""What the rig doctor proposes: which morph targets make each ARKit shape, as a table and as a profile (TOML)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mien.avatar.check import Match, RigReport
from mien.core.text import storable


def shape_table(report: RigReport) -> dict[str, dict[str, float]]:
    """ARKit shape → morph target → gain. What stands in for a missing shape is followed to targets; missing ones are
    left out."""
    by_shape = {m.shape: m for m in report.matches}
    out: dict[str, dict[str, float]] = {}
    for match in report.matches:
        parts = _targets(match, by_shape)
        if parts:
            out[match.shape] = parts
    return out


def _targets(match: Match, by_shape: Mapping[str, Match]) -> dict[str, float]:
    if match.kind == "missing":
        return {}
    if match.kind != "instead":
        return {str(n): float(g) for n, g in match.parts.items()}
    out: dict[str, float] = {}
    for shape, gain in match.parts.items():
        for target, own in by_shape[shape].parts.items():
            out[target] = out.get(target, 0.0) + gain * own
    return out


def profile_text(report: RigReport) -> str:
    """A profile for `mien export --avatar FILE --profile …` and `mien live --to "vmc://?profile=…"`.

    Its controls are the rig's morph targets; every line is to be looked at and may be changed by hand.
    """
    by_target: dict[str, dict[str, float]] = {}
    for shape, parts in shape_table(report).items():
        for target, gain in parts.items():
            row = by_target.setdefault(target, {})
            row[shape] = round(row.get(shape, 0.0) + gain, 4)
    kinds = {m.shape: m.kind for m in report.matches}
    missing = [s for s, k in kinds.items() if k == "missing"]
    name = "".join(c if c.isprintable() else "?" for c in storable(report.path.name))
    lines = [
        f"# Proposed by mien avatar check for {name}: its morph targets from ARKit's 52 shapes.",
        "# Look at the sheet (--sheet) and change what is wrong; see docs/outputs.md for offsets, curves and rules.",
    ]
    if missing:
        lines.append(f"# Not to be shown on this rig: {', '.join(missing)}.")
    lines += [
        f"description = {_quoted('profile of ' + storable(report.path.name))}",
        'inputs = "arkit52"',
        "",
        "[outputs]",
    ]
    for target, row in by_target.items():
        told_parts = ", ".join(f"{shape} = {gain:g}" for shape, gain in row.items())
        told = sorted({kinds[s] for s in row} - {"same", "spelling"})
        note = f"  # {', '.join(told)}" if told else ""
        lines.append(f"{_quoted(storable(target))} = {{ {told_parts} }}{note}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string or key: JSON's quoting is TOML's, but for the delete character."""
    return json.dumps(text).replace("\x7f", "\\u007f")
