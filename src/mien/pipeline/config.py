"""Presets: TOML files that say which stages run in which order, which outputs are made, and their options.

Unknown key = error, with the nearest known name. The resolved configuration is plain data and is stored in
every take.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from mien.errors import ConfigError
from mien.pipeline.registry import EXPORTERS, SINKS, suggestion

MAX_PRESET_BYTES = 256 * 1024
_HEAD = {"description", "stages", "outputs"}
_FREE = {"source"}
"""Tables that are always allowed: `[source]` holds the options of whatever is captured."""


def preset_names() -> list[str]:
    """Names of the presets that ship."""
    folder = files("mien.pipeline") / "presets"
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))


def load_config(preset: str = "balanced", overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Read a preset (a shipped name, or the path of a TOML file) and apply `key.sub=value` overrides.

    Returns:
        {"preset", "stages": [slot, ...], "outputs": [name, ...], slot or output name: {options}}.

    Raises:
        ConfigError: unknown preset or key, damaged file, wrong kind of value.
    """
    config = _read_preset(preset)
    _check_shape(config, f'preset "{preset}"')
    tables = set(config)
    for override in sorted(overrides, key=lambda text: not _names_part(text)):  # a part first, then its options
        _apply(config, override, tables)
    _check_shape(config, f'preset "{preset}" with --set')
    return {"preset": preset if preset in preset_names() else Path(preset).name, **config}


def _read_preset(preset: str) -> dict[str, Any]:
    """A preset's tables; `extends = "name"` starts from a shipped preset and replaces what is said again."""
    try:
        config = tomllib.loads(_preset_text(preset))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f'preset "{preset}" is not valid TOML: {error}') from None
    base = config.pop("extends", None)
    if base is None:
        return config
    if base == preset or base not in preset_names():
        raise ConfigError(f'preset "{preset}" extends "{base}"{suggestion(str(base), preset_names())}')
    return _merged(_read_preset(base), config)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in changes.items():
        both_tables = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merged(out[key], value) if both_tables and not _other_part(out[key], value) else value
    return out


def _other_part(base: dict[str, Any], changes: dict[str, Any]) -> bool:
    """Whether a table names another part than before: the options of the old one mean nothing to it."""
    return "use" in changes and "use" in base and changes["use"] != base["use"]


def _preset_text(preset: str) -> str:
    if preset in preset_names():
        return (files("mien.pipeline") / "presets" / f"{preset}.toml").read_text(encoding="utf-8")
    path = Path(preset)
    if path.suffix != ".toml":
        raise ConfigError(f'there is no preset "{preset}"{suggestion(preset, preset_names())} (or give a .toml file)')
    try:
        if path.stat().st_size > MAX_PRESET_BYTES:
            raise ConfigError(f"preset file {preset} is larger than {MAX_PRESET_BYTES // 1024} kB: not a preset")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"preset file {preset} cannot be read: {error}") from None


def _check_shape(config: Mapping[str, Any], where: str) -> None:
    """Lists are lists of names, everything else is a table of a stage slot or an output."""
    for key in ("stages", "outputs"):
        value = config.get(key)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise ConfigError(f"{where}: {key} must be a list of names, got {value!r}")
        if len(set(value)) != len(value):
            raise ConfigError(f"{where}: {key} names something twice: {', '.join(value)}")
    for name in config["outputs"]:
        if name not in SINKS and name not in EXPORTERS:
            raise ConfigError(f'{where}: there is no output "{name}"{suggestion(name, [*SINKS, *EXPORTERS])}')
    for name in config["stages"]:
        table = config.get(name)
        if not isinstance(table, dict) or not isinstance(table.get("use"), str):
            raise ConfigError(f'{where}: stage "{name}" needs a table [{name}] with use = "room/part"')
    known = {name for name, table in config.items() if isinstance(table, dict) and "use" in table}
    for key in config:
        allowed = {*_HEAD, *_FREE, *known, *SINKS, *EXPORTERS}
        if key not in allowed:
            raise ConfigError(f'{where}: unknown key "{key}"{suggestion(key, allowed)}')
        if key not in _HEAD and not isinstance(config[key], dict):
            raise ConfigError(f'{where}: "{key}" must be a table of options, got {config[key]!r}')


def _apply(config: dict[str, Any], override: str, tables: set[str]) -> None:
    key, separator, text = override.partition("=")
    path = [part.strip() for part in key.split(".")]
    if not separator or not all(path):
        raise ConfigError(f'--set {override}: expected key.sub=value, such as "detect.max_faces=3"')
    top = path[0]
    allowed = {*tables, *_HEAD, *_FREE, *SINKS, *EXPORTERS}
    if top not in allowed:
        raise ConfigError(f'--set {override}: unknown key "{top}"{suggestion(top, allowed)}')
    target = config
    for part in path[:-1]:
        target = target.setdefault(part, {})
        if not isinstance(target, dict):
            raise ConfigError(f'--set {override}: "{part}" is a value, not a table')
    value = _value(text)
    if _other_part(target, {path[-1]: value}):
        target.clear()
    target[path[-1]] = value


def _names_part(override: str) -> bool:
    return override.partition("=")[0].strip().endswith(".use")


def _value(text: str) -> Any:
    """A TOML value if it reads as one, else the text itself."""
    try:
        return tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()
