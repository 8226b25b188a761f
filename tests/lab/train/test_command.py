"""The trainers' common command line."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mien.errors import ConfigError
from mien.lab.train.command import named_places, order_of, trainer_parser

KEYS = ("model", "schedule", "data")
RECIPE = """
[model]
kind = "small"
[schedule]
steps = 7
seed = 5
[[data]]
place = "here"
"""


def asked(folder: Path, text: str, *more: str) -> Any:
    (folder / "r.toml").write_text(text, encoding="utf-8")
    return trainer_parser("One line.\n\nMore.", workers=3, threads=1).parse_args(
        ["--config", str(folder / "r.toml"), "--out", str(folder / "run"), *more]
    )


def test_the_command_line_stands_above_the_recipe(tmp_path: Path) -> None:
    options = asked(tmp_path, RECIPE, "--set", "here=there", "--minutes", "2")
    assert (options.workers, options.threads) == (3, 1)

    def changed(recipe: dict[str, Any]) -> None:
        recipe["model"] = {"kind": "large"}

    order = order_of(options, KEYS, named_places, changed)
    assert order.places == {"here": "there"}
    assert order.recipe["model"] == {"kind": "large"}
    assert (order.schedule.steps, order.schedule.minutes) == (7, 2.0)
    assert torch.initial_seed() == 5
    assert order_of(asked(tmp_path, RECIPE, "--steps", "9"), KEYS, named_places).schedule.steps == 9


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        (RECIPE, ("--set", "hear=there"), "hear.*here"),
        (RECIPE + "[extra]\n", (), "extra"),
        ("data = 3\n", (), r"\[\[data\]\]"),
        ("data = [1]\n", (), r"\[\[data\]\]"),
        ("[schedule]\nstep = 3\n", (), "step"),
        ("not toml", (), r"r\.toml"),
    ],
)
def test_what_is_wrong_is_one_error(tmp_path: Path, text: str, more: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        order_of(asked(tmp_path, text, *more), KEYS, named_places)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    options = trainer_parser(None).parse_args(["--config", str(tmp_path / "no.toml"), "--out", "run"])
    with pytest.raises(ConfigError, match=r"no\.toml"):
        order_of(options, KEYS, named_places)
