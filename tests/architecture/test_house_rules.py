"""House rules that are cheap to check: sizes, names, what importing costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mien

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "mien").rglob("*.py"))
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "misc.py", "common.py"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500
    assert path.name not in FORBIDDEN_NAMES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 80, f"{node.name} is longer than 80 lines"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_modules_with_code_say_what_lives_there(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if tree.body:
        assert ast.get_docstring(tree), "module docstring: what lives here, and the one idea"


def test_public_names_are_these() -> None:
    assert mien.__all__ == ["Face", "FrameRecord", "MienError", "Take", "capture", "load_take"]
    for name in mien.__all__:
        assert getattr(mien, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mien.nonsense


HEAVY = ["torch", "cv2", "numpy", "av", "mediapipe", "openvino", "onnxruntime", "pyarrow", "numba", "scipy"]


def _modules_after(code: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_importing_mien_does_no_work() -> None:
    assert not _modules_after("import mien") & set(HEAVY)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['mien', '--help']\nfrom mien.cli.main import app\ntry: app()\nexcept SystemExit: pass"
    )
    assert not _modules_after(code) & set(HEAVY)
