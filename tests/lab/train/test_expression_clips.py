"""Training on clips: the sound is listened to, the pictures are looked at, people stay apart, damage is told."""

import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from made_up_clips import RECIPE, write_clip, write_clips
from skimage.data import astronaut
from typer.testing import CliRunner

from mien.cli.main import app
from mien.errors import ConfigError, RequestError, SourceError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.evaluate.expression import Request as EvaluateRequest
from mien.lab.evaluate.expression import Run, evaluate, figures
from mien.lab.evaluate.expression_pictures import write_pictures
from mien.lab.models.expression.catalogue import make
from mien.lab.train import expression_clips
from mien.lab.train.checkpoints import write_checkpoint
from mien.lab.train.expression import train
from mien.lab.train.expression_clip_files import kept_file
from mien.lab.train.expression_clips import read_clips
from mien.lab.train.expression_export import main as export
from mien.lab.train.expression_faces import parted
from mien.lab.train.expression_plan import Request
from mien.runtime.session import open_session

GREY = np.full((32, 32, 3), 110, np.uint8)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def request_of(data: Path, recipe: Path, **changes: object) -> Request:
    return replace(Request((f"folder:{data}",), recipe.parent / "run", recipe=recipe, threads=1), **changes)


def said(data: Path, run: Path, *more: str) -> list[Run]:
    request = EvaluateRequest(f"folder:{data}", (str(run / "best.pt"), *more), aligned=False, flip=False)
    return evaluate(replace(request, points=run / "clips"))


def test_two_sounds_are_told_apart_with_the_same_pictures(recipe: Path, tmp_path: Path) -> None:
    data = write_clips(tmp_path / "data", seen=False, heard=True)
    out = tmp_path / "run"
    words = ["lab", "train", "expression", "--data", f"folder:{data}", "--recipe", str(recipe), "--out", str(out)]
    first = CliRunner().invoke(app, [*words, "--threads", "1", "--steps", "30"])
    assert first.exit_code == 0, first.output
    kept = {p.name: p.stat().st_mtime_ns for p in (out / "clips").iterdir()}
    assert kept
    shown = CliRunner().invoke(app, [*words, "--threads", "1", "--steps", "80", "--json"])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["steps"] == 80
    assert {p.name: p.stat().st_mtime_ns for p in (out / "clips").iterdir()} == kept, "clips were read again"
    told = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [e["step"] for e in told if e["event"] == "start"] == [0, 30], "did not go on where it stopped"
    assert all("eta_s" in e for e in told if e["event"] == "step")
    measured = CliRunner().invoke(
        app,
        ["lab", "evaluate", "expression", "--data", f"folder:{data}", "--model", str(out / "best.pt"), "--whole",
         "--no-flip", "--points", str(out / "clips"), "--json", "--out", str(tmp_path / "figures")],
    )  # fmt: skip
    assert measured.exit_code == 0, measured.output
    with_sound, without = json.loads(measured.stdout)["runs"]
    assert with_sound["accuracy"] > 0.9
    assert without["accuracy"] < 0.75, "the answer does not come from the sound"
    assert with_sound["faces"] == 24
    assert without["name"].endswith("sound taken away")
    assert with_sound["protocol"] == "clips, 2 moments, whole pictures"
    assert without["protocol"] != with_sound["protocol"], "they are no two seeds"
    assert [p.name for p in (tmp_path / "figures").iterdir() if p.name.startswith("pictures")] == []


def test_two_pictures_are_told_apart_with_the_same_sound_or_none(recipe: Path, tmp_path: Path) -> None:
    data = write_clips(tmp_path / "data", seen=True, heard=False)
    train(request_of(data, recipe, steps=80))
    measured = [figures(run)["accuracy"] for run in said(data, tmp_path / "run", "expression48")]
    assert measured[0] > 0.9
    assert measured[1] > 0.9, "without the sound it must still see"
    assert len(measured) == 3, "a network of pictures answers by the mean of the moments"


def test_no_sheets_are_drawn_of_clips(recipe: Path, tmp_path: Path) -> None:
    data = write_clips(tmp_path / "data", seen=True, heard=False, people=6)
    train(request_of(data, recipe, steps=1))
    model = {"name": "pyramid", "stages": [[8, 1], [16, 1]], "hidden": 16, "raised": 8, "raised_blocks": 1}
    facts = {"model": model, "classes": ["happiness", "sadness"], "task": {"input_px": 24}}
    write_checkpoint(tmp_path / "drawn.pt", {"facts": facts, "net": make(model, 2).state_dict()})
    words = (str(tmp_path / "run" / "best.pt"), str(tmp_path / "drawn.pt"))
    request = EvaluateRequest(f"folder:{data}", words, points=tmp_path / "run" / "clips")
    assert write_pictures(request, tmp_path) == []
    assert write_pictures(replace(request, models=words[1:], points=None, aligned=False), tmp_path) != []


