"""The file of finished turns: what a stop cut off is left out, what is no such file is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from mien.errors import RequestError
from mien.lab.evaluate.micro_turns import Turn, TurnFile

HOW = {"steps": 3, "classes": ["a", "b"]}
TURN = Turn("mdmd", "x/1", 1.5, ("c0", "c1"), ("x/1", "x/1"), ("a", "b"), ("b", "b"), ((1, 6), (2, 9)), ((), ((3, 8),)))


def test_a_turn_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "turns.jsonl"
    TurnFile(file, HOW).add(TURN)
    again = TurnFile(file, HOW)
    assert again.rows == [TURN]
    assert again.find("mdmd", "x/1") == TURN
    assert again.find("mdmd", "x/2") is None
    again.add(replace(TURN, fold="x/0"))
    assert [t.fold for t in TurnFile(file, HOW).of("mdmd", ["x/0", "x/1", "x/2"])] == ["x/0", "x/1"]


def test_a_line_cut_off_by_a_stop_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "turns.jsonl"
    kept = TurnFile(file, HOW)
    kept.add(TURN)
    kept.add(replace(TURN, fold="x/2"))
    file.write_bytes(file.read_bytes()[:-20])
    again = TurnFile(file, HOW)
    assert again.rows == [TURN]
    again.add(replace(TURN, fold="x/3"))
    assert len(TurnFile(file, HOW).rows) == 2


@pytest.mark.parametrize("text", ["not one\n", '{"steps": 3, "classes": ["a", "b"]}\n{"method": "mdmd"}\n'])
def test_another_file_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    file = tmp_path / "turns.jsonl"
    file.write_text(text)
    with pytest.raises(RequestError, match="is no file of this command"):
        TurnFile(file, HOW)
    assert file.read_text() == text


def test_another_request_is_named(tmp_path: Path) -> None:
    file = tmp_path / "turns.jsonl"
    TurnFile(file, HOW)
    with pytest.raises(RequestError, match="steps was 3, is 5"):
        TurnFile(file, {**HOW, "steps": 5})
