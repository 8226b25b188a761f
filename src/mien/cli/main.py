"""The `mien` command: dispatch, and the one place where errors become words and exit codes.

Exit codes: 0 done, 1 the work failed, 2 the request was wrong, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback

import typer

from mien.cli.animate import animate
from mien.cli.avatar import avatar
from mien.cli.calibrate import calibrate
from mien.cli.capture import capture, demo
from mien.cli.doctor import doctor
from mien.cli.export import export
from mien.cli.lab import lab
from mien.cli.live import live, receive
from mien.cli.models import models
from mien.cli.render import render
from mien.cli.saying import keep_standard_streams, say
from mien.cli.spot import spot
from mien.cli.studio import studio
from mien.errors import MienError, RequestError

app = typer.Typer(
    name="mien",
    help="Give a virtual character a real person's face: video in; landmarks, action units, an animated character out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(capture)
app.command()(demo)
app.command()(calibrate)
app.command()(spot)
app.command()(animate)
app.command()(export)
app.command()(render)
app.command()(live)
app.command()(receive)
app.command()(studio)
app.command()(models)
app.command()(doctor)
app.add_typer(avatar, name="avatar")
app.add_typer(lab, name="lab")


_THREADS_OF_PRODUCTS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
"""OpenBLAS asks for them in this order."""


def _version(show: bool) -> None:
    if show:
        from importlib.metadata import version

        typer.echo(f"mien {version('mien')}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    pass


def _one_thread_for_products() -> None:
    """NumPy multiplies small matrices here, many a frame: OpenBLAS's second thread gains nothing by them and waits
    busily between two of them, on a core that the capture needs. What the user says goes first; the laboratory
    multiplies large ones.
    """
    if sys.argv[1:2] != ["lab"] and not any(name in os.environ for name in _THREADS_OF_PRODUCTS):
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded, which it is not yet


def main() -> None:
    """Entry point of the console script."""
    keep_standard_streams()
    _one_thread_for_products()
    try:
        app()
    except MienError as error:
        say(f"mien: error: {error}")
        sys.exit(2 if isinstance(error, RequestError) else 1)
    except KeyboardInterrupt:
        say("mien: interrupted")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  a bug: say so in one line, the traceback on request
        if os.environ.get("MIEN_TRACEBACK"):
            say(traceback.format_exc())
        hint = "set MIEN_TRACEBACK=1 to see where, and please report it"
        say(f"mien: internal error: {type(error).__name__}: {error} ({hint})")
        sys.exit(1)


if __name__ == "__main__":
    main()
