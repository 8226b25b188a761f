from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mien.cli import checks
from mien.cli.checks import Finding
from mien.cli.main import app

AREAS = {"system", "packages", "inference", "mediapipe", "default preset", "video", "cameras", "space"}


def _only(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    monkeypatch.setattr(checks, "run_checks", lambda: list(findings))


def test_it_looks_at_everything_and_capture_can_run_here() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    table = json.loads(result.stdout)
    assert [f for f in table["findings"] if f["state"] == "problem"] == []
    assert (result.exit_code, table["ok"]) == (0, True)
    assert {f["area"] for f in table["findings"]} >= AREAS
    values = {f["name"]: f["value"] for f in table["findings"]}
    assert "bytes for two frames" in values["write h264"]
    assert values["used"] in ("openvino", "onnxruntime")
    for backend in ("openvino", "onnxruntime"):
        assert re.fullmatch(r"ran [\w.-]+ in [\d.]+ ms", values[backend]), values[backend]


def test_a_problem_is_said_on_stderr_with_advice_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, Finding("video", "write h264", "no encoder", "problem", "pip install av"))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "problem: write h264: no encoder -> pip install av" in result.stderr
    assert "cannot run here yet" in result.stdout


def test_a_preset_that_cannot_run_here_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    from mien.pipeline import config

    shipped = config.load_config
    tables = {
        "same": shipped("balanced"),
        "own": {**shipped("balanced"), "landmarks": {"use": "landmarks/hrnet98", "model": "not-there"}},
    }
    monkeypatch.setattr(config, "preset_names", lambda: list(tables))
    monkeypatch.setattr(config, "load_config", lambda name="same": tables[name])
    (finding,) = checks.check_other_presets()
    assert (finding.name, finding.state) == ("own", "note")
    assert "no shipped model 'not-there'" in finding.value


def test_warnings_and_notes_do_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, Finding("a", "b", "c", "warning", "d"), Finding("a", "e", "f", "note"))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert "warning: b: c -> d" in result.stderr
    assert "Mien can run here." in result.stdout


def _pretend(monkeypatch: pytest.MonkeyPatch, **packages: str | None) -> None:
    real = checks._installed
    table = {k.replace("_", "-"): v for k, v in packages.items()}
    monkeypatch.setattr(checks, "_installed", lambda p: table[p] if p in table else real(p))


def test_two_cv2_packages_clash(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, opencv_python="4.1", opencv_contrib_python="4.1", opencv_python_headless=None)
    (finding,) = [f for f in checks.check_conflicts() if f.name == "cv2"]
    assert finding.state == "warning"
    assert "pip uninstall opencv-python;" in finding.advice


def test_numpy_2_with_mediapipe_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, numpy="2.1.0", mediapipe="0.10.21")
    assert [f.advice for f in checks.check_conflicts() if f.name == "numpy"] == ["pip install 'numpy<2'"]
    _pretend(monkeypatch, numpy="1.26.4")
    assert [f for f in checks.check_conflicts() if f.name == "numpy"] == []


def test_missing_packages_name_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_installed", lambda package: None)
    found = {f.name: f for f in checks.check_packages()}
    assert found["av"].state == "problem"
    assert found["av"].advice.startswith("pip install 'av")
    assert (found["mediapipe"].state, found["mediapipe"].value) == (
        "note",
        "not installed: pip install 'mien[mediapipe]'",
    )
    assert "ruff" not in found


def test_a_missing_libgl_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

    _pretend(monkeypatch, mediapipe="0.10.21")
    monkeypatch.setattr(checks.importlib, "import_module", fail)
    (finding,) = checks.check_mediapipe()
    assert finding.state == "warning"
    assert "apt-get install libgl1" in finding.advice


def test_mediapipe_without_models_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mediapipe")
    monkeypatch.setattr(checks, "MEDIAPIPE_MODELS", ("face_landmark/gone.tflite",))
    (finding,) = checks.check_mediapipe()
    assert "gone.tflite" in finding.value


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Finding]:
        raise RuntimeError("boom")

    monkeypatch.setattr(checks, "check_codecs", broken)
    for name in ("check_preset", "check_other_presets", "check_mediapipe", "check_inference"):
        monkeypatch.setattr(checks, name, list)
    monkeypatch.setattr(checks, "check_cameras", broken)
    found = {f.area: f for f in checks.run_checks() if "boom" in f.value}
    assert found["video"].state == "problem"
    assert found["cameras"].state == "warning"


def test_each_check_is_shown_as_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def slowly() -> Iterator[Finding]:
        yield Finding("system", "first", "seen")
        assert any("first: seen" in line for line in shown), "before the next one is looked at"
        yield Finding("space", "second", "seen")

    monkeypatch.setattr(checks, "run_checks", slowly)
    monkeypatch.setattr("typer.echo", lambda text, err=False: shown.append(text))
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 0
    assert shown[-1] == "Mien can run here."


def test_space_of_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    assert checks.check_space(folder)[0].value.startswith("writable")
    assert not folder.exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checks.tempfile, "NamedTemporaryFile", refuse)
    assert checks.check_space(tmp_path)[0].state == "problem"
