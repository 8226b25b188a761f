"""Across datasets: learnt from CK+, whose protocol has folds and no training split, and measured on JAFFE."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from made_up_expressions import RECIPE

from mien.errors import RequestError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.evaluate.expression import Request as EvaluateRequest
from mien.lab.evaluate.expression import evaluate, figures
from mien.lab.evaluate.expression_parts import learnt_from
from mien.lab.evaluate.expression_readers import load_net
from mien.lab.train.expression import read_training, train
from mien.lab.train.expression_faces import parted
from mien.lab.train.expression_held_out import held_out_of, spec_of
from mien.lab.train.expression_pair import pair_of
from mien.lab.train.expression_plan import FacesSpec, Request, to_learn

CODES = {"anger": (1, "AN"), "happiness": (5, "HA"), "surprise": (7, "SU")}
"""Number in CK+ and letters in JAFFE of three expressions."""


def write_face(path: Path, kind: int, rng: np.random.Generator) -> None:
    """Stripes whose direction tells the expression."""
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:32, :32]
    along = x * np.cos(np.pi * kind / 3) + y * np.sin(np.pi * kind / 3)
    image = 128 + 90 * np.sin(along + rng.uniform(0, 7)) + rng.normal(0, 9, (32, 32))
    cv2.imwrite(str(path), image.clip(0, 255).astype(np.uint8))


@pytest.fixture
def copies(tmp_path: Path) -> tuple[Path, Path]:
    """A CK+ of twelve people and a JAFFE of three."""
    rng = np.random.default_rng(0)
    ck, jaffe = tmp_path / "ck", tmp_path / "jaffe"
    for kind, (number, letters) in enumerate(CODES.values()):
        for person in range(1, 13):
            stem = f"S{person:03d}/{kind + 1:03d}"
            name = f"{stem.replace('/', '_')}_00000001"
            write_face(ck / "cohn-kanade-images" / stem / f"{name}.png", kind, rng)
            label = ck / "Emotion" / stem / f"{name}_emotion.txt"
            label.parent.mkdir(parents=True)
            label.write_text(f"   {number:.7e}\n")
        for i, person in enumerate(("KA", "KM", "YM")):
            write_face(jaffe / f"{person}.{letters}{i + 1}.{10 * kind + i}.tiff", kind, rng)
    return ck, jaffe


def test_learnt_from_ckplus_and_measured_on_jaffe(copies: tuple[Path, Path], tmp_path: Path) -> None:
    torch.set_num_threads(1)
    ck, jaffe = copies
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    request = Request((f"ckplus:{ck}",), tmp_path / "run", recipe=recipe, steps=60, threads=1, device="cpu")
    train(request)
    words = (str(tmp_path / "run" / "best.pt"),)  # the mirror image of one's stripes is the other's
    (run,) = evaluate(EvaluateRequest(f"jaffe:{jaffe}", words, aligned=False, flip=False))
    told = figures(run)
    assert told["faces"] == 9
    assert told["accuracy"] > 0.7
    assert "contempt" not in told["classes"], "JAFFE's own classes count"
    assert (told["seed"], told["learnt_from"]) == (1, 0)
    assert told["taught"]["data"] == ["ckplus"]
    (own,) = evaluate(EvaluateRequest(f"ckplus:{ck}", words, aligned=False, flip=False))
    assert own.learnt == len(own.truth), "it was taught on all of them"
    recipe.write_text(RECIPE.replace("[faces]", '[faces]\nwithout = "fold1"'))
    with pytest.raises(RequestError, match="choose another --out"):
        train(replace(request, steps=61))
    recipe.write_text(RECIPE)
    with pytest.raises(RequestError, match="choose another --out"):
        train(replace(request, seed=2))
    recipe.write_text(RECIPE.replace("[faces]", '[faces]\nwithout = "fold40"'))
    with pytest.raises(RequestError, match='has no "fold40"; it has: fold1'):
        train(replace(request, out=tmp_path / "other"))


def test_a_fold_can_be_left_out(copies: tuple[Path, Path]) -> None:
    whole = open_dataset(f"ckplus:{copies[0]}")
    part = to_learn(whole, FacesSpec(without="fold2"))
    assert set(whole.subjects) - set(part.subjects) == {"S002", "S012"}
    assert to_learn(whole, FacesSpec()) is whole
    assert set(to_learn(open_dataset(f"jaffe:{copies[1]}"), FacesSpec(without="KA")).subjects) == {"KM", "YM"}
    with pytest.raises(RequestError, match="split 'val': ckplus has folds"):
        to_learn(whole, FacesSpec(split="val"))


def test_who_was_left_out_is_measured_alone(copies: tuple[Path, Path], tmp_path: Path, caplog) -> None:
    torch.set_num_threads(1)
    recipe, data = tmp_path / "recipe.toml", f"jaffe:{copies[1]}"
    recipe.write_text(RECIPE.replace("[faces]", '[faces]\nwithout = "KA"'))
    train(Request((data,), tmp_path / "run", recipe=recipe, steps=2, threads=1, device="cpu"))
    request = EvaluateRequest(data, (str(tmp_path / "run" / "best.pt"),), "KA", aligned=False, flip=False)
    (run,) = evaluate(request)
    assert set(run.clusters) == {"KA"}
    assert run.learnt == 0
    assert "was taught on" not in caplog.text
    (run,) = evaluate(replace(request, split="KM"))
    assert run.learnt == len(run.truth) == 3
    assert "was taught on 3 of the 3 faces measured" in caplog.text
    with pytest.raises(RequestError, match='has no split "XY"; .* people: KA, KM, YM'):
        evaluate(replace(request, split="XY"))
    assert len(open_dataset(f"ckplus:{copies[0]}").part("fold2")) == 6


def test_the_exporter_takes_what_the_run_held_out(copies: tuple[Path, Path], tmp_path: Path) -> None:
    torch.set_num_threads(1)
    recipe, data = tmp_path / "recipe.toml", (f"ckplus:{copies[0]}",)
    recipe.write_text(RECIPE.replace("[faces]", '[faces]\nwithout = "fold2"'))
    request = Request(data, tmp_path / "run", recipe=recipe, steps=2, threads=1, device="cpu")
    train(request)
    net, facts = load_net(tmp_path / "run" / "best.pt")
    spec = spec_of(facts, data, None)
    assert (spec.without, spec.held_out, spec.aligned) == ("fold2", 0.2, False)
    whole, _ = parted(read_training(request, replace(spec, without="")), spec.held_out)
    _, kept = parted(read_training(request, spec), spec.held_out)
    found, truth = held_out_of(request, spec, net, facts)
    assert len(found) == len(truth) == len(kept)
    assert not set(kept.names) & {"S002", "S012"}
    assert not set(kept.names) & set(whole.names)
    with pytest.raises(RequestError, match="it was taught on ckplus"):
        spec_of(facts, ("jaffe:x",), None)
    with pytest.raises(RequestError, match="the run held out 0.2"):
        spec_of(facts, data, 0.06)
    older = {"aligned": False, "classes": facts["classes"]}
    assert spec_of(older, data, 0.1).held_out == 0.1
    assert learnt_from(older, open_dataset(data[0]), []) is None


def test_halves_of_a_pair_must_have_held_out_the_same(copies: tuple[Path, Path], tmp_path: Path) -> None:
    torch.set_num_threads(1)
    recipe, runs = tmp_path / "recipe.toml", []
    for name, without in (("one", "KA"), ("two", "KM")):
        recipe.write_text(RECIPE.replace("[faces]", f'[faces]\nwithout = "{without}"'))
        request = Request((f"jaffe:{copies[1]}",), tmp_path / name, recipe=recipe, steps=1, threads=1, device="cpu")
        train(request)
        runs.append(tmp_path / name / "best.pt")
    with pytest.raises(RequestError, match="one learnt from faces that the other held out"):
        pair_of(*runs, tmp_path / "pair")
    assert pair_of(runs[0], runs[0], tmp_path / "pair").is_file()
