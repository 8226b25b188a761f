"""TypeScript types of the messages: `python -m mien.studio.typescript` writes `viewer/src/messages.ts`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mien.studio import messages, perform_messages, rest_messages, wire

TARGET = Path("viewer/src/messages.ts")
_WORDS = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null"}
_HEAD = (
    "// Made from src/mien/studio/messages.py, rest_messages.py and perform_messages.py by "
    "`python -m mien.studio.typescript`: change those, not this one.\n"
)


def typescript() -> str:
    """The text of the file."""
    models: dict[str, dict[str, Any]] = {}
    _gather(models, messages.from_page.json_schema(mode="validation"))
    _gather(models, messages.from_server.json_schema(mode="serialization"))
    for model in _rest():
        _gather(models, model.model_json_schema(mode="serialization"), model.__name__)
    parts = [_HEAD, _constants()]
    parts += [_interface(name, models[name]) for name in sorted(models)]
    for union, tagged in (("FromPage", messages.from_page), ("FromServer", messages.from_server)):
        schema = tagged.json_schema()
        names = [option["$ref"].rpartition("/")[2] for option in schema["oneOf"]]
        parts.append(f"export type {union} = {' | '.join(names)};\n")
    return "\n".join(parts)


def _rest() -> list[type[BaseModel]]:
    """Models that are no messages of the WebSocket: those of REST."""
    named = {**vars(messages), **vars(rest_messages), **vars(perform_messages)}
    every = [m for m in named.values() if isinstance(m, type) and issubclass(m, messages.Message)]
    return [m for m in every if m is not messages.Message and "type" not in m.model_fields]


def _gather(models: dict[str, dict[str, Any]], schema: dict[str, Any], name: str | None = None) -> None:
    for key, value in schema.get("$defs", {}).items():
        models.setdefault(key, value)
    if name is not None:
        models.setdefault(name, schema)


def _constants() -> str:
    table = {
        "PROTOCOL": messages.PROTOCOL,
        "FRAME_MAGIC": wire.MAGIC,
        "FRAME_VERSION": wire.VERSION,
        "FRAME_HEAD_BYTES": wire.HEAD.size,
        "SIGNAL_FLOATS": wire.SIGNAL_FLOATS,
        "UNITS": wire.UNITS,
        "POINTS": wire.POINTS,
        "MOODS": wire.MOODS,
        "FACE_FLOATS": wire.FACE_FLOATS,
    }
    return "".join(f"export const {name} = {value};\n" for name, value in table.items())


def _interface(name: str, schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return f"export type {name} = {_type(schema)};\n"
    required = set(schema.get("required", []))
    lines = [f"export interface {name} {{"]
    for key, value in schema.get("properties", {}).items():
        given = key in required or "const" in value
        lines.append(f"  {key}{'' if given else '?'}: {_type(value)};")
    comment = f"/** {' '.join(schema['description'].split())} */\n" if "description" in schema else ""
    return comment + "\n".join([*lines, "}"]) + "\n"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(v) for v in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " | ".join(dict.fromkeys(_type(option) for option in schema[key]))
    kind = schema.get("type")
    if kind == "array" and "prefixItems" in schema:
        return f"[{', '.join(_type(item) for item in schema['prefixItems'])}]"
    if kind == "array":
        inner = _type(schema.get("items", {}))
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if kind == "object":
        extra = schema.get("additionalProperties", True)
        return f"Record<string, {_type(extra) if isinstance(extra, dict) else 'unknown'}>"
    return _WORDS.get(str(kind), "unknown")


if __name__ == "__main__":
    TARGET.write_text(typescript(), encoding="utf-8")
