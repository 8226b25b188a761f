"""A fingerprint of everything that decides what an order's pictures look like, so that two states are never mixed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from mien.lab.synth.stored.order import Order

_PACKAGES = ("action_units", "avatar", "core", "lab.render", "lab.rigs", "lab.synth")
_NOT_DRAWING = ("fit_", "sequence_report", "sheet", "stream")
_LIBRARIES = ("numpy", "opencv-contrib-python", "numba", "scipy")


def state_of(order: Order) -> str:
    """16 hex digits of Mien's code and data that draw, of the libraries' versions, and of the names and sizes of the
    files of rigs and backgrounds."""
    digest = hashlib.sha256(_code().encode())
    folders = [r.folder for r in order.rigs] + [order.backgrounds]
    for place in folders:
        folder = Path(place) if place else None
        for path in sorted(folder.rglob("*")) if folder else []:
            if folder and path.is_file():
                digest.update(f"{path.relative_to(folder)} {path.stat().st_size}\n".encode("utf-8", "backslashreplace"))
        digest.update(b"\0")
    return digest.hexdigest()[:16]


@cache
def _code() -> str:
    digest = hashlib.sha256("".join(f"{name} {version(name)}\n" for name in _LIBRARIES).encode())
    for package in _PACKAGES:
        for name, data in _files(files(f"mien.{package}")):
            digest.update(f"{package}/{name}\0".encode() + data)
    return digest.hexdigest()


def _files(folder: Traversable) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from ((f"{entry.name}/{name}", data) for name, data in _files(entry))
        elif entry.name.endswith((".py", ".toml")) and not entry.name.startswith(_NOT_DRAWING):
            yield entry.name, entry.read_bytes()
