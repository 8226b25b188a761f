"""Networks as OpenVINO compiled them on this machine before, kept in the user's cache folder.

Compiling the landmark network in 8 bits took 4.2 s of processor time, reading what came of it 0.4 s (measured once, two
shared cores with other work). The name of a file is the checksum of all that decides what is in it: the model's bytes,
OpenVINO's version, the settings, the processor. The file begins with the checksum of the rest, which guards against
damage, not against malice: who can write the file can write its checksum. So on POSIX folder and opened file must be
the user's own, and nobody else may write to them. On Windows no permissions are looked at: the folder lies in the
user's profile, and who names another one answers for it. What is not sound is as good as none: the network is compiled
again. The variable MIEN_CACHE names another folder, or is "off".
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from mien.runtime.processor import processor_flags
from mien.runtime.session import TensorSpec

CACHE_VARIABLE = "MIEN_CACHE"
MOST_BYTES = 300_000_000
"""Of the folder; beyond, the files that were not used for longest go."""
_FORM = b"mien compiled network 1\n"
_ENDING, _UNFINISHED = ".ovblob", ".tmp"
_GIVEN_UP_S = 3600.0
"""After so long nobody writes at an unfinished file any more."""
_CHECKSUM = hashlib.sha256().digest_size
_LENGTH = 4


class Compiled(NamedTuple):
    """What is kept of a network: its inputs and outputs as the model's file names them, and OpenVINO's blob."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    blob: bytes


def cache_folder() -> Path | None:
    """Where compiled networks lie; None = they are not kept."""
    asked = os.environ.get(CACHE_VARIABLE)
    if asked is not None:
        return None if asked.strip().lower() in ("", "off", "0", "no") else Path(asked)
    try:
        home = Path.home()
    except RuntimeError:  # no home at all
        return None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(base) / "mien" / "networks"


def key_of(content: bytes, version: str, settings: Mapping[str, Any], batch: int | None) -> str:
    """Name under which a compiled model is kept."""
    machine = [platform.machine(), sorted(processor_flags()), os.cpu_count()]
    about = [version, sorted((k, str(v)) for k, v in settings.items()), batch, machine]
    sums = hashlib.sha256(_FORM)
    sums.update(json.dumps(about).encode())
    sums.update(hashlib.sha256(content).digest())
    return sums.hexdigest()


def kept(key: str) -> Compiled | None:
    """What was kept under a name; None = nothing, or nothing sound."""
    folder = cache_folder()
    if folder is None or not _own(folder):
        return None
    path = folder / (key + _ENDING)
    try:
        data = _content(path)
        if data[:_CHECKSUM] != hashlib.sha256(memoryview(data)[_CHECKSUM:]).digest():
            return None
        at = _CHECKSUM + _LENGTH
        end = at + int.from_bytes(data[_CHECKSUM:at], "little")
        head = json.loads(data[at:end])
        with suppress(OSError):
            os.utime(path)
        return Compiled(_specs(head["inputs"]), _specs(head["outputs"]), data[end:])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def can_keep() -> bool:
    """Whether there is a folder of the user's own to keep something in; it is made if it was missing."""
    return _folder_to_write() is not None


def keep(key: str, network: Compiled) -> None:
    """Keep a compiled network, if that is possible and it is not larger than all may be together."""
    folder = _folder_to_write()
    if folder is None:
        return
    head = json.dumps({"inputs": _plain(network.inputs), "outputs": _plain(network.outputs)}).encode()
    sums = hashlib.sha256()
    parts = (len(head).to_bytes(_LENGTH, "little"), head, network.blob)
    if _CHECKSUM + sum(map(len, parts)) > MOST_BYTES:
        return  # it would go again at once, and all older ones with it
    for part in parts:
        sums.update(part)
    with suppress(OSError):
        handle, name = tempfile.mkstemp(dir=folder, suffix=_UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines((sums.digest(), *parts))
            Path(name).replace(folder / (key + _ENDING))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _thin_out(folder)


def _folder_to_write() -> Path | None:
    folder = cache_folder()
    if folder is None:
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if _own(folder) and os.access(folder, os.W_OK) else None


def _content(path: Path) -> bytes:
    """What an own regular file holds; nothing, if it is none. The file that is looked at is the one that is read."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or not _ours(facts):
            return b""
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)


def _own(folder: Path) -> bool:
    """Whether nobody else may write there: what is read is run."""
    try:
        return _ours(folder.stat())
    except OSError:
        return False


def _ours(facts: os.stat_result) -> bool:
    return os.name != "posix" or (facts.st_uid == os.geteuid() and not facts.st_mode & 0o022)


def _thin_out(folder: Path) -> None:
    """Remove what killed programs left unfinished, and of the others the oldest."""
    now = time.time()
    for path, facts in _found(folder, _UNFINISHED):
        if now - facts.st_mtime > _GIVEN_UP_S:
            _remove(path)
    held = 0
    for path, facts in sorted(_found(folder, _ENDING), key=lambda f: -f[1].st_mtime):
        held += facts.st_size
        if held > MOST_BYTES:
            _remove(path)


def _found(folder: Path, ending: str) -> list[tuple[Path, os.stat_result]]:
    out = []
    for path in folder.glob("*" + ending):
        with suppress(OSError):  # another program thins out, too
            out.append((path, path.stat()))
    return out


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _plain(specs: Sequence[TensorSpec]) -> list[Any]:
    return [[s.name, list(s.shape), s.dtype] for s in specs]


def _specs(rows: Sequence[Any]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name, tuple(shape), dtype) for name, shape, dtype in rows)
