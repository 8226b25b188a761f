"""Rows of a long run: what a stop leaves is gone on with, what belongs to somebody else is left alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mien.errors import RequestError
from mien.lab.evaluate.row_file import RowFile

HOW = {"films": 3, "seed": 7}


@dataclass(frozen=True)
class Row:
    name: str
    value: float


def read(fields: Mapping[str, Any]) -> Row:
    return Row(**fields)


def opened(path: Path | None, how: Mapping[str, Any] = HOW) -> RowFile[Row]:
    return RowFile(path, how, read, "rows")


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.jsonl"
    opened(path).add(Row("a", 1.0))
    assert opened(path).rows == [Row("a", 1.0)]
    with path.open("a") as file:
        file.write('{"name": "b", "val')
    again = opened(path)
    again.add(Row("b", 2.0))
    assert opened(path).rows == [Row("a", 1.0), Row("b", 2.0)]


@pytest.mark.parametrize("length", [0, 1, 9, -1])
def test_a_stop_while_the_first_line_is_written_costs_nothing(tmp_path: Path, length: int) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(HOW)}\n"[:length])
    file = opened(path)
    assert file.rows == []
    file.add(Row("a", 1.0))
    assert opened(path).rows == [Row("a", 1.0)]


@pytest.mark.parametrize("text", ["mine", "mine\n", '{"films": 4, "se', "[]", "\n", '{"films": 3, "seed": 7}\n{}\n'])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    with pytest.raises(RequestError, match=r"rows\.jsonl: is no file of this command"):
        opened(path)
    assert path.read_text() == text


def test_rows_of_another_request_are_refused_with_the_difference(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    opened(path).add(Row("a", 1.0))
    with pytest.raises(RequestError, match=r"another request \(seed was 7, is 8\): name another file"):
        opened(path, {**HOW, "seed": 8})


def test_what_is_no_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be read or written: Is a directory: name another file"):
        opened(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="cannot be read or written"):
        opened(tmp_path / "file" / "rows.jsonl")
    path = tmp_path / "folder" / "rows.jsonl"
    file = opened(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RequestError, match="Is a directory"):
        file.add(Row("a", 1.0))


def test_without_a_path_rows_are_kept_in_memory() -> None:
    file = opened(None)
    file.add(Row("a", 1.0))
    assert file.rows == [Row("a", 1.0)]
