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
from mien.lab.train.expression import Request, train
from mien.lab.train.expression_plan import FacesSpec, to_learn

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
    recipe.write_text(RECIPE.replace("[faces]", '[faces]\nwithout = "fold40"'))
    with pytest.raises(RequestError, match='has no "fold40"; it has: fold1'):
        train(replace(request, out=tmp_path / "other"))


def test_a_fold_can_be_left_out(copies: tuple[Path, Path]) -> None:
    whole = open_dataset(f"ckplus:{copies[0]}")
    part = to_learn(whole, FacesSpec(without="fold2"))
    assert set(whole.subjects) - set(part.subjects) == {"S002", "S012"}
    assert to_learn(whole, FacesSpec()) is whole
    assert set(to_learn(open_dataset(f"jaffe:{copies[1]}"), FacesSpec(without="KA")).subjects) == {"KM", "YM"}