def test_a_trained_network_becomes_a_model_that_answers_the_same(recipe: Path, tmp_path: Path) -> None:
    data = write_clips(tmp_path / "data", seen=True, heard=True, people=6)
    run = tmp_path / "run"
    train(request_of(data, recipe, steps=10))
    export(
        ["--checkpoint", str(run / "best.pt"), "--name", "clips-test", "--out", str(tmp_path / "models"), "--data",
         f"folder:{data}", "--held-out", "0.25", "--command", "test"]
    )  # fmt: skip
    card = json.loads((tmp_path / "models" / "clips-test" / "card.json").read_text())
    assert [i["name"] for i in card["inputs"]] == ["image", "sound", "has_sound"]
    assert card["training"]["data"][0]["name"] == "your own pictures"
    assert any("no stage of the runtime" in text for text in card["limits"])
    found = said(data, run)[0].found
    clips = read_clips(list(open_dataset(f"folder:{data}")), ("happiness", "sadness"), 2, aligned=False)
    from mien.lab.train.expression_clip_task import clip_inputs

    model = (tmp_path / "models" / "clips-test" / "model.onnx").read_bytes()
    session = open_session(model, backend="onnxruntime", threads=1)
    names = ("image", "sound", "has_sound")
    given = dict(zip(names, (x.numpy() for x in clip_inputs(clips, 3, 24)), strict=True))
    answer = session.run(given)["probabilities"][0]
    session.close()
    temperature = float(card["task"].rpartition(" ")[2])
    wanted = found[3] ** (1 / temperature)
    assert np.allclose(answer, wanted / wanted.sum(), atol=2e-3)


def test_silent_clips_count_as_unheard_and_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_clip(tmp_path / "happy" / "a" / "1.avi", GREY, None)
    write_clip(tmp_path / "sad" / "b" / "1.avi", GREY, 500.0)
    with caplog.at_level(logging.WARNING):
        clips = read_clips(list(open_dataset(f"folder:{tmp_path}")), ("happiness", "sadness"), 2, aligned=False)
    assert clips.has_sound.tolist() == [0, 1]
    assert not clips.sound[0].any()
    assert clips.sound[1].any()
    assert "1 of 2 clips have no sound" in caplog.text
    assert clips.names == ("a", "b")


def test_faces_are_found_and_aligned_by_the_own_chain(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture = np.ascontiguousarray(astronaut()[:320, 40:440])
    write_clip(tmp_path / "happy" / "a" / "1.avi", picture, None)
    write_clip(tmp_path / "sad" / "b" / "1.avi", np.full_like(picture, 120), None)
    with caplog.at_level(logging.WARNING):
        clips = read_clips(list(open_dataset(f"folder:{tmp_path}")), ("happiness", "sadness"), 1)
    assert "no face found in 1 clips (sad/b/1.avi" in caplog.text
    side = np.hypot(*clips.faces.image_from_unit[0][:, 0])
    assert 60 < side < 200, "the crop is the face, not the picture of 400 by 320 px"
    face = clips.faces.crop(0, 64).astype(float)
    assert face[10:54, 10:54].mean() > 100, "skin"
    assert not np.ptp(clips.faces.crop(1, 64)), "without a face the middle of the picture, which is grey"


def test_people_stay_on_one_side(tmp_path: Path) -> None:
    for person in range(8):
        for i, name in enumerate(("happy", "sad", "sad")):
            write_clip(tmp_path / name / f"p{person}" / f"{i}.avi", GREY, None)
    data = open_dataset(f"folder:{tmp_path}")
    sides = {p: {s.split for s in data if s.subject == p} for p in data.subjects}
    assert len(sides) == 8
    assert all(len(side) == 1 for side in sides.values())
    clips = read_clips(list(data), ("happiness", "sadness"), 1, aligned=False)
    learnt, held_out = parted(clips, 0.4)
    assert not set(learnt.names) & set(held_out.names)
    assert len(learnt) + len(held_out) == 24
    assert learnt.faces.names == learnt.names


def test_a_csv_names_clip_label_and_subject(tmp_path: Path) -> None:
    write_clip(tmp_path / "clips" / "01-03.avi", GREY, 500.0)
    (tmp_path / "labels.csv").write_text("file,label,subject,split\nclips/01-03.avi,happy,actor 1,test\n")
    (sample,) = open_dataset(f"folder:{tmp_path}")
    assert sample.clip is not None
    assert sample.clip.video == tmp_path / "clips" / "01-03.avi"
    assert (sample.subject, sample.split) == ("actor 1", "test")
    assert sample.image().shape == (32, 32, 3)


def test_damaged_clips_are_named_all_at_once(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "happy" / "a" / "1.avi", GREY, 500.0)
    cut = tmp_path / "sad" / "b" / "cut.mp4"
    write_clip(cut, GREY, None)
    cut.write_bytes(cut.read_bytes()[:-300])
    (cut.parent / "empty.avi").write_bytes(b"")
    (cut.parent / "text.mkv").write_bytes(b"no video at all\n" * 50)
    (cut.parent / "zeros.mov").write_bytes(bytes(2000))
    half = cut.parent / "half.avi"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    samples = list(open_dataset(f"folder:{tmp_path}"))
    with pytest.raises(SourceError) as told:
        read_clips(samples, ("happiness", "sadness"), 2, tmp_path / "kept", aligned=False)
    text = str(told.value)
    assert text.startswith("5 of 6 clips cannot be read; mend them or take them out: ")
    assert "folder: sad/b/cut.mp4" in text
    assert "; and 2 more" in text
    for name in ("cut.mp4", "empty.avi", "text.mkv", "zeros.mov", "half.avi"):
        one = [s for s in samples if s.name == f"sad/b/{name}"]
        with pytest.raises(SourceError, match="1 of 1 clips cannot be read") as told:
            read_clips(one, ("happiness", "sadness"), 2, aligned=False)
        assert name in str(told.value)


def test_a_damaged_keepsake_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "data" / "happy" / "1.avi", GREY, 500.0)
    samples, kept = list(open_dataset(f"folder:{tmp_path / 'data'}")), tmp_path / "kept"
    first = read_clips(samples, ("happiness",), 2, kept, aligned=False)
    (file,) = kept.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    again = read_clips(samples, ("happiness",), 2, kept, aligned=False)
    assert np.array_equal(first.sound, again.sound)
    monkeypatch.setattr(expression_clips, "read_moments", None)
    kept_one = read_clips(samples, ("happiness",), 2, kept, aligned=False)
    assert np.array_equal(kept_one.faces.crop(0, 24), first.faces.crop(0, 24))
    with pytest.raises(TypeError):
        read_clips(samples, ("happiness",), 3, kept, aligned=False)


