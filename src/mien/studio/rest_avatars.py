"""Characters over REST: the built-in one, and files that are dropped into the page, checked by the rig check."""

from __future__ import annotations

import asyncio
import io
import json
import re
import secrets
from functools import cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response

from mien.avatar.check import RigReport, check_rig
from mien.errors import RequestError, SinkError, SourceError
from mien.studio.messages import NAME
from mien.studio.rest_messages import Avatar, Mapping, Shape

BUILTIN = "Mien"
MOST_BYTES = 96 * 1024 * 1024
MOST_AVATARS = 64
ENDINGS = (".glb", ".vrm")


@cache
def builtin_glb() -> bytes:
    """The built-in character as a GLB file; made once, in about a second."""
    from mien.avatar.builtin import builtin_character
    from mien.avatar.glb import write_character

    file = io.BytesIO()
    write_character(file, builtin_character())
    return file.getvalue()


def avatar_routes(folder: Path) -> APIRouter:
    """Routes below /avatars; files are kept in `folder`."""
    router = APIRouter(prefix="/avatars", tags=["avatars"])

    @router.get("")
    def listed() -> list[str]:
        """Names of all characters."""
        return [BUILTIN, *sorted(p.name for p in folder.glob("[!.]*") if p.suffix in ENDINGS)]

    @router.get("/{name}")
    def report(name: str) -> Avatar:
        """What a character can do."""
        return _avatar(folder, name)

    @router.get("/{name}/file")
    def file(name: str) -> Response:
        """The GLB or VRM file."""
        if name == BUILTIN:
            return Response(builtin_glb(), media_type="model/gltf-binary")
        return FileResponse(_existing(folder, name), media_type="model/gltf-binary")

    @router.put("/{name}")
    async def dropped(name: str, request: Request) -> Avatar:
        """Keep a character: the body is the file. Replaces one of the same name."""
        path = _allowed(folder, name)
        if len(list(folder.glob("*"))) >= 2 * MOST_AVATARS and not path.exists():
            raise RequestError(f"{MOST_AVATARS} characters are kept already: remove one")
        await _received(request, path)
        return await asyncio.to_thread(_avatar, folder, name)

    @router.put("/{name}/mapping")
    def mapped(name: str, mapping: Mapping) -> Avatar:
        """Save which morph targets play which shape."""
        if name != BUILTIN:
            _existing(folder, name)
        _write(_mapping_file(folder, name), mapping.model_dump_json(indent=1).encode())
        return _avatar(folder, name)

    @router.delete("/{name}")
    def removed(name: str) -> dict[str, str]:
        """Forget a character and its mapping."""
        _existing(folder, name).unlink()
        _mapping_file(folder, name).unlink(missing_ok=True)
        return {"removed": name}

    return router


def _allowed(folder: Path, name: str) -> Path:
    if not re.fullmatch(NAME, name) or Path(name).suffix not in ENDINGS or name == BUILTIN:
        raise RequestError(f"{name[:80]!r}: a character is a .glb or .vrm file with a plain name")
    return folder / name


def _existing(folder: Path, name: str) -> Path:
    path = _allowed(folder, name)
    if not path.is_file():
        raise HTTPException(404, f"there is no character {name}")
    return path


def _mapping_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.mapping.json"


async def _received(request: Request, path: Path) -> None:
    """Write the body beside the place, look at it, and only then put it there.

    Raises:
        RequestError: it is too long, or no character.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{secrets.token_hex(4)}.part{path.suffix}")  # two may come at once
    try:
        size = 0
        with part.open("wb") as file:
            async for piece in request.stream():
                size += len(piece)
                if size > MOST_BYTES:
                    raise HTTPException(413, f"a character may have {MOST_BYTES // 1024**2} MB")
                file.write(piece)
        try:
            await asyncio.to_thread(check_rig, part)
        except SourceError as error:
            raise RequestError(str(error).replace(str(part), path.name)) from None
        part.replace(path)
    except OSError as error:
        raise SinkError(f"{path.name} cannot be kept: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise SinkError(f"{path} cannot be written: {error.strerror or error}") from error


def _avatar(folder: Path, name: str) -> Avatar:
    path = _builtin_file(folder) if name == BUILTIN else _existing(folder, name)
    checked = check_rig(path)
    size = path.stat().st_size
    return Avatar(
        name=name,
        kind=checked.kind,
        bytes=size,
        builtin=name == BUILTIN,
        present=checked.count("same", "spelling", "alias", "halves"),
        shapes=[Shape(shape=m.shape, kind=m.kind, parts=dict(m.parts), dead=m.dead) for m in checked.matches],
        unused=list(checked.unused),
        expressions=list(checked.expressions),
        perfect_sync=checked.perfect_sync,
        mapping=_mapping(folder, name, checked),
    )


def _builtin_file(folder: Path) -> Path:
    path = folder / f".{BUILTIN}.glb"
    if not path.is_file() or path.stat().st_size != len(builtin_glb()):
        _write(path, builtin_glb())
    return path


def _mapping(folder: Path, name: str, checked: RigReport) -> dict[str, dict[str, float]]:
    file = _mapping_file(folder, name)
    if file.is_file():
        try:
            return Mapping.model_validate_json(file.read_bytes()).mapping
        except (ValueError, OSError):
            raise RequestError(f"{file} is damaged: remove it") from None
    found = {m.shape: dict(m.parts) for m in checked.matches if m.kind != "missing" and not m.dead}
    for match in checked.matches:
        if match.kind == "instead":  # these are ARKit names: what plays them plays this
            parts: dict[str, float] = {}
            for shape, gain in match.parts.items():
                for target, own in found.get(shape, {}).items():
                    parts[target] = parts.get(target, 0.0) + gain * own
            found[match.shape] = parts
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]
