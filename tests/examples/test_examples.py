"""Every example runs, and what it prints makes sense for the built-in clip."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def _main(name: str) -> Callable[..., None]:
    spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    main: Callable[..., None] = module.main
    return main


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_examples_are_short_and_tested(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 80
    assert f"def test_{path.stem}(" in Path(__file__).read_text(encoding="utf-8")


def test_capture_to_csv(capsys: pytest.CaptureFixture[str]) -> None:
    _main("capture_to_csv")()
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    smile = [float(row["AU12"]) for row in rows if row["AU12"] != "nan"]
    assert len(smile) > 50
    assert max(smile) > 1.5, "the clip smiles"
    assert min(smile) < 1.0, "and stops smiling"
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds)


def test_strongest_moments(capsys: pytest.CaptureFixture[str]) -> None:
    _main("strongest_moments")()
    moved = {line.split()[1] for line in capsys.readouterr().out.splitlines()}
    assert {"jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight"} <= moved


def test_nod_or_shake(capsys: pytest.CaptureFixture[str]) -> None:
    _main("nod_or_shake")()
    out = capsys.readouterr().out
    assert "still" in out
    assert "turns or shakes" in out


@pytest.mark.parametrize("path", [*EXAMPLES, ROOT / "benchmarks" / "pipeline.py"], ids=lambda p: p.stem)
def test_a_missing_file_is_one_line(path: Path, tmp_path: Path) -> None:
    option = ["--clip"] if path.parent.name == "benchmarks" else []
    command = [sys.executable, str(path), *option, str(tmp_path / "gone.mp4")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "gone.mp4: no such file" in run.stderr
    assert "Traceback" not in run.stderr
