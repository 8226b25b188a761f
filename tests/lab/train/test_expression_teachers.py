"""Expression networks that older ones teach, and runs that begin with another's weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_expressions import NAMES, RECIPE

from mien.errors import ConfigError, ModelError, RequestError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.evaluate.expression_readers import by_name, reader_of
from mien.lab.models.expression.catalogue import make
from mien.lab.train.expression import begin_with, train
from mien.lab.train.expression_faces import read_faces
from mien.lab.train.expression_plan import Request, plan_of
from mien.lab.train.expression_task import ExpressionTask, probabilities
from mien.lab.train.expression_teachers import taught


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_teachers_are_mixed_with_the_labels(striped_faces: Path, tmp_path: Path) -> None:
    recipe, out = tmp_path / "r.toml", tmp_path / "run"
    recipe.write_text(RECIPE)
    train(Request((f"folder:{striped_faces}",), out, recipe=recipe, threads=1))
    teacher = str(out / "best.pt")
    faces = read_faces(open_dataset(f"folder:{striped_faces}"), NAMES)
    assert taught(faces, (), 0.5) == (faces, ())
    half, names = taught(faces, (teacher,), 0.5)
    assert names == ("compact (run)",)
    np.testing.assert_allclose(half.probabilities.sum(axis=1), 1, atol=1e-5)
    said = 2 * half.probabilities - faces.probabilities
    assert -1e-5 <= said.min() < 0.3 < said.max() <= 1 + 1e-5
    whole, _ = taught(faces, (teacher, teacher), 1.0)
    np.testing.assert_allclose(whole.probabilities, said, atol=1e-5)
    with pytest.raises(ConfigError, match="taught: 1.5"):
        taught(faces, (teacher,), 1.5)


def test_a_run_with_other_teachers_or_another_start_does_not_go_on(striped_faces: Path, tmp_path: Path) -> None:
    recipe, first, out = tmp_path / "r.toml", tmp_path / "first", tmp_path / "run"
    recipe.write_text(RECIPE)
    train(Request((f"folder:{striped_faces}",), first, recipe=recipe, threads=1))
    recipe.write_text(RECIPE.replace("held_out = 0.2", f'held_out = 0.2\nteachers = ["{first / "best.pt"}"]'))
    request = Request(
        (f"folder:{striped_faces}",), out, recipe=recipe, threads=1, steps=20, start=str(first / "best.pt")
    )
    train(request)
    with pytest.raises(RequestError, match="was trained as"):
        train(replace(request, start="", steps=30))
    recipe.write_text(RECIPE)
    with pytest.raises(RequestError, match="was trained as"):
        train(replace(request, steps=30))


def test_a_run_begins_with_a_shipped_model(striped_faces: Path) -> None:
    recipe = Path(__file__).resolve().parents[3] / "recipes" / "expression-compact.toml"
    plan = plan_of(Request((f"folder:{striped_faces}",), Path("run"), recipe=recipe))
    faces = read_faces(open_dataset(f"folder:{striped_faces}"), NAMES)
    task = ExpressionTask(make(plan.model, 7), plan.task, faces, faces, batch=8, half=False)
    begin_with(task, "expression48")
    reader = reader_of("expression48", flip=False)
    expected = by_name(reader.read(faces), reader.classes, NAMES)
    reader.close()
    np.testing.assert_allclose(probabilities(task.net.eval(), faces, 48), expected, atol=0.02)


def test_a_run_begins_with_the_weights_of_another(striped_faces: Path, tmp_path: Path) -> None:
    recipe, first = tmp_path / "r.toml", tmp_path / "first"
    recipe.write_text(RECIPE)
    request = Request((f"folder:{striped_faces}",), first, recipe=recipe, threads=1)
    before = train(request)["best_held_out_error"]
    onward = replace(request, out=tmp_path / "onward", start=str(first / "best.pt"), steps=1)
    assert train(onward)["best_held_out_error"] <= before + 1e-6
    (tmp_path / "broken.pt").write_bytes(b"no")
    with pytest.raises(ModelError, match=r"broken\.pt"):
        train(replace(onward, out=tmp_path / "other", start=str(tmp_path / "broken.pt")))
