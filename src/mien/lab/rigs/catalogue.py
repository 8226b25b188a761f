"""Which rigs there are, by name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from mien.errors import ConfigError
from mien.lab.rigs.rig import Rig

_LOADERS = {
    "ict": "mien.lab.rigs.ict_rig:load_ict_rig",
    "makehuman": "mien.lab.rigs.makehuman_rig:load_makehuman_rig",
    "valid": "mien.lab.rigs.valid_rig:load_valid_rig",
}
NAMES = ("builtin", *_LOADERS)


def load_rig(name: str, folder: str | Path | None = None) -> Rig:
    """A rig by name.

    Args:
        name: one of `NAMES`.
        folder: where the user put its files; "builtin" needs none.

    Raises:
        ConfigError: unknown name, or a folder is needed.
        SourceError: the folder does not hold this rig.
    """
    if name == "builtin":
        return cast(Rig, import_module("mien.lab.rigs.builtin_rig").builtin_rig())
    if name not in _LOADERS:
        raise ConfigError(f"there is no rig {name!r}: choose one of {', '.join(NAMES)}")
    if folder is None:
        raise ConfigError(f"the rig {name!r} is not part of Mien: name the folder that holds its files")
    module, _, function = _LOADERS[name].partition(":")
    return cast(Rig, getattr(import_module(module), function)(folder))