def test_what_is_kept_is_taken_for_the_same_clip_read_by_the_same_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, hz in (("one", 500.0), ("two", 3000.0)):
        clip = write_clip(tmp_path / folder / "happy" / "1.avi", GREY, hz)
        os.utime(clip, (1, 1))
    one, two = (list(open_dataset(f"folder:{tmp_path / folder}")) for folder in ("one", "two"))
    kept = tmp_path / "kept"
    first, second = (read_clips(samples, ("happiness",), 2, kept, aligned=False) for samples in (one, two))
    assert not np.array_equal(first.sound, second.sound), "a clip of the same name in another folder"
    names = {kept_file(kept, one[0], 2, models) for models in (None, ("a-1",), ("a-2",))}
    assert len(names) == 3, "other networks cut other crops"
    asked: list[object] = []

    def spied(*given: object) -> Path:
        asked.append(given[-1])
        return kept_file(*given)

    monkeypatch.setattr(expression_clips, "kept_file", spied)
    read_clips(one, ("happiness",), 1, kept)
    assert len(asked[0]) >= 2, "the detector and the landmark network are named"
    for file in kept.iterdir():
        file.write_bytes(b"")
    again = read_clips(one, ("happiness",), 2, kept, aligned=False)
    assert np.array_equal(again.sound, first.sound)


def test_a_cover_beside_the_class_folders_is_no_item(tmp_path: Path) -> None:
    write_clip(tmp_path / "train" / "happy" / "a" / "1.avi", GREY, None)
    for place in (tmp_path, tmp_path / "train"):
        cv2.imwrite(str(place / "cover.jpg"), GREY)
    data = open_dataset(f"folder:{tmp_path}")
    assert [s.name for s in data] == ["train/happy/a/1.avi"]
    assert data.sample(0).clip is not None


def test_what_does_not_go_together_is_refused(recipe: Path, striped_faces: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no clip with one of the expressions .* needs videos"):
        train(request_of(striped_faces, recipe))
    data = write_clips(tmp_path / "data", seen=True, heard=True, people=6)
    train(request_of(data, recipe, steps=1))
    with pytest.raises(RequestError, match="leave --preset out"):
        evaluate(EvaluateRequest(f"folder:{data}", (str(tmp_path / "run" / "best.pt"),), end_to_end="balanced"))
    with pytest.raises(ConfigError, match="begins with a checkpoint"):
        train(request_of(data, recipe, start="expression48", out=tmp_path / "other"))
    recipe.write_text(RECIPE.replace("smoothing = 0.0", "mixup = 0.4"))
    with pytest.raises(ConfigError, match="clips are not mixed"):
        train(request_of(data, recipe))
    recipe.write_text(RECIPE.replace("moments = 2", "moments = 0"))
    with pytest.raises(ConfigError, match="expected 1 or more"):
        train(request_of(data, recipe))
