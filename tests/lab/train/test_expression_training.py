"""Training of expression networks end to end on made-up faces: crops, parts, resuming, export, evaluation."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_expressions import NAMES, RECIPE
from typer.testing import CliRunner

from mien.cli.main import app
from mien.errors import ConfigError, ModelError, RequestError, SinkError
from mien.expression.network import NetworkExpression, Options
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.pictures import read_picture
from mien.lab.evaluate.expression import Request as EvaluateRequest
from mien.lab.evaluate.expression import evaluate, figures
from mien.lab.metrics.calibration import fit_temperature, reliability
from mien.lab.models.expression.catalogue import make
from mien.lab.train.augment import PLAIN, Augmentation
from mien.lab.train.expression import train
from mien.lab.train.expression_export import Origin, add_scores, export_expression
from mien.lab.train.expression_faces import ExpressionFaces, FoundPoints, parted, placed, read_faces
from mien.lab.train.expression_labels import label_row
from mien.lab.train.expression_plan import Request, plan_of
from mien.lab.train.expression_points import points_of
from mien.lab.train.expression_task import ExpressionSpec, ExpressionTask, class_weights, shake


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def faces_of(count: int = 6) -> ExpressionFaces:
    images = [np.full((20, 30), 40 * i, np.uint8) for i in range(count)]
    place = np.array([[20.0, 0, 4.5], [0, 20, -0.5]])
    rows = np.eye(3, dtype=np.float32)[np.arange(count) % 3]
    return ExpressionFaces(images, np.stack([place] * count), rows, NAMES[:3], tuple(f"p{i}" for i in range(count)))


def test_a_run_learns_resumes_and_becomes_a_model_that_the_runtime_reads(
    striped_faces: Path, recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    request = Request((f"folder:{striped_faces}",), out, recipe=recipe, steps=20, threads=1)
    assert train(request)["steps"] == 20
    result = train(replace(request, steps=60))
    assert result["steps"] == 60
    assert result["best_held_out_error"] < 0.3
    with pytest.raises(RequestError, match="choose another --out"):
        train(replace(request, model="dan"))
    best = out / "best.pt"
    truth = np.arange(70) % 7
    held_out = (np.full((70, 7), 0.1) + 0.3 * np.eye(7)[truth], truth)
    card = export_expression(best, "expression-test", tmp_path / "models", Origin("test"), held_out)
    assert card.outputs[0].schema_name == "expression7"
    assert any("calibration error, after" in s.metric for s in card.scores)
    stage = NetworkExpression(Options(model=str(tmp_path / "models" / "expression-test"), mirrored=False))
    stage.close()
    words = (str(best), str(tmp_path / "models" / "expression-test"))
    runs = evaluate(EvaluateRequest(f"folder:{striped_faces}", words, aligned=False, flip=False))
    first, second = (figures(run) for run in runs)
    assert first["accuracy"] > 0.7
    assert abs(first["accuracy"] - second["accuracy"]) < 0.03
    assert sum(map(sum, first["confusion"])) == first["faces"] == 84
    assert set(first["support"].values()) == {12}
    assert first["latency_ms"] > 0
    assert first["accuracy_interval"][0] <= first["accuracy"] <= first["accuracy_interval"][1]
    with pytest.raises(ModelError, match="no checkpoint of an expression network"):
        torch.save({"format": 1, "facts": {}}, tmp_path / "odd.pt")
        evaluate(EvaluateRequest(f"folder:{striped_faces}", (str(tmp_path / "odd.pt"),), aligned=False))
    shown = CliRunner().invoke(
        app,
        ["lab", "evaluate", "expression", "--data", f"folder:{striped_faces}", "--model", str(best), "--whole",
         "--no-flip", "--json", "--out", str(tmp_path / "figures")],
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    assert told["accuracy"] == first["accuracy"]
    assert set(told) == {"accuracy", "macro_f1", "support", "runs"}
    told_on_card = add_scores(tmp_path / "models" / "expression-test", tmp_path / "figures" / "figures.json", "stripes")
    assert next(s.value for s in told_on_card.scores if s.data == "stripes") == first["accuracy"]
    with pytest.raises(ModelError, match="holds no figures"):
        add_scores(tmp_path / "models" / "expression-test", recipe, "stripes")
    assert (tmp_path / "figures" / "reliability.png").is_file()


def test_pictures_that_a_network_makes_lie_beside_the_figures(
    striped_faces: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = 'name = "pyramid"\nstages = [[8, 1], [16, 1]]\nhidden = 16\nraised = 8\nraised_blocks = 1\n[task]'
    recipe.write_text(model.join(["[model]\n", RECIPE.partition("[task]")[2]]))
    train(Request((f"folder:{striped_faces}",), tmp_path / "drawn", recipe=recipe, steps=1, threads=1))
    words = ["lab", "evaluate", "expression", "--data", f"folder:{striped_faces}", "--whole", "--no-flip", "--model"]
    shown = CliRunner().invoke(app, [*words, str(tmp_path / "drawn" / "best.pt"), "--out", str(tmp_path / "out")])
    assert shown.exit_code == 0, shown.output
    sheet = read_picture(tmp_path / "out" / "pictures-drawn.png")
    assert sheet.shape == (8 * 128, 2 * 128, 3)
    assert sheet[:128, :128].std() > 20, "the face"

    def full(request: object, folder: Path) -> None:
        raise SinkError(f"{folder}: no space left")

    monkeypatch.setattr("mien.lab.evaluate.expression_pictures.write_pictures", full)
    shown = CliRunner().invoke(app, [*words, str(tmp_path / "drawn" / "best.pt"), "--out", str(tmp_path / "out")])
    assert shown.exit_code != 0
    assert "accuracy 0." in shown.output, "a sheet that fails must not take the figures"


def test_recipes_must_be_understood(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no network is named"):
        plan_of(Request(("folder:x",), tmp_path))
    recipe.write_text(RECIPE.replace("[task]", "[tasks]"))
    with pytest.raises(ConfigError, match='unknown key "tasks"|unknown key'):
        plan_of(Request(("folder:x",), tmp_path, recipe=recipe))
    recipe.write_text(RECIPE)
    assert plan_of(Request(("folder:x",), tmp_path, recipe=recipe)).task.input_px == 24
    assert plan_of(Request(("folder:x",), tmp_path, model="deformable")).task.input_px == 48


def test_crops_show_the_unit_square_and_shaking_moves_it() -> None:
    image = np.zeros((20, 30), np.uint8)
    image[:, 15:] = 200
    faces = ExpressionFaces(
        [image], np.array([[[20.0, 0, 4.5], [0, 20, -0.5]]]), np.eye(3, dtype=np.float32)[:1], NAMES[:3], ("a",)
    )
    crop = faces.crop(0, 20)
    assert crop.shape == (20, 20, 3)
    assert np.array_equal(crop[..., 0], image[:, 5:25])
    mirrored = shake(replace(PLAIN, mirror=1.0), 0.0, np.random.default_rng(0))
    assert np.array_equal(faces.shaken(0, 20, mirrored)[..., 0], crop[:, ::-1, 0])
    assert np.allclose(shake(PLAIN, 0.0, np.random.default_rng(0)), np.eye(3))
    moved = shake(Augmentation(mirror=0), 0.1, np.random.default_rng(1))
    assert not np.allclose(moved, np.eye(3))


def test_parts_are_stable_and_follow_the_person() -> None:
    many = faces_of(60)
    people = replace(many, names=tuple(f"person {i // 5}" for i in range(60)))
    first, second = parted(people, 0.4)
    assert not set(first.names) & set(second.names)
    assert len(first) + len(second) == 60
    again = parted(people.part(np.arange(30)), 0.4)[1]
    assert set(again.names) == set(second.names) & set(people.names[:30])
    few = people.part(np.arange(10))
    for share in (0.0001, 0.9999):
        assert {len(set(part.names)) for part in parted(few, share)} == {1}, "of two people each part has one"
    with pytest.raises(RequestError, match="cannot be parted"):
        parted(many.part([0]), 0.5)


def test_rare_classes_weigh_more() -> None:
    faces = faces_of(6).part([0, 3, 1, 4, 2])
    assert class_weights(faces, 0.0).tolist() == [1, 1, 1]
    weight = class_weights(faces, 1.0)
    assert weight[2] == pytest.approx(2 * weight[0])
    assert float((weight * faces.counts).sum() / 5) == pytest.approx(1)


def test_every_face_comes_once_in_a_round_and_batches_depend_on_the_step_alone() -> None:

    faces = faces_of(8)
    net = make({"name": "compact", "widths": [8], "blocks": [1]}, 3)
    task = ExpressionTask(net, ExpressionSpec(16, mixup=0.4, mixed=1.0), faces, faces, PLAIN, batch=4)
    stream = iter(task.batches(0))
    batches = [next(stream) for _ in range(4)]
    later = next(iter(task.batches(3)))
    assert torch.equal(batches[3][0], later[0])
    assert torch.equal(batches[3][1].probabilities, later[1].probabilities)
    assert torch.allclose(
        torch.cat([b[1].probabilities for b in batches[:2]]).sum(dim=0), torch.tensor([3.0, 3.0, 2.0])
    )


def test_votes_become_probabilities_and_boxes_place_the_crop(striped_faces: Path) -> None:
    sample = open_dataset(f"folder:{striped_faces}").sample(0)
    assert sample.expression is not None
    voted = replace(sample, expression=replace(sample.expression, votes={"fear": 3.0, "anger": 1.0, "contempt": 4.0}))
    row = label_row(voted, NAMES)
    assert row is not None
    assert row[NAMES.index("fear")] == pytest.approx(0.75)
    assert label_row(replace(sample, expression=None), NAMES) is None
    _, whole = placed(sample, None)
    boxed = replace(sample, boxes_xyxy=np.array([[8, 8, 24, 24]], np.float32))
    image, half = placed(boxed, None)
    assert half[0, 0] == pytest.approx(whole[0, 0] / 2)
    middle = half @ [0.5, 0.5, 1]
    assert 0 < middle[0] < image.shape[1]
    low = read_faces([sample], NAMES, {sample.name: FoundPoints(np.full((98, 2), np.nan, np.float32), 0.9)})
    assert np.allclose(low.image_from_unit[0], placed(sample, None)[1])


def test_points_are_found_once_and_a_damaged_file_is_named(
    striped_faces: Path, tmp_path: Path, disc_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.lab.train import expression_points

    model = str(disc_models / "hrnet98-128")
    monkeypatch.setattr(expression_points.PointFinder.__init__, "__defaults__", (model,))
    samples = [open_dataset(f"folder:{striped_faces}").sample(i) for i in (0, 40)]
    kept = tmp_path / "points.npz"
    found = points_of(samples, kept)
    assert set(found) == {s.name for s in samples}
    assert found[samples[0].name].xy.shape == (98, 2)
    (tmp_path / "points.npz.part").mkdir()  # what another process has in hand is not touched
    kept.unlink()
    assert set(points_of(samples, kept)) == set(found)
    monkeypatch.setattr(expression_points, "PointFinder", None)
    again = points_of(samples, kept)
    assert np.array_equal(again[samples[1].name].xy, found[samples[1].name].xy)
    whole = kept.read_bytes()
    for broken in (b"PK nothing", b"", whole[: len(whole) // 2]):
        kept.write_bytes(broken)
        with pytest.raises(ModelError, match="holds no points of faces"):
            points_of(samples, kept)


def test_temperature_makes_overconfident_answers_fair() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (4000, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(3, p=row) for row in p])
    loud = np.exp(3 * logits) / np.exp(3 * logits).sum(axis=1, keepdims=True)
    assert fit_temperature(loud, truth) == pytest.approx(3, rel=0.1)
    assert reliability(p, truth).ece < 0.03 < reliability(loud, truth).ece
    sure = reliability(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1]))
    assert sure.ece == pytest.approx(0.4)
    assert sure.count.sum() == 2
    with pytest.raises(RequestError, match="need as many classes"):
        reliability(p, truth[:5])
