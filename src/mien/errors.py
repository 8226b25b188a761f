"""Every error Mien raises on purpose.

    MienError                    something that Mien can explain
    ├── RequestError             what was asked for cannot be done (exit code 2)
    │   ├── ConfigError          unknown preset, unknown key, wrong value
    │   └── WiringError          a stage reads a field that nothing before it writes
    ├── SourceError              a video, image, camera or take cannot be read
    ├── StageError               a stage failed on a frame
    ├── SinkError                an output cannot be written (disk full, folder not writable)
    ├── ModelError               a model file is missing, damaged or does not match its card
    └── MissingExtraError        an optional package is not installed

A message says what failed, where (stage, source, frame) and what to do about it.
The command line turns these into one line on standard error: exit code 2 for
`RequestError`, 1 for all others.
"""

from __future__ import annotations


class MienError(Exception):
    """Base of all errors that Mien raises on purpose."""


class RequestError(MienError):
    """The request itself is wrong; nothing was started."""


class ConfigError(RequestError):
    """Unknown preset, unknown key, or a value of the wrong kind."""


class WiringError(RequestError):
    """The composed pipeline reads a field before anything writes it."""


class SourceError(MienError):
    """A source cannot be opened or broke while being read. Frames delivered before remain valid."""


class StageError(MienError):
    """A stage failed on a frame; the message names the stage, the source and the frame."""


class SinkError(MienError):
    """An output cannot be written."""


class ModelError(MienError):
    """A model file is missing, damaged, or does not match its card."""


class MissingExtraError(MienError):
    """An optional package is needed and not installed.

    Args:
        package: what could not be imported.
        extra: the extra of the `mien` distribution that brings it.
        purpose: what it is needed for, as a noun phrase.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}, which is not installed: pip install 'mien[{extra}]'")
