"""Rows of a long run, kept in a file as soon as each is finished: a stopped run goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

from mien.errors import RequestError

Row = TypeVar("Row")


class RowFile(Generic[Row]):
    """The rows finished so far, one JSON object per line; the first line says what was asked for. A line that a stop
    has cut off is left out, be it the first.

    Args:
        path: made if it is missing; None = nothing is kept.
        how: plain data; rows of anything else are refused.
        read: a row, a dataclass, of its fields; `ValueError`, `TypeError` or `KeyError` if they are none.
        name: what a refusal calls the rows.

    Raises:
        RequestError: the file holds rows of another request, is no such file, or cannot be read or written.
    """

    def __init__(
        self, path: Path | None, how: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Row], name: str
    ) -> None:
        self.rows: list[Row] = []
        self._path = path
        if path is None:
            return
        with _explained(path):
            whole = path.read_bytes() if path.exists() else b""
            first_line = f"{json.dumps(how)}\n".encode()
            if first_line.startswith(whole):  # nothing yet, or a stop while this very line was written
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(first_line)
                return
            self.rows += self._read(path, whole, how, read, name)

    @staticmethod
    def _read(
        path: Path, whole: bytes, how: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Row], name: str
    ) -> list[Row]:
        kept = whole[: whole.rfind(b"\n") + 1]
        try:
            first, *rest = kept.decode("utf-8").splitlines()
            before, rows = json.loads(first), [read(json.loads(line)) for line in rest]
        except (ValueError, TypeError, KeyError) as error:
            raise RequestError(f"{path}: is no file of this command ({error}): name another one") from None
        if before != json.loads(json.dumps(how)):
            raise RequestError(f"{path}: {_difference(name, before, how)}: name another file")
        if len(kept) < len(whole):
            path.write_bytes(kept)
        return rows

    def add(self, row: Row) -> None:
        """Keep a row.

        Raises:
            RequestError: the file cannot be written.
        """
        self.rows.append(row)
        if self._path is not None:
            with _explained(self._path), self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")  # type: ignore[call-overload]  # a dataclass


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RequestError(f"{path} cannot be read or written: {error.strerror or error}: name another file") from None


def _difference(name: str, before: Any, now: Mapping[str, Any]) -> str:
    names = [k for k in now if not isinstance(before, dict) or before.get(k) != now[k]]
    if not isinstance(before, dict) or not names:
        return f"its {name} are of another request"
    parts = [f"{k} was {before.get(k)}, is {now[k]}" for k in names]
    return f"its {name} are of another request ({'; '.join(parts)})"
