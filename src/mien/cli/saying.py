"""What the command line says. A message that cannot be written decides nothing: the work goes on without it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

import typer

from mien.core.text import storable


def say(text: str) -> None:
    """A line on standard error, if there is anybody to read it."""
    try:
        typer.echo(storable(text), err=True)
    except (OSError, ValueError):
        _silence(sys.stderr)


def say_loading() -> None:
    """Said before the first slow import: networks take seconds to load, compiling them for the first time more."""
    say("Loading networks ...")


def printed(text: str) -> bool:
    """Put a result on standard output; False = it could not be written, which standard error was told."""
    try:
        typer.echo(text)
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        _silence(sys.stdout)
        say(f"mien: the result cannot be written to standard output: {getattr(error, 'strerror', None) or error}")
        return False
    return True


def _silence(stream: TextIO | None) -> None:
    """Lead a stream that is gone or full to nowhere: what it still holds would fail again at the end."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]
        os.close(nowhere)


def keep_standard_streams() -> None:
    """Open the streams that the caller closed: an output file must not get their number, and with it other
    libraries' messages."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)
