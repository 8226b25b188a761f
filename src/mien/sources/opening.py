"""From what a person types to an open source: one rule for the command line and the library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mien.errors import ConfigError, SourceError
from mien.pipeline.stage import Source, Span
from mien.sources.files import existing

_WHOLE = Span()
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+)://")
_CAMERA = re.compile(r"^camera(?::(\d+))?$")
_BUILT_IN = {"demo", "builtin"}


def open_source(spec: str | Path | int, *, span: Span = _WHOLE, options: Mapping[str, object] | None = None) -> Source:
    """Open whatever `spec` names.

    Args:
        spec: "demo" or "builtin" (the built-in clip); "camera:0", 0 or "/dev/video0" (a camera); an address
            with a scheme (a stream; file:// = a file); a path: *.parquet or the folder of a capture (a take),
            another folder or a picture (photos), anything else (a video). Digits alone are a camera unless a file
            has this name.
        span: part to deliver.
        options: options of the source that it turns out to be.

    Raises:
        SourceError: nothing is there, or it cannot be read.
        ConfigError: an option that this source does not have, or a wrong value.
    """
    if isinstance(spec, int):
        return _make("camera:CameraSource", spec, span, options)
    text = str(spec)
    scheme = _SCHEME.match(text)
    if isinstance(spec, str):
        camera = _CAMERA.match(text)
        if camera:
            return _make("camera:CameraSource", int(camera[1] or 0), span, options)
        if text.startswith("camera:") and not Path(text).exists():
            raise SourceError(f"{text}: cameras have numbers: camera:0 is the first; `mien doctor` lists them")
        if text.isascii() and text.isdigit() and not Path(text).exists():
            return _make("camera:CameraSource", int(text), span, options)
        if text in _BUILT_IN and not Path(text).exists():
            return _make("synthetic:SyntheticSource", None, span, options)
        if scheme and scheme[1].lower() == "file":
            text = _path_of_file_url(text)
        elif scheme:
            return _open_stream(text, scheme[1].lower(), span, options)
    return _open_path(text, span, options)


def _open_stream(url: str, scheme: str, span: Span, options: Mapping[str, object] | None) -> Source:
    from mien.sources.stream import SCHEMES

    if scheme not in SCHEMES:
        raise SourceError(f"{scheme}://: streams of this kind are not known; known: {', '.join(sorted(SCHEMES))}")
    return _make("stream:StreamSource", url, span, options)


def _open_path(text: str, span: Span, options: Mapping[str, object] | None) -> Source:
    if not text.strip():
        raise SourceError('no source named; give a file, a folder, "camera:0", an address or "demo"')
    if re.match(r"^/dev/video\d+$", text):
        return _make("camera:CameraSource", text, span, options)
    path = existing(text)
    if path.is_dir():
        from mien.take.reader import PARTS_FOLDER, TAKE_FILE

        if (path / TAKE_FILE).exists() or (path / PARTS_FOLDER).is_dir():
            return _make("replay:ReplaySource", text, span, options)
        return _make("images:ImageFolderSource", text, span, options)
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _make("replay:ReplaySource", text, span, options)
    from mien.sources.images import SUFFIXES

    return _make("images:PhotoSource" if suffix in SUFFIXES else "video:VideoSource", text, span, options)


def _make(target: str, argument: Any, span: Span, options: Mapping[str, object] | None) -> Source:
    """Import the module late and build the source; `argument` None = it takes none."""
    module_name, _, class_name = target.partition(":")
    module = import_module(f"mien.sources.{module_name}")
    kind = getattr(module, class_name)
    arguments: list[Any] = [] if argument is None else [argument]
    keywords: dict[str, Any] = {"span": span}
    if options:
        schema = getattr(kind, "Options", None) or getattr(module, "Options", None)
        if schema is None:
            raise ConfigError(f"source: a {module_name} source takes no options, got {', '.join(sorted(options))}")
        try:
            keywords["options"] = schema.model_validate(dict(options))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            known = ", ".join(sorted(schema.model_fields))
            raise ConfigError(f"source.{key}: {first['msg']}; options of {module_name}: {known}") from error
    source: Source = kind(*arguments, **keywords)
    return source


def _path_of_file_url(url: str) -> str:
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(url).path)
