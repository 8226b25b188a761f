"""`mien export` from the command line's side, in this process."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mien.cli.main import main
from mien.core.measures import Blendshapes, Box
from mien.core.record import Face, FrameRecord, Stamp
from mien.pipeline.registry import EXPORTERS
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.sinks.parquet import ParquetSink
from mien.take.reader import load_take


@pytest.fixture
def take(tmp_path: Path) -> Path:
    folder = tmp_path / "take"
    sink = ParquetSink(folder=folder)
    sink.open(TakeHeader(SourceInfo("clip.mp4", "video", (96, 80))))
    for i in range(4):
        shapes = Blendshapes.of([i / 4] * 52, [1.0] * 52)
        face = Face(Box([0, 0, 9, 9], 0.9), 3, blendshapes=shapes)
        sink.write(FrameRecord(Stamp("clip.mp4", i, i * 40_000_000), (96, 80), None, (face,)))
    sink.close(TakeSummary("complete", 4))
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["mien", "export", *map(str, arguments)])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_one_file_several_files_and_the_folder_of_the_take(
    take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, take, "--to", "unity", "--out", tmp_path / "new" / "Smile.anim") == 0
    assert "m_Name: Smile\n" in (tmp_path / "new" / "Smile.anim").read_text()
    capsys.readouterr()
    assert run(monkeypatch, take, "--to", "json,vrma", "--out", tmp_path / "both", "--json") == 0
    made = json.loads(capsys.readouterr().out)["outputs"]
    assert made == [str(tmp_path / "both" / n) for n in ("take.json", "take.vrma")]
    assert run(monkeypatch, take / "take.parquet", "--to", "unreal", "--set", "unreal.names=metahuman") == 0
    assert {p.name for p in take.iterdir()} == {
        "take.parquet",
        "take.unreal.json",
        "take.unreal.csv",
        "take.unreal.py",
    }
    assert run(monkeypatch, take, "--to", "unreal") == 0, "what Mien made may be made again"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "untiy"], 'no output "untiy"; did you mean "unity"?'),
        (["--to", "xyz"], "known: blender, bvh, "),
        (["--to", " , "], "--to names no format"),
        ([], "mien export TAKE --to NAME"),
        (["--to", "unity", "--set", "unity.paht=1"], 'unknown key "paht"; did you mean "path"?'),
        (["--to", "unity", "--set", "vrma.head=false"], "options are those of unity"),
        (["--to", "json", "--face", "9"], "has no face 9; its 1 face: 3"),
        (["--to", "csv,report", "--face", "3"], '"report" is about everybody'),
    ],
)
def test_a_wrong_request_is_one_clear_line(
    arguments: list[str],
    message: str,
    take: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, take, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert {p.name for p in take.iterdir()} == {"take.parquet"}, "nothing was written"


def test_files_of_somebody_else_stay(
    take: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (take / "take.json").write_text("mine")
    assert run(monkeypatch, take, "--to", "json") == 2
    assert "take.json is there already" in capsys.readouterr().err
    assert (take / "take.json").read_text() == "mine"
    assert run(monkeypatch, take, "--to", "json", "--out", take / "take.parquet") == 2
    assert "the take itself" in capsys.readouterr().err
    assert run(monkeypatch, take, "--to", "json", "--overwrite") == 0
    assert json.loads((take / "take.json").read_text())["track_id"] == 3


def test_a_take_again(
    take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, take, "--to", "parquet") == 2
    assert "the take itself" in capsys.readouterr().err
    assert run(monkeypatch, take, "--to", "parquet,json", "--out", tmp_path / "copy") == 0
    before, after = load_take(take), load_take(tmp_path / "copy")
    assert pq.read_table(after.path).equals(pq.read_table(before.path), check_metadata=True)
    assert (after.header, after.summary) == (before.header, before.summary)
    capsys.readouterr()
    assert run(monkeypatch, take, "--to", "parquet", "--out", tmp_path / "copy") == 2
    assert "take.parquet is there already" in capsys.readouterr().err, "a take is never replaced unasked"
    assert run(monkeypatch, take, "--to", "parquet", "--out", tmp_path / "copy", "--overwrite", "--face", 3) == 0
    assert run(monkeypatch, take, "--to", "parquet", "--set", "parquet.x=1", "--out", tmp_path / "other") == 2
    assert "takes no options" in capsys.readouterr().err


def test_one_file_goes_into_a_folder_without_an_ending(
    take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, take, "--to", "json", "--out", tmp_path / "folder") == 0
    assert (tmp_path / "folder" / "take.json").is_file()


@pytest.mark.parametrize("name", [n for n in EXPORTERS if n not in ("csv", "parquet", "report")])
def test_every_format_that_shows_a_person_can_be_calm_and_fade(
    name: str, take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--set", f"{name}.smooth=true", "--set", f"{name}.lost=fade")
    assert run(monkeypatch, take, "--to", name, "--out", tmp_path / "x", *options) == 0


def test_the_list_names_every_format_and_its_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--list") == 0
    told = capsys.readouterr().out
    assert [line.split()[0] for line in told.splitlines() if not line.startswith(" ")] == list(EXPORTERS)
    assert "unity.path = ''" in told


def test_a_missing_extra_names_the_install_line(
    take: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "mien.sinks.exporters.usd", raising=False)
    monkeypatch.setitem(sys.modules, "pxr", None)
    assert run(monkeypatch, take, "--to", "usd") == 1
    assert "needs usd-core, which is not installed: pip install 'mien[usd]'" in capsys.readouterr().err
