"""One writer at a time in a folder: a second one would mix its files with those of the first.

The lock is the system's own on a small file, so it goes with the process that holds it, however that ends; the
file also says which process it is. Where the file system knows no locks, the process number alone decides.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mien.errors import RequestError, SinkError

LOCK_FILE = ".mien-capture.lock"
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_ATTEMPTS = 20

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # a locked byte cannot be read there, and the process number must be

    def _lock(handle: int) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _alive(pid: int) -> bool:
        return True  # os.kill would end it; the lock itself is dependable there
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _alive(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):
            return True
        return True


@contextmanager
def locked(folder: Path, work: str = "capture") -> Iterator[None]:
    """Hold the folder, which exists, until the block ends; `work` says what is being done, as a noun.

    Raises:
        RequestError: another one is writing into it; names its process.
        SinkError: the folder cannot be written.
    """
    path = folder / LOCK_FILE
    try:
        handle = _taken(path, folder, work)
    except OSError as error:
        raise SinkError(f"output folder {folder} cannot be written: {error.strerror or error}") from None
    try:
        yield
    finally:
        # Windows removes no file that is open; elsewhere it goes while it is still locked, so that nobody else's does.
        if os.name == "nt":
            os.close(handle)
        with suppress(OSError):
            path.unlink()
        if os.name != "nt":
            os.close(handle)


def _taken(path: Path, folder: Path, work: str) -> int:
    """A handle on the locked file, which stands under its name."""
    for _ in range(_ATTEMPTS):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            _lock_or_explain(handle, folder, work)
            if os.name == "nt" or _same_file(handle, path):
                os.lseek(handle, 0, os.SEEK_SET)
                os.ftruncate(handle, 0)
                os.write(handle, f"{os.getpid()}\n".encode("ascii"))
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # whoever held it has removed it meanwhile
    raise RequestError(f"{folder}: another {work} starts and ends there all the time; choose another --out")


def _lock_or_explain(handle: int, folder: Path, work: str) -> None:
    try:
        _lock(handle)
    except OSError as error:
        pid = _holder(handle)
        if error.errno in _NO_LOCKS and (pid is None or not _alive(pid)):
            return
        who = f"process {pid}" if pid is not None else "another process"
        raise RequestError(
            f"another {work} ({who}) is writing into {folder}: wait until it has ended, or choose another --out"
        ) from None


def _holder(handle: int) -> int | None:
    os.lseek(handle, 0, os.SEEK_SET)
    text = os.read(handle, 32).strip()
    return int(text) if text.isdigit() else None


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
